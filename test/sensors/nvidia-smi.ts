/** GPUs for a fixture machine: what its bus shows, and an nvidia-smi that answers from test/fixtures/nvidia-smi. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandResult } from '../../agent/host/host.ts'
import { gpu } from '../../agent/sensors/gpu.ts'
import type { GpuSample } from '../../agent/sensors/gpu-sample.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { defaults } from './machine.ts'

/** Addresses of the machines that the fixtures are named for. */
export const buses = {
  p4d: ['10:1c.0', '10:1d.0', '20:1c.0', '20:1d.0', '90:1c.0', '90:1d.0', 'a0:1c.0', 'a0:1d.0'],
  g5: ['00:1e.0'],
  a100: ['07:00.0'],
  gb10: ['000f:01:00.0'],
} as const

/** What it prints for each question, by the question's first word. */
export type Answers = Readonly<Record<string, CommandResult>>

/** The blocks of a fixture: `$ nvidia-smi QUESTION`, what is printed, `(exit CODE)`. Throws if there is none. */
export function answersOf(name: string): Answers {
  const text = readFileSync(join(import.meta.dirname, '../fixtures/nvidia-smi', `${name}.txt`), 'utf8')
  const blocks = [...text.matchAll(/^\$ nvidia-smi (\S+)\n([\s\S]*?)^\(exit (\d+)\)$/gm)]
  if (blocks.length === 0) throw new Error(`${name}.txt answers nothing`)
  return Object.fromEntries(
    blocks.map(([, question = '', stdout = '', status]) => [question, { status: Number(status), stdout, stderr: '' }]),
  )
}

/** The fixture's answers with a change in what is printed for one question; throws if it changes nothing. */
export function edited(name: string, from: string | RegExp, to: string, question = '--query-gpu'): Answers {
  const answers = answersOf(name)
  const answer = answers[question]
  const stdout = answer?.stdout.replace(from, to)
  if (answer === undefined || stdout === undefined || stdout === answer.stdout)
    throw new Error(`nothing to change in ${name}`)
  return { ...answers, [question]: { ...answer, stdout } }
}

/** A PCI device as the kernel shows it. */
export interface Slot {
  readonly address: string
  readonly vendor?: string
  readonly class?: string
  readonly driver?: string | undefined
}

function full(address: string): string {
  return address.length > 7 ? address : `0000:${address}`
}

/** Gives the machine these devices beside a bridge and a network card. */
export function plug(machine: Pick<Machine, 'write' | 'link'>, slots: readonly Slot[]): void {
  const others = [
    { address: '00:00.0', vendor: '8086', class: '0x060000', driver: undefined },
    { address: '00:05.0', vendor: '1d0f', class: '0x020000', driver: 'ena' },
  ]
  const all = [...others, ...slots.map((slot) => ({ vendor: '10de', class: '0x030200', driver: 'nvidia', ...slot }))]
  const lines = all.map(({ address, vendor, driver }) => {
    const [bus = '', device = '', fn = ''] = address.slice(-7).split(/[:.]/)
    const devfn = (Number.parseInt(device, 16) * 8 + Number(fn)).toString(16).padStart(2, '0')
    return `${bus}${devfn}\t${vendor}1234\t0${'\t               0'.repeat(14)}\t${driver ?? ''}\n`
  })
  machine.write('/proc/bus/pci/devices', lines.join(''))
  for (const { address, vendor, class: kind, driver } of all) {
    const folder = `/sys/bus/pci/devices/${full(address)}`
    machine.write(`${folder}/vendor`, `0x${vendor}\n`)
    machine.write(`${folder}/class`, `${kind}\n`)
    if (driver !== undefined) machine.link(`${folder}/driver`, `../../../bus/pci/drivers/${driver}`)
  }
}

/** Lets the machine's nvidia-smi answer so from now on. */
export function answer(machine: Machine, answers: Answers): void {
  machine.commands.set('nvidia-smi', ([, question = '']) => {
    const found = answers[question.split('=')[0] ?? '']
    return found ?? { status: 1, stdout: '', stderr: `ERROR: Option ${question} is not recognized.\n` }
  })
}

/** A machine with the GPUs of `kind`, and little else. */
export function gpuMachine(kind: keyof typeof buses): Machine {
  const machine = createMachine('gpu-vm')
  plug(
    machine,
    buses[kind].map((address) => ({ address })),
  )
  return machine
}

export type Limits = ReturnType<typeof defaults<typeof gpu.options>>

/** Looks, as the loop does: with the sample of the look before, as it comes back from the state file. */
export async function look(machine: Machine, before?: GpuSample): Promise<GpuSample> {
  const kept = before === undefined ? undefined : (JSON.parse(JSON.stringify(before)) as GpuSample)
  return gpu.read(machine.host(), new AbortController().signal, kept)
}

/** Judges two looks, `ms` apart. */
export function judged(
  machine: Machine,
  now: GpuSample,
  before: GpuSample,
  given: { ms?: number; limits?: Partial<Limits> } = {},
): Reading {
  const limits = { ...defaults(gpu.options), ...given.limits }
  return gpu.judge(now, before, { span: { now: machine.clocks(), ms: given.ms ?? 120_000 }, limits })
}

/** Judges the interval at whose ends nvidia-smi answered so; the same at both ends unless said. */
export async function between(
  machine: Machine,
  then: Answers,
  now: Answers = then,
  limits: Partial<Limits> = {},
): Promise<Reading> {
  answer(machine, then)
  const before = await look(machine)
  machine.pass(120_000)
  answer(machine, now)
  return judged(machine, await look(machine, before), before, { limits })
}
