// A sensor behind a gate: absent without its subject, not loaded before it is there, and told when the subject has just come.
import { expect, test } from 'vitest'
import { type Gate, gated } from '../../agent/sensors/gated.ts'
import { createMachine } from '../host/fixture.ts'

const span = { now: { wallMs: 0, bootMs: 0, monoMs: 120_000 }, ms: 120_000 }

/** A subject that is there while /run/subject is. */
function gateOf(loads: string[]): Gate<string> {
  return {
    name: 'subject',
    sampleVersion: 1,
    options: {},
    absence: 'no subject here',
    present: async (host) => (await host.stat('/run/subject')) !== undefined,
    load: async () => {
      loads.push('loaded')
      return {
        read: async (host) => (await host.readText('/run/subject')) ?? '',
        judge: (now, before) => ({ kind: 'idle', reason: `${before ?? 'nothing'} before, ${now} now` }),
        gone: (before) => (before === 'two' ? { kind: 'active', reason: 'two has gone' } : undefined),
      }
    },
  }
}

test('absent, then just there, then known; loaded once', async () => {
  const loads: string[] = []
  const sensor = gated(gateOf(loads))
  const machine = createMachine('debian12-vm-quiet')
  const read = (before?: Awaited<ReturnType<typeof sensor.read>>) =>
    sensor.read(machine.host(), new AbortController().signal, before)

  const none = await read()
  expect(sensor.judge(none, none, { span, limits: {} })).toEqual({ kind: 'absent', reason: 'no subject here' })
  expect(loads).toEqual([])

  machine.write('/run/subject', 'one')
  const first = await read(none)
  expect(sensor.judge(first, none, { span, limits: {} }).reason).toBe('nothing before, one now')
  machine.write('/run/subject', 'two')
  const second = await read(first)
  expect(sensor.judge(second, first, { span, limits: {} }).reason).toBe('one before, two now')
  expect(loads).toEqual(['loaded'])

  machine.remove('/run/subject')
  const gone = await read(second)
  expect(sensor.judge(gone, second, { span, limits: {} })).toEqual({ kind: 'active', reason: 'two has gone' })
  expect(sensor.judge(gone, first, { span, limits: {} }).kind).toBe('absent')
  expect(sensor.judge(await read(gone), gone, { span, limits: {} }).kind).toBe('absent')
})

test('a subject that went while nothing was loaded is judged all the same', async () => {
  const loads: string[] = []
  const sensor = gated(gateOf(loads))
  const before = { subject: 'two' }
  const now = await sensor.read(createMachine('debian12-vm-quiet').host(), new AbortController().signal, before)
  expect(sensor.judge(now, before, { span, limits: {} }).reason).toBe('two has gone')
})

test('a gate that cannot be asked throws, for the loop to say unknown', async () => {
  const sensor = gated({
    ...gateOf([]),
    present: async () => {
      throw new Error('/proc cannot be listed')
    },
  })
  await expect(sensor.read(createMachine('debian12-vm-quiet').host(), new AbortController().signal)).rejects.toThrow(
    '/proc cannot be listed',
  )
})
