/** Samples on a machine on which a user has very many processes of every name that sensors look for: the state, written at each check, stays small. */
import { expect, it } from 'vitest'
import { sensors } from '../../agent/sensors/table.ts'
import { createMachine } from '../host/fixture.ts'
import { addProcess } from './add-process.ts'
import { sample } from './machine.ts'

const mostBytes = 65_536
const of = 300

/** One for each number, of uid 1000. */
const crowds = [
  { comm: 'Runner.Worker' },
  { comm: 'conmon' },
  { comm: 'Xvfb' },
  { comm: 'x11vnc' },
  { comm: 'gitlab-runner' },
  { comm: 'node', words: ['node', '/home/x/.vscode-server/bin/1/out/server-main.js'] },
  { comm: 'node', words: ['node', '/home/x/.vscode-server/bin/1/out/bootstrap-fork', '--type=extensionHost'] },
  { comm: 'python3', words: ['python3', '-m', 'ipykernel_launcher', '-f', '/x/kernel-1.json'] },
  { comm: 'jupyter-lab', words: ['python3', '/usr/bin/jupyter-lab'] },
  { comm: 'rsession' },
]

// SOURCE: written from proc_pid_status(5).
const ids = '1000\t1000\t1000\t1000\n'
const status = `Uid:\t${ids}Gid:\t${ids}voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t5\n`

/** The container of a user's own podman. */
const groupOf = (index: number): string =>
  `0::/user.slice/user-1000.slice/user@1000.service/libpod-${String(index).padStart(64, '0')}.scope\n`

it('no sample is larger than 64 kB', { timeout: 60_000 }, async () => {
  const machine = createMachine('debian12-vm-quiet')
  machine.write('/proc/net/tcp', '  sl  local_address rem_address\n')
  machine.write('/proc/net/unix', 'Num\n')
  for (const [row, crowd] of crowds.entries())
    for (let index = 0; index < of; index += 1) {
      const pid = 10_000 + row * of + index
      addProcess(machine, { pid, uid: 1000, start: 20_000 + index, ticks: 900, ...crowd })
      machine.write(`/proc/${pid}/status`, status)
    }
  for (let index = 0; index < of; index += 1) {
    const cgroup = groupOf(index)
    addProcess(machine, { pid: 20_000 + index, ppid: 10_000 + of + index, comm: 'sh', uid: 1000, cgroup })
    machine.write(`/sys/fs/cgroup${cgroup.slice(3, -1)}/cpu.stat`, 'usage_usec 10000000\n')
  }
  const sizes: [string, number][] = []
  for (const sensor of sensors) {
    const first: unknown = await sample(sensor, machine)
    const second: unknown = await sample(sensor, machine, first)
    sizes.push([sensor.name, JSON.stringify(second).length])
  }
  expect(sizes.filter(([, size]) => size > mostBytes)).toEqual([])
  // Not because nothing was seen.
  for (const name of ['containers', 'schedulers', 'desktops', 'editors', 'notebooks'])
    expect(sizes).toContainEqual([name, expect.toSatisfy((size: number) => size > 1000)])
})
