// GPU accounting as `install` switches it on: where it can, without ever keeping `install` from going on.
import { describe, expect, it } from 'vitest'
import { accountGpus, disableGpuUnit, lookAtGpus } from '../../agent/commands/gpu-accounts.ts'
import { HostError } from '../../agent/errors.ts'
import { gpuUnitPath } from '../../agent/install/files.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { answer, answersOf, gpuMachine, plug } from '../sensors/nvidia-smi.ts'

function contextOf(machine: Machine, root = '/') {
  const lines: string[] = []
  const deadline = () => ({ signal: new AbortController().signal, clear: () => {} })
  const flags = { json: false, root: undefined, stateDir: undefined, config: undefined }
  const context = { host: { ...machine.host(), root, deadline }, flags, args: [], colour: false }
  return { lines, context: { ...context, out: (line: string) => lines.push(line) } }
}

/** What -am answers; -pm works. */
function modes(machine: Machine, stdout: string, status: number): void {
  machine.commands.set('nvidia-smi', ([, flag]) => ({ stdout: flag === '-am' ? stdout : '', stderr: '', status }))
}

describe('accountGpus', () => {
  it('switches persistence and accounting on', async () => {
    const machine = gpuMachine('g5')
    modes(machine, 'Enabled Accounting Mode for GPU 00000000:00:1E.0.\nAll done.\n', 0)
    const { context, lines } = contextOf(machine)
    await accountGpus(context)
    expect(machine.ran.map((argv) => argv.join(' '))).toEqual(['nvidia-smi -pm 1', 'nvidia-smi -am 1'])
    expect(lines).toEqual(['GPU accounting is on (Enabled Accounting Mode for GPU 00000000:00:1E.0.)'])
  })

  it.each<[string, (machine: Machine) => void, string]>([
    [
      'it is refused',
      (machine) => modes(machine, 'Unable to set accounting mode\n', 3),
      'Unable to set accounting mode',
    ],
    ['it fails without a word', (machine) => modes(machine, '', 255), 'exit 255'],
    ['there is no nvidia-smi', () => {}, 'nvidia-smi is not there'],
    [
      'it hangs',
      (machine) =>
        machine.commands.set('nvidia-smi', () => {
          throw new HostError('nvidia-smi did not end within 120000 ms')
        }),
      'nvidia-smi did not end within 120000 ms',
    ],
    [
      'the bus cannot be read',
      (machine) => machine.forbid('/proc/bus/pci/devices'),
      'cannot read /proc/bus/pci/devices: permission denied',
    ],
  ])('goes on where %s', async (_, spoil, why) => {
    const machine = gpuMachine('g5')
    spoil(machine)
    const { context, lines } = contextOf(machine)
    await accountGpus(context)
    expect(lines).toEqual([`GPU accounting is not switched on (${why})`])
  })

  it('does nothing without a GPU of NVIDIA, or in an image that is being built', async () => {
    const amd = createMachine('gpu-vm')
    plug(amd, [{ address: '03:00.0', vendor: '1002', class: '0x120000', driver: 'amdgpu' }])
    for (const [machine, root] of [
      [amd, '/'],
      [gpuMachine('g5'), '/mnt/image'],
    ] as const) {
      const { context, lines } = contextOf(machine, root)
      await accountGpus(context)
      expect([lines, machine.ran]).toEqual([[], []])
    }
  })
})

it('disables its unit before it goes, and says what stays', async () => {
  const machine = gpuMachine('g5')
  machine.write('/run/systemd/system/units', '')
  machine.commands.set('systemctl', () => ({ stdout: '', stderr: '', status: 0 }))
  const { context, lines } = contextOf(machine)
  expect(await disableGpuUnit(context)).toBe(false)
  expect([lines, machine.ran]).toEqual([[], []])
  machine.write(gpuUnitPath, '')
  expect(await disableGpuUnit(context)).toBe(true)
  expect(lines).toEqual(['systemctl disable idle-agent-gpu.service'])
  machine.ran.length = 0
  machine.write('/usr/bin/nvidia-smi', '')
  expect(await disableGpuUnit(context)).toBe(true)
  expect(machine.ran).toEqual([['systemctl', 'disable', 'idle-agent-gpu.service']])
  expect(lines.at(-1)).toBe('GPU accounting stays on until the next boot')
})

it.each([
  [1, 0],
  [2, 1],
])(
  'starts no second command for doctor while that of the last check hangs (sample of version %d)',
  async (version, count) => {
    const machine = gpuMachine('g5')
    answer(machine, answersOf('g5-idle'))
    machine.write('/proc/812/stat', `812 (nvidia-smi) D${' 0'.repeat(18)} 4200 0\n`)
    const stuck = [{ command: 'nvidia-smi', pid: 812, start: 4200, sinceMs: 0 }]
    const gpus = await lookAtGpus(contextOf(machine).context.host, { version, sample: { gpus: [], stuck } })
    expect(machine.ran.length > 0).toBe(count > 0)
    if (count === 0) expect(gpus[0]?.problem).toMatch(/^nvidia-smi hangs since/)
  },
)

it('looks at the GPUs for doctor', async () => {
  const machine = gpuMachine('p4d')
  answer(machine, answersOf('p4d-idle'))
  const gpus = await lookAtGpus(contextOf(machine).context.host, undefined)
  expect(gpus).toHaveLength(8)
  expect(gpus[5]).toMatchObject({ name: 'GPU 5', accounting: 'on', persistent: true })
  expect(await lookAtGpus(contextOf(createMachine('gpu-vm')).context.host, undefined)).toEqual([])
})
