/** What every sensor promises, whichever it is. */
import { describe, expect, it } from 'vitest'
import { sensors } from '../../agent/sensors/table.ts'
import { createMachine } from '../host/fixture.ts'
import { defaults, sample } from './machine.ts'

const machines = [
  'debian12-vm-quiet',
  'debian12-vm-busy-thread-96',
  'container-nspawn',
  'rhel8-v1',
  'tmux-detached',
  'ssh-tunnel',
  'bruteforce',
  'no-ptys',
]

it('the table is in the order of the output', () => {
  expect(sensors.map(({ name }) => name)).toEqual([
    'cpu',
    'sessions',
    'editors',
    'desktops',
    'network',
    'disk',
    'gpu',
    'containers',
    'schedulers',
    'notebooks',
  ])
})

describe.each(sensors.map((sensor) => [sensor.name, sensor] as const))('%s', (_, sensor) => {
  it.each(machines)('judges %s after a round trip through the state file', async (name) => {
    const machine = createMachine(name)
    const before = await sample(sensor, machine)
    machine.pass(120_000)
    const now = await sample(sensor, machine)
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(sensor.options) }
    const reading = sensor.judge(now, before, context)
    expect(reading.kind).toMatch(/^(idle|hold|absent)$/)
    expect(reading.reason).toMatch(/^[ -~…]{3,200}$/)
    expect(sensor.judge(now, before, context)).toEqual(reading)
    expect(JSON.stringify(now).length).toBeLessThan(10_000)
  })

  it('never takes an empty tree for idle', async () => {
    const machine = createMachine('debian12-vm-quiet')
    for (const folder of ['proc', 'sys', 'dev']) machine.remove(`/${folder}`)
    await expect(sample(sensor, machine)).rejects.toThrow(/cannot be listed|absent/)
  })

  it('stops when told to', async () => {
    const host = createMachine('debian12-vm-quiet').host()
    await expect(sensor.read(host, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
  })

  it('has defaults within its bounds, and says what they are', () => {
    for (const option of Object.values(sensor.options)) {
      if (option.type !== 'number') throw new Error('limits are numbers')
      expect(option.default).toBeGreaterThanOrEqual(option.min)
      expect(option.default).toBeLessThanOrEqual(option.max)
      expect(option.about).not.toBe('')
    }
  })
})
