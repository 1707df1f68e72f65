/** Terminals that only show another one, told by what is in front of them. */
import { expect, it } from 'vitest'
import { readMirrors } from '../../agent/sensors/mirrors.ts'
import { createMachine, type Machine } from '../host/fixture.ts'

const signal = new AbortController().signal

/** Devices of terminals: pts/0 of this machine and pts/1; and pts/0 of a container. */
const [pts0, pts1] = [34_816, 34_817]

interface One {
  readonly pid: number
  readonly comm: string
  readonly ppid?: number
  readonly ttyNr?: number
  /** Of its terminal; its own unless given. */
  readonly foreground?: number
  /** File behind its descriptor 0. */
  readonly on?: string
}

/** A machine with two quiet terminals, a container's, and these processes. */
function machineWith(...processes: readonly One[]): Machine {
  const machine = createMachine('debian12-vm-quiet')
  const files = { '/dev/pts/0': [24, pts0, 3], '/dev/pts/1': [24, pts1, 4], '/container/0': [99, pts0, 3] } as const
  for (const [path, [dev, rdev, ino]] of Object.entries(files)) {
    machine.write(path, '')
    machine.terminal(path, { dev, rdev, ino })
  }
  for (const { pid, comm, ppid = 1, ttyNr = pts0, foreground = pid, on = '/dev/pts/0' } of processes) {
    machine.write(
      `/proc/${pid}/stat`,
      `${pid} (${comm}) S ${ppid} ${pid} ${pid} ${ttyNr} ${foreground} 0 0 0 0 0 1 1 0 0 20 0 1 0 16000\n`,
    )
    machine.link(`/proc/${pid}/fd/0`, `../../..${on}`)
  }
  return machine
}

const mirrors = async (machine: Machine): Promise<readonly string[]> => [...(await readMirrors(machine.host(), signal))]

it.each<[string, readonly One[]]>([
  ['a client of tmux', [{ pid: 900, comm: 'tmux: client' }]],
  ['a client of screen', [{ pid: 900, comm: 'screen' }]],
  [
    'sudo, with a terminal for what it runs',
    [
      { pid: 900, comm: 'sudo' },
      { pid: 901, comm: 'sudo', ppid: 900, ttyNr: pts1, on: '/dev/pts/1' },
    ],
  ],
  [
    'script',
    [
      { pid: 900, comm: 'script' },
      { pid: 901, comm: 'bash', ppid: 900, ttyNr: pts1, on: '/dev/pts/1' },
    ],
  ],
])('is the terminal with %s in front', async (_, processes) => {
  expect(await mirrors(machineWith(...processes))).toEqual([`24:${pts0}:3`])
})

it.each<[string, readonly One[]]>([
  ['a shell', [{ pid: 900, comm: 'bash' }]],
  [
    'a client of tmux that is stopped, or left in the background',
    [{ pid: 900, comm: 'tmux: client', foreground: 700 }],
  ],
  ['the server of tmux', [{ pid: 900, comm: 'tmux: server', ttyNr: 0, foreground: -1 }]],
  ['a sudo that asks for a password', [{ pid: 900, comm: 'sudo' }]],
  [
    'a sudo on the same terminal as what it runs',
    [
      { pid: 900, comm: 'sudo' },
      { pid: 901, comm: 'apt', ppid: 900, foreground: 900 },
    ],
  ],
  [
    'a sudo that runs a daemon',
    [
      { pid: 900, comm: 'sudo' },
      { pid: 901, comm: 'cron', ppid: 900, ttyNr: 0 },
    ],
  ],
  [
    'a program that has others on terminals of their own',
    [
      { pid: 900, comm: 'emacs' },
      { pid: 901, comm: 'bash', ppid: 900, ttyNr: pts1 },
    ],
  ],
  ['a client whose terminal cannot be told', [{ pid: 900, comm: 'tmux: client', on: '/dev/null' }]],
])('is not the terminal with %s', async (_, processes) => {
  expect(await mirrors(machineWith(...processes))).toEqual([])
})

it('is not the terminal of the same number outside the container in which tmux runs', async () => {
  expect(await mirrors(machineWith({ pid: 900, comm: 'tmux: client', on: '/container/0' }))).toEqual([`99:${pts0}:3`])
})
