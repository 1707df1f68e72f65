/** Which GPUs a machine has, told by its buses; and what it costs those that have none. */
import { describe, expect, it } from 'vitest'
import type { Host } from '../../agent/host/host.ts'
import { gpu } from '../../agent/sensors/gpu.ts'
import { findGpus, makersDevices } from '../../agent/sensors/gpu-devices.ts'
import { createMachine } from '../host/fixture.ts'
import { interval } from './machine.ts'
import { plug, type Slot } from './nvidia-smi.ts'

const device = '/sys/bus/pci/devices/0000:00:1e.0'
const found = (address: string, driver: string | undefined) => ({ id: `0000:${address}`, driver })

describe('findGpus', () => {
  it.each<[string, readonly Slot[], readonly object[]]>([
    ['none on a bus without one', [], []],
    ['a compute card', [{ address: '00:1e.0' }], [found('00:1e.0', 'nvidia')]],
    ['a display card', [{ address: '00:1e.0', class: '0x030000' }], [found('00:1e.0', 'nvidia')]],
    [
      'not its sound, its USB, and switches between cards',
      [
        { address: '01:00.1', class: '0x040300' },
        { address: '01:00.2', class: '0x0c0330' },
        { address: '06:00.0', class: '0x068000' },
      ],
      [],
    ],
    ['one without a driver', [{ address: '00:1e.0', driver: undefined }], [found('00:1e.0', undefined)]],
    ['one that is passed on to a guest', [{ address: '00:1e.0', driver: 'vfio-pci' }], [found('00:1e.0', 'vfio-pci')]],
    [
      'one of AMD',
      [{ address: '03:00.0', vendor: '1002', class: '0x038000', driver: 'amdgpu' }],
      [found('03:00.0', 'amdgpu')],
    ],
    [
      "AMD's accelerators",
      [{ address: '63:00.0', vendor: '1002', class: '0x120000', driver: 'amdgpu' }],
      [found('63:00.0', 'amdgpu')],
    ],
    ["not AMD's bridges", [{ address: '63:00.0', vendor: '1022', class: '0x060400' }], []],
    [
      'not the display of a virtual machine',
      [{ address: '00:03.0', vendor: '1d0f', class: '0x030000', driver: undefined }],
      [],
    ],
    [
      'one in a domain of its own, as on Azure',
      [{ address: '0001:00:00.0' }],
      [{ id: '0001:00:00.0', driver: 'nvidia' }],
    ],
    ['functions beyond the first', [{ address: '07:1f.7' }], [found('07:1f.7', 'nvidia')]],
  ])('%s', async (_, slots, expected) => {
    const machine = createMachine('gpu-vm')
    plug(machine, slots)
    expect(await findGpus(machine.host())).toEqual(expected)
  })

  it('adds what only the driver knows, once', async () => {
    const machine = createMachine('gpu-vm')
    plug(machine, [{ address: '00:1e.0' }])
    for (const id of ['0000:00:1e.0', '0000:00:1f.0']) machine.write(`/proc/driver/nvidia/gpus/${id}/information`, '')
    expect(await findGpus(machine.host())).toEqual([found('00:1e.0', 'nvidia'), found('00:1f.0', 'nvidia')])
  })

  it('does without /proc/bus, and without any bus', async () => {
    const machine = createMachine('gpu-vm')
    expect(await findGpus(machine.host())).toEqual([])
    machine.write('/dev/nvidiactl', '')
    expect(await findGpus(machine.host())).toEqual([{ id: 'nvidia', driver: 'nvidia' }])
    plug(machine, [{ address: '00:1e.0' }])
    machine.remove('/proc/bus')
    expect(await findGpus(machine.host())).toEqual([found('00:1e.0', 'nvidia')])
  })

  it('leaves out a device that vanishes meanwhile', async () => {
    const machine = createMachine('gpu-vm')
    plug(machine, [{ address: '00:1e.0' }])
    const host = machine.host()
    const vanishing: Host = {
      ...host,
      async readText(path) {
        if (path.endsWith('/vendor')) machine.remove('/sys/bus/pci/devices/0000:00:1e.0')
        return host.readText(path)
      },
    }
    expect(await findGpus(vanishing)).toEqual([])
  })

  it('takes the word of a driver whose link nobody sees, and of the other bus where one is empty', async () => {
    const machine = createMachine('gpu-vm')
    plug(machine, [{ address: '00:1e.0', driver: undefined }])
    machine.write('/proc/driver/nvidia/gpus/0000:00:1e.0/information', '')
    expect(await findGpus(machine.host())).toEqual([found('00:1e.0', 'nvidia')])
    machine.write('/proc/bus/pci/devices', '')
    expect(await findGpus(machine.host())).toEqual([found('00:1e.0', 'nvidia')])
  })

  it.each<[string, (machine: ReturnType<typeof createMachine>) => void, RegExp]>([
    ['an unreadable list', (machine) => machine.forbid('/proc/bus/pci/devices'), /permission denied/],
    ['an unreadable folder', (machine) => machine.forbid('/sys/bus/pci/devices'), /permission denied/],
    [
      'an unreadable vendor',
      (machine) => machine.forbid('/sys/bus/pci/devices/0000:00:1e.0/vendor'),
      /permission denied/,
    ],
    [
      'a list that is cut off',
      (machine) => machine.edit('/proc/bus/pci/devices', /10de1234.*/, '10d'),
      /not understood/,
    ],
    ['binary noise', (machine) => machine.write('/proc/bus/pci/devices', '\u0000\uFFFDELF\n'), /not understood/],
    ['a huge list', (machine) => machine.write('/proc/bus/pci/devices', 'x'.repeat(2_000_000)), /larger than/],
    ['a bus without files', (machine) => machine.remove('/sys/bus'), /absent, although/],
    ['a bus without the device', (machine) => machine.remove(device), /pci\/devices\/\*:00:1e.0 is absent, although/],
    ['no vendor', (machine) => machine.remove(`${device}/vendor`), /1e.0\/vendor is absent/],
    ['a vendor of nothing', (machine) => machine.write(`${device}/vendor`, ''), /1e.0\/vendor is not understood/],
    ['a vendor of noise', (machine) => machine.write(`${device}/vendor`, '0x10\u0000\n'), /vendor is not understood/],
    ['no class', (machine) => machine.remove(`${device}/class`), /1e.0\/class is absent/],
    ['a class that is cut off', (machine) => machine.write(`${device}/class`, '0x\n'), /class is not understood/],
    [
      'a file for a driver',
      (machine) => {
        machine.remove(`${device}/driver`)
        machine.write(`${device}/driver`, '')
      },
      /1e.0\/driver is no link/,
    ],
  ])('throws at %s', async (_, spoil, message) => {
    const machine = createMachine('gpu-vm')
    plug(machine, [{ address: '00:1e.0' }])
    spoil(machine)
    await expect(findGpus(machine.host())).rejects.toThrow(message)
  })
})

it('reads addresses as the kernel packs them', () => {
  const line = (text: string) => `${text}\t0\t0\n`
  expect([...makersDevices(line('00f0\t10de1eb8') + line('a0ff\t10027388') + line('0008\t1af41045'))]).toEqual([
    '00:1e.0',
    'a0:1f.7',
  ])
})

describe('a machine without a GPU', () => {
  it('is absent, and loads and runs nothing', async () => {
    const machine = createMachine('gpu-vm')
    plug(machine, [])
    expect(await interval(gpu, machine)).toEqual({ kind: 'absent', reason: 'no GPU of NVIDIA or AMD' })
    expect(machine.ran).toEqual([])
  })

  it('pays for two looks at files', async () => {
    const machine = createMachine('gpu-vm')
    plug(machine, [])
    const asked: string[] = []
    const host = machine.host()
    const noting =
      <T>(read: (path: string) => Promise<T>) =>
      (path: string) => {
        asked.push(path)
        return read(path)
      }
    const { readText, list, stat, readLink } = host
    const counting: Host = {
      ...host,
      readText: noting(readText),
      list: noting(list),
      stat: noting(stat),
      readLink: noting(readLink),
    }
    await gpu.read(counting, new AbortController().signal)
    expect(asked).toEqual(['/proc/bus/pci/devices', '/proc/driver/nvidia/gpus'])
  })
})
