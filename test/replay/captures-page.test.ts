// docs/captures.md: its example is a capture, and it knows what the schema knows.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { framesOf } from '../../agent/check/frames.ts'
import { replayFrames } from '../../agent/check/replay.ts'
import { parseFrame } from '../../agent/host/frame.ts'
import { configOf } from './frames.ts'

const page = readFileSync('docs/captures.md', 'utf8')
const schema = JSON.parse(readFileSync('docs/capture.schema.json', 'utf8'))
const lines = /```json\n(.*?)\n```/s.exec(page)?.[1]?.split('\n') ?? []

async function* numbered(texts: readonly string[]) {
  for (const [index, text] of texts.entries()) yield { number: index + 1, text }
}

test('the example is judged as it says', async () => {
  const config = await configOf('idle_detection:\n  boot_grace_minutes: 0\n')
  const verdicts: unknown[] = []
  for await (const { object } of replayFrames(framesOf(numbered(lines), 'page'), { config }))
    verdicts.push([object['verdict'], object['reason']])
  expect(verdicts).toEqual([
    ['unknown', expect.stringContaining('first look')],
    ['idle', 'nothing needed this machine for 2 min; hibernate at 00:10 UTC'],
  ])
})

test('the table has every key of a frame, with those inside, and no other', () => {
  const told = new Map(
    [...page.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, key, text]) => [key ?? '', text ?? ''] as const),
  )
  expect([...told.keys()].toSorted()).toEqual(Object.keys(schema.properties).toSorted())
  for (const key of ['host', 'self', 'clocks'])
    for (const inner of Object.keys(schema.properties[key].properties)) expect(told.get(key)).toContain(`\`${inner}\``)
  const [stat] = schema.properties.stats.additionalProperties.anyOf
  for (const inner of Object.keys(stat.properties)) expect(told.get('stats')).toContain(`\`${inner}\``)
  for (const kind of stat.properties.kind.enum) expect(told.get('stats')).toContain(`\`${kind}\``)
})

test('what the schema requires is required, and a frame that it describes is one', () => {
  expect(schema.required.toSorted()).toEqual(['clocks', 'schema'])
  expect(schema.additionalProperties).toBe(false)
  for (const line of lines) expect(parseFrame(line)).toHaveProperty('frame')
  const broken = { ...JSON.parse(lines[1] ?? ''), clocks: {} }
  expect(parseFrame(JSON.stringify(broken))).toHaveProperty('problems')
})
