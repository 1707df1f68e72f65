/** A driver that hangs: one command of ours may hang with it, and no second one. */
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import type { GpuSample } from '../../agent/sensors/gpu-sample.ts'
import type { Machine } from '../host/fixture.ts'
import { answer, answersOf, gpuMachine, judged, look, plug } from './nvidia-smi.ts'

const PID = 4711

/** A line of /proc/PID/stat, from the state to the start. */
function stat(given: { comm?: string; state?: string; ppid?: number; start?: number } = {}): string {
  const { comm = 'nvidia-smi', state = 'D', ppid = 999_999, start = 720_100 } = given
  return `${PID} (${comm}) ${state} ${ppid} ${PID} ${PID} 0 -1 4194560 0 0 0 0 0 3 0 0 20 0 1 0 ${start} 0 0\n`
}

/** From now on nvidia-smi does not end, and cannot be ended. */
function hang(machine: Machine, line = stat()): void {
  machine.commands.set('nvidia-smi', () => {
    machine.write(`/proc/${PID}/stat`, line)
    throw new HostError('nvidia-smi did not end within 5000 ms')
  })
}

function reasonOf(machine: Machine, now: GpuSample, before: GpuSample): string {
  const reading = judged(machine, now, before)
  expect(reading.kind).toBe('unknown')
  return reading.reason
}

describe('a driver that hangs', () => {
  it('is asked once, and said to hang since then', async () => {
    const machine = gpuMachine('p4d')
    answer(machine, answersOf('p4d-idle'))
    const before = await look(machine)
    hang(machine)
    const ran = machine.ran.length
    const first = await look(machine, before)
    expect(reasonOf(machine, first, before)).toBe('nvidia-smi hangs since 02:00 UTC')
    expect(first.stuck).toMatchObject([{ command: 'nvidia-smi', pid: PID, start: 720_100 }])
    let last = first
    for (let checks = 0; checks < 5; checks += 1) {
      machine.pass(120_000)
      const now = await look(machine, last)
      expect(reasonOf(machine, now, last)).toBe('nvidia-smi hangs since 02:00 UTC')
      last = now
    }
    expect(machine.ran.length - ran).toBe(1)
    machine.pass(86_400_000)
    expect(reasonOf(machine, await look(machine, last), last)).toBe('nvidia-smi hangs since 2026-01-01 02:00 UTC')
  })

  it('is asked again once the command has gone', async () => {
    const machine = gpuMachine('g5')
    hang(machine)
    const hung = await look(machine)
    answer(machine, answersOf('g5-idle'))
    machine.remove(`/proc/${PID}`)
    const now = await look(machine, hung)
    expect(reasonOf(machine, now, hung)).toBe('GPU 0 could not be read before')
    expect(now.stuck).toEqual([])
    expect(judged(machine, await look(machine, now), now)).toMatchObject({ kind: 'idle' })
  })

  it.each([
    ['another process has its number', stat({ start: 999_000 })],
    ['it was killed at last and nobody has waited for it', stat({ state: 'Z' })],
  ])('is asked again where %s', async (_, line) => {
    const machine = gpuMachine('g5')
    hang(machine)
    const hung = await look(machine)
    answer(machine, answersOf('g5-idle'))
    machine.write(`/proc/${PID}/stat`, line)
    expect((await look(machine, hung)).gpus).toMatchObject([{ name: 'GPU 0', busy: 0 }])
  })

  it.each([
    ['it did end', undefined],
    ["another's command hangs", stat({ ppid: 1 })],
    ['another child lives', stat({ comm: 'grep' })],
    ['it is dead and only waits for us', stat({ state: 'Z' })],
  ])('is asked again at the next look where %s', async (_, line) => {
    const machine = gpuMachine('g5')
    machine.commands.set('nvidia-smi', () => {
      if (line !== undefined) machine.write(`/proc/${PID}/stat`, line)
      throw new HostError('nvidia-smi did not end within 5000 ms')
    })
    const before = await look(machine)
    const now = await look(machine, before)
    expect(now.stuck).toEqual([])
    expect(reasonOf(machine, now, before)).toBe('nvidia-smi did not end within 5000 ms')
    expect(machine.ran).toHaveLength(2)
  })

  it('leaves the GPUs of another driver to be judged', async () => {
    const machine = gpuMachine('g5')
    plug(machine, [{ address: '00:1e.0' }, { address: '03:00.0', vendor: '1002', class: '0x120000', driver: 'amdgpu' }])
    machine.write('/sys/bus/pci/devices/0000:03:00.0/gpu_busy_percent', '97\n')
    hang(machine)
    const before = await look(machine)
    expect(judged(machine, await look(machine, before), before)).toMatchObject({
      kind: 'active',
      reason: 'GPU 0000:03:00.0 is busy: 97 %, limit 5 %',
    })
  })
})

it('asks no more once the time is up', async () => {
  const machine = gpuMachine('g5')
  const answers = answersOf('g5-model-loaded')
  machine.commands.set('nvidia-smi', ([, question = '']) => {
    machine.pass(1_800)
    return answers[question.split('=')[0] ?? ''] ?? { status: 1, stdout: '', stderr: '' }
  })
  const before = await look(machine)
  expect(machine.ran).toHaveLength(3)
  expect(reasonOf(machine, before, before)).toBe('nvidia-smi takes more than 5 s')
})

it('stops when told to', async () => {
  const machine = gpuMachine('g5')
  const host = machine.host()
  const { gpu } = await import('../../agent/sensors/gpu.ts')
  await expect(gpu.read(host, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
})
