/** AMD's GPUs by the files of amdgpu, read directly below a root and by grep on a machine. */
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { judged, look, plug } from './nvidia-smi.ts'

const cards = ['03:00.0', '83:00.0', '63:00.0']
const MIB = 1_048_576

function fileOf(card: number, name: string): string {
  return `/sys/bus/pci/devices/0000:${cards[card]}/${name}`
}

/** Three cards that nobody uses, as Instinct cards show themselves: some memory is the firmware's. */
function amdMachine(): Machine {
  const machine = createMachine('gpu-vm')
  plug(
    machine,
    cards.map((address) => ({ address, vendor: '1002', class: '0x120000', driver: 'amdgpu' })),
  )
  for (const card of cards.keys()) {
    machine.write(fileOf(card, 'gpu_busy_percent'), '0\n')
    machine.write(fileOf(card, 'mem_info_vram_used'), `${283 * MIB}\n`)
    machine.write(fileOf(card, 'power/runtime_status'), 'active\n')
  }
  machine.write('/sys/class/kfd/kfd/topology/generation_id', '1\n')
  return machine
}

async function twice(machine: Machine): Promise<Reading> {
  const before = await look(machine)
  machine.pass(120_000)
  return judged(machine, await look(machine, before), before)
}

type Case = readonly [string, (machine: Machine) => void, Reading['kind'], RegExp]

const cases: readonly Case[] = [
  ['nobody on any', () => {}, 'idle', /^3 GPUs, none busy over 5 %, no program on them$/],
  [
    'the last one busy',
    (machine) => machine.write(fileOf(2, 'gpu_busy_percent'), '97\n'),
    'active',
    /^GPU 0000:63:00.0 is busy: 97 %/,
  ],
  ['at the limit', (machine) => machine.write(fileOf(2, 'gpu_busy_percent'), '5\n'), 'idle', /3 GPUs/],
  [
    'a program that computes nothing',
    (machine) => machine.write('/sys/class/kfd/kfd/proc/4242/pasid', '1\n'),
    'hold',
    /: 1 program, 283 MiB taken, 0 % busy$/,
  ],
  [
    'memory taken without queues',
    (machine) => machine.write(fileOf(1, 'mem_info_vram_used'), `${70_000 * MIB}\n`),
    'hold',
    /^GPU 0000:83:00.0: 68.4 GiB taken, 0 % busy$/,
  ],
  [
    'memory that is no number',
    (machine) => machine.write(fileOf(1, 'mem_info_vram_used'), 'N/A\n'),
    'hold',
    /^GPU 0000:83:00.0: perhaps a program, 0 % busy$/,
  ],
  [
    'one asleep, which is not woken',
    (machine) => {
      machine.write(fileOf(0, 'power/runtime_status'), 'suspended\n')
      machine.write(fileOf(0, 'gpu_busy_percent'), '100\n')
    },
    'idle',
    /3 GPUs/,
  ],
  [
    'no busy file',
    (machine) => machine.remove(fileOf(1, 'gpu_busy_percent')),
    'unknown',
    /^GPU 0000:83:00.0: it does not tell how busy it is/,
  ],
  [
    'garbage',
    (machine) => machine.write(fileOf(1, 'gpu_busy_percent'), '\u007fELF'),
    'unknown',
    /gpu_busy_percent is no percentage/,
  ],
  ['more than all', (machine) => machine.write(fileOf(1, 'gpu_busy_percent'), '255\n'), 'unknown', /no percentage/],
  ['nothing in it', (machine) => machine.write(fileOf(1, 'gpu_busy_percent'), ''), 'unknown', /gpu_busy_percent is/],
  [
    'work beside one that does not tell',
    (machine) => {
      machine.remove(fileOf(1, 'gpu_busy_percent'))
      machine.write(fileOf(2, 'gpu_busy_percent'), '60\n')
    },
    'active',
    /^GPU 0000:63:00.0 is busy: 60 %/,
  ],
]

describe('by files', () => {
  it.each(cases)('%s', async (_, change, kind, reason) => {
    const machine = amdMachine()
    change(machine)
    expect(await twice(machine)).toMatchObject({ kind, reason: expect.stringMatching(reason) })
  })

  it.each<[string, (machine: Machine) => void, RegExp]>([
    ['unreadable', (machine) => machine.forbid(fileOf(1, 'gpu_busy_percent')), /permission denied/],
    ['huge', (machine) => machine.write(fileOf(1, 'gpu_busy_percent'), '0'.repeat(10_000)), /larger than 4096/],
  ])('%s is unknown', async (_, change, reason) => {
    const machine = amdMachine()
    change(machine)
    expect(await twice(machine)).toMatchObject({ kind: 'unknown', reason: expect.stringMatching(reason) })
  })
})

describe('by grep, which may be given up', () => {
  /** grep(1), whose answers come from the files. */
  async function grep(machine: Machine): Promise<void> {
    const { readFileSync, existsSync } = await import('node:fs')
    machine.commands.set('grep', ([, , , ...paths]) => {
      const { root } = machine.host()
      const there = paths.filter((path) => existsSync(root + path))
      const lines = there.flatMap((path) => {
        const text = readFileSync(root + path, 'utf8')
        return text === ''
          ? []
          : text
              .trimEnd()
              .split('\n')
              .map((line) => `${path}:${line}\n`)
      })
      const missing = paths.filter((path) => !there.includes(path))
      const stderr = missing.map((path) => `grep: ${path}: Device or resource busy\n`).join('')
      return { status: missing.length > 0 ? 2 : 0, stdout: lines.join(''), stderr }
    })
  }

  it.each(cases)('%s', async (_, change, kind, reason) => {
    const machine = amdMachine()
    await grep(machine)
    change(machine)
    expect(await twice(machine)).toMatchObject({ kind, reason: expect.stringMatching(reason) })
  })

  it('tells why a file could not be read', async () => {
    const machine = amdMachine()
    await grep(machine)
    machine.remove(fileOf(1, 'gpu_busy_percent'))
    const reason = 'GPU 0000:83:00.0: it does not tell how busy it is (Device or resource busy)'
    expect(await twice(machine)).toEqual({ kind: 'unknown', reason })
  })

  it('asks for all in one command, and for none that sleeps', async () => {
    const machine = amdMachine()
    await grep(machine)
    machine.write(fileOf(0, 'power/runtime_status'), 'suspended\n')
    await look(machine)
    expect(machine.ran).toHaveLength(1)
    expect(machine.ran[0]?.filter((word) => word.includes(cards[0] ?? ''))).toEqual([])
  })

  it('is unknown for all where the driver hangs', async () => {
    const machine = amdMachine()
    machine.commands.set('grep', () => {
      machine.write('/proc/4711/stat', '4711 (grep) D 999999 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 720100 0 0\n')
      throw new HostError('grep did not end within 5000 ms')
    })
    expect(await twice(machine)).toEqual({ kind: 'unknown', reason: 'amdgpu hangs since 02:00 UTC' })
    expect(machine.ran).toHaveLength(1)
  })
})
