// Writes some scenarios out as captures, for the tests of `replay` and for whoever wants to see one: node test/scenarios/corpus/write-frames.ts
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { captured, captureOf, framesFolder } from './captured.ts'

mkdirSync(framesFolder, { recursive: true })
for (const id of captured) {
  const { lines } = await captureOf(id)
  // Without the time of writing, so that the same frames are the same file.
  writeFileSync(join(framesFolder, `${id}.jsonl.gz`), gzipSync(lines.join(''), { level: 9 }))
}
