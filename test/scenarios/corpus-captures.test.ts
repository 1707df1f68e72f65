/** Scenarios as captures: the files in corpus/frames/ are what the model writes, and `replay` says of each frame what the check said. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { replayFrames } from '../../agent/check/replay.ts'
import { run } from '../../agent/cli.ts'
import { parseFrame } from '../../agent/host/frame.ts'
import { createMemoryHost } from '../host/memory.ts'
import { captured, captureOf, framesFolder } from './corpus/captured.ts'
import { corpus } from './corpus/corpus.ts'
import { configOfScenario } from './corpus/play.ts'

/** A part of the corpus; the others differ from these in what is in the frames, not in how. */
const everyFifth = corpus.filter((_, index) => index % 5 === 2).map((one) => [one.id, one] as const)

describe.each(captured)('%s', (id) => {
  it('is the capture that lies here', async () => {
    const { lines } = await captureOf(id)
    const stored = gunzipSync(readFileSync(join(framesFolder, `${id}.jsonl.gz`))).toString()
    // Else: node test/scenarios/corpus/write-frames.ts
    expect(stored === lines.join('')).toBe(true)
  })

  it('is said again by `replay`, byte for byte', async () => {
    const { played } = await captureOf(id)
    const out: string[] = []
    const host = () => createMemoryHost()
    const argv = ['replay', join(framesFolder, `${id}.jsonl.gz`), '--json']
    const code = await run(argv, { host, out: (line) => out.push(line), err: (line) => out.push(line), colour: false })
    expect(out).toEqual(played.seen.map(({ object }) => JSON.stringify(object)))
    expect(code).toBe(0)
  })
})

describe('the replay', () => {
  it.each(everyFifth)('says of %s what the check said', async (id, scenario) => {
    const { lines, played } = await captureOf(id)
    const frames = lines.map((line) => {
      const parsed = parseFrame(line)
      if ('problems' in parsed) throw new Error(parsed.problems.join(', '))
      return parsed.frame
    })
    const objects: string[] = []
    for await (const { object } of replayFrames(frames, { config: await configOfScenario(scenario) }))
      objects.push(JSON.stringify(object))
    expect(objects).toEqual(played.seen.map(({ object }) => JSON.stringify(object)))
  })
})
