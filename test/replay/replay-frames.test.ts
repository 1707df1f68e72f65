// Frames made by hand: what they say is what the check sees, and a quiet machine is stopped when it is due.
import { expect, test } from 'vitest'
import { replayFrames } from '../../agent/check/replay.ts'
import { verdictLines } from '../../agent/commands/verdicts.ts'
import { type Frame, parseFrame } from '../../agent/host/frame.ts'
import { clocksAt, configOf, cpuLine, firstFrame, nextFrame, statLine } from './frames.ts'

async function replay(frames: readonly Frame[], text?: string) {
  const objects: Record<string, unknown>[] = []
  for await (const { object } of replayFrames(frames, { config: await configOf(text) })) objects.push(object)
  return objects
}

const noGrace = 'idle_detection:\n  boot_grace_minutes: 0\n'
const stopped = { action: 'hibernate', result: 'done', detail: 'accepted: in memory: hibernate' }

/** The reading of one sensor in one check. */
function readingOf(object: Record<string, unknown> | undefined, sensor: string): unknown {
  const readings: unknown = object?.['readings']
  return Array.isArray(readings) ? readings.find((one) => one.sensor === sensor) : undefined
}

function quiet(count: number): Frame[] {
  return [firstFrame(), ...Array.from({ length: count }, (_, index) => nextFrame(index + 1))]
}

test('a quiet machine is hibernated at its due time, by the clocks of the frames alone', async () => {
  const objects = await replay(quiet(6), noGrace)
  expect(objects[0]).toMatchObject({ host: { cloud: 'aws', id: 'i-0abc', region: 'eu-west-1', uptimeSeconds: 3600 } })
  const actions = objects.map((object) => JSON.stringify(object['actions']).includes(JSON.stringify(stopped)))
  expect(actions).toEqual([false, false, false, false, false, true, false])
  // The second look, six seconds after the due time: no frame says what was seen then, so it was the same.
  expect(objects[5]).toMatchObject({ at: '2026-01-01T00:10:06.000Z', idleSince: '2026-01-01T00:00:00.000Z' })
})

test('two replays say the same, byte for byte', async () => {
  const once = JSON.stringify(await replay(quiet(6), noGrace))
  expect(JSON.stringify(await replay(quiet(6), noGrace))).toBe(once)
})

test('the configuration changes the verdict', async () => {
  const slower = `${noGrace}  hibernate_threshold_minutes: 60\n`
  expect(JSON.stringify(await replay(quiet(6), slower))).not.toContain(JSON.stringify(stopped))
})

test('work in a later frame is seen, named, and over in the one after it', async () => {
  const worked = {
    '/proc/stat': cpuLine(13_000),
    '/proc/600/stat': statLine(600, 'train', { ticks: 12_000 }),
  }
  const objects = await replay([firstFrame(), nextFrame(1, { files: worked }), nextFrame(2)], noGrace)
  expect(readingOf(objects[1], 'cpu')).toMatchObject({ kind: 'active', reason: expect.stringContaining('train') })
  expect(readingOf(objects[2], 'cpu')).toMatchObject({ kind: 'idle' })
})

test('a look right before the call is told what the frame has for it', async () => {
  const [last, ...before] = quiet(5).reverse()
  const typed = { stats: { '/dev/pts/0': { kind: 'character', rdev: 34816, atimeMs: clocksAt(5).wallMs } as const } }
  const again = [{ ...typed, folders: { '/dev/pts': ['ptmx', '0'] } }]
  const objects = await replay([...before.reverse(), { ...nextFrame(5), ...last, again }], noGrace)
  expect(JSON.stringify(objects[5]?.['actions'])).toContain('cancelled by the second look')
})

test.each([
  ['what is unreadable is unknown', { files: { '/proc/stat': { error: 'EACCES: permission denied' } } }, /EACCES/],
  ['what is absent is said to be', { files: { '/proc/stat': null } }, /\/proc\/stat is absent/],
  ['what no frame gave is unknown', { forget: { files: ['/proc/stat'] }, rest: 'unknown' }, /not in the recording/],
  ['what had no answer in time is unknown', { late: ['cpu'] }, /^cpu: no answer within 4 s$/],
] as const)('%s', async (_, more, reason) => {
  const objects = await replay([firstFrame(), nextFrame(1, JSON.parse(JSON.stringify(more)))], noGrace)
  expect(readingOf(objects[1], 'cpu')).toEqual({
    sensor: 'cpu',
    kind: 'unknown',
    reason: expect.stringMatching(reason),
  })
  expect(objects[1]?.['verdict']).toBe('unknown')
})

test('a lease is an input, and what a check writes is not', async () => {
  const lease = {
    schema: 1,
    id: '1000-0',
    reason: '',
    until: { kind: 'until', wallMs: clocksAt(90).wallMs },
  }
  const path = '/run/idle-agent/leases/1000-0'
  const given = {
    files: { [path]: JSON.stringify(lease) },
    stats: { [path]: { kind: 'file', nlink: 1, uid: 1000, ctimeMs: clocksAt(0).wallMs, size: 80 } as const },
  }
  const objects = await replay([firstFrame(), nextFrame(1, given), nextFrame(2, { files: { [path]: null } })], noGrace)
  expect(objects[1]?.['vetoes']).toEqual([{ name: 'lease', reason: 'lease until 03:00 UTC' }])
  expect(objects[2]?.['vetoes']).toEqual([])
  const lines: string[] = []
  const frames = [...quiet(4), nextFrame(5, given)]
  const config = await configOf(noGrace)
  for await (const one of replayFrames(frames, { config })) lines.push(...verdictLines(one, false))
  expect(lines.filter((line) => line.includes('lease'))).toEqual([
    '2026-01-01T00:10:00Z  idle (held): nothing needed this machine for 10 min; held: lease until 03:00 UTC',
  ])
})

test('a wait that goes on past the next frame is no boot', async () => {
  const soon = clocksAt(5)
  const clocks = { wallMs: soon.wallMs + 3000, bootMs: soon.bootMs + 3000, monoMs: soon.monoMs + 3000 }
  const objects = await replay([...quiet(5), nextFrame(6, { clocks }), nextFrame(7)], noGrace)
  expect(objects[5]).toMatchObject({ at: '2026-01-01T00:10:06.000Z' })
  expect(objects[6]).toMatchObject({ at: '2026-01-01T00:10:06.000Z' })
  expect(objects.map(({ reason }) => reason).join()).not.toContain('(booted)')
  const booted = { clocks: clocksAt(0), self: { bootId: '11111111-2222-4333-8444-666666666666' } }
  expect((await replay([...quiet(5), nextFrame(6, booted)], noGrace))[6]?.['reason']).toContain('(booted)')
})

test('metadata that did not answer is a veto with its reason, and no identity is lost', async () => {
  const objects = await replay([firstFrame(), nextFrame(1, { host: { error: 'GET … failed: ECONNREFUSED' } })], noGrace)
  expect(JSON.stringify(objects[1]?.['vetoes'])).toContain('ECONNREFUSED')
  expect(objects[1]).toMatchObject({ host: { id: 'i-0abc' } })
})

test.each([1e300, -1, 9e15])('a clock that is %d is no time of a frame', (wallMs) => {
  const frame = { ...firstFrame(), clocks: { wallMs, bootMs: 1, monoMs: 1 } }
  expect(parseFrame(JSON.stringify(frame))).toEqual({
    problems: ['clocks.wallMs: must be wallMs, bootMs and monoMs, numbers in milliseconds'],
  })
})

test('the latest clocks of all are judged', async () => {
  const late = 4e15
  const first = { ...firstFrame(), clocks: { wallMs: late, bootMs: late, monoMs: late } }
  expect(await replay([first, { ...nextFrame(1), clocks: { wallMs: 0, bootMs: 0, monoMs: 0 } }, first])).toHaveLength(3)
})
