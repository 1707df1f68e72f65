/** CPU time of an editor's extensions is nobody's work only where certainly nobody is at the editor. */
import { expect, it } from 'vitest'
import { cpu } from '../../agent/sensors/cpu.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { plant } from './disk-machine.ts'
import { defaults, sample } from './machine.ts'

const heading = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const listens =
  '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 7001 1 0 100 0 0 10 0\n'
const client =
  '   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 7002 1 0 20 4 30 10 -1\n'
const unixHeading = 'Num       RefCount Protocol Flags    Type St Inode Path\n'
const waits = 'ffff8880: 00000002 00000000 00010000 0001 01 8001 /tmp/code-1f.sock\n'
const accepted = 'ffff8881: 00000003 00000000 00000000 0001 03 8002 /tmp/code-1f.sock\n'
const pair = 'ffff8882: 00000003 00000000 00000000 0001 03 8003\n'

function process(machine: Machine, pid: number, who: { comm?: string; ppid?: number; cmdline: string }): void {
  plant(machine, { pid, comm: who.comm ?? 'node', ppid: who.ppid ?? 1 }, '')
  machine.write(`/proc/${pid}/cmdline`, who.cmdline.replaceAll(' ', '\0'))
  machine.write(`/proc/${pid}/status`, 'Name:\tnode\nUid:\t1000\t1000\t1000\t1000\nFDSize:\t64\n')
}

/** A server (900) with an extension host (901) that is at 100 % CPU from now on; nobody is connected. */
function withEditor(): Machine {
  const machine = createMachine('debian12-vm-quiet')
  process(machine, 900, { cmdline: '/x/.vscode-server/node /x/.vscode-server/out/server-main.js' })
  process(machine, 901, { ppid: 900, cmdline: '/x/node /x/out/bootstrap-fork --type=extensionHost' })
  for (const [fd, ino] of [
    [20, 7001],
    [21, 8001],
    [22, 8003],
  ] as const)
    machine.link(`/proc/900/fd/${fd}`, `socket:[${ino}]`)
  machine.write('/proc/net/tcp', heading + listens)
  machine.write('/proc/900/net/unix', unixHeading + waits + pair)
  return machine
}

const stat = (pid: number, ppid: number, ticks: number) =>
  `${pid} (node) S ${ppid} ${pid} ${pid} 0 -1 0 0 0 0 0 ${ticks} 1 0 0 20 0 1 0 5 0 0\n`

/** `pid` is busy for the two minutes between two checks; the reading after a closer look, and whom it leaves out. */
async function judged(machine: Machine, busy: { readonly pid: number; readonly ppid: number }) {
  const before = await sample(cpu, machine)
  machine.pass(120_000)
  machine.write(`/proc/${busy.pid}/stat`, stat(busy.pid, busy.ppid, 12_001))
  machine.edit('/proc/stat', /^cpu {2}50000 /, 'cpu  62000 ')
  const now = await sample(cpu, machine)
  const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(cpu.options) }
  const first = cpu.judge(now, before, context)
  // Where it throws, the first judgement stands (sensor.ts).
  const looked = cpu.excuse?.(machine.host(), { ...context, now, before }, new AbortController().signal)
  const more = await looked?.catch(() => undefined)
  return { first, last: more === undefined ? first : cpu.judge(more, before, context), more: more ?? now, context }
}

const extensions = { pid: 901, ppid: 900 }

it('is left out where nobody is connected, and counts whole again for whoever comes', async () => {
  const machine = withEditor()
  const { first, last, more, context } = await judged(machine, extensions)
  expect(first).toMatchObject({ kind: 'active', value: 1 })
  expect(last).toMatchObject({ kind: 'idle', value: 0 })

  machine.pass(120_000)
  machine.write('/proc/901/stat', stat(901, 900, 18_001))
  machine.edit('/proc/stat', /^cpu {2}62000 /, 'cpu  68000 ')
  const next = cpu.judge(await sample(cpu, machine), more, context)
  expect(next).toMatchObject({ kind: 'active', value: 0.5 })
})

it('is left out where its server has ended, too', async () => {
  const machine = withEditor()
  machine.remove('/proc/900')
  expect((await judged(machine, { pid: 901, ppid: 1 })).last.kind).toBe('idle')
})

it.each<[string, (machine: Machine) => void]>([
  ['a window is connected', (machine) => machine.write('/proc/net/tcp', heading + listens + client)],
  [
    'a window is connected over IPv6',
    (machine) => {
      machine.write('/proc/net/tcp6', heading + client.replaceAll('0100007F', '0'.repeat(32)))
    },
  ],
  [
    'somebody came over a socket file',
    (machine) => machine.write('/proc/900/net/unix', unixHeading + waits + accepted.replace('8002', '8003')),
  ],
  ['socket files cannot be told', (machine) => machine.remove('/proc/900/net/unix')],
  [
    'somebody is logged in over ssh',
    (machine) => {
      plant(machine, { pid: 950, comm: 'sshd' }, '')
      machine.write('/proc/950/cmdline', 'sshd: alice@notty\0')
    },
  ],
  [
    'a tunnel may bring somebody',
    (machine) => process(machine, 960, { comm: 'code-tunnel', cmdline: '/usr/bin/code tunnel' }),
  ],
  [
    'its server has ended, and it has a connection of its own',
    (machine) => {
      machine.remove('/proc/900')
      machine.link('/proc/901/fd/20', 'socket:[7002]')
      machine.write('/proc/net/tcp', heading + client)
    },
  ],
])('counts where %s', async (_, change) => {
  const machine = withEditor()
  change(machine)
  expect((await judged(machine, extensions)).last.kind).toBe('active')
})

it.each([
  ['a shell in its terminal', 'bash', '/bin/bash'],
  ['a language server', 'node', '/x/.vscode-server/node /x/.vscode-server/extensions/a/server.js'],
  ['a program of somebody that is called alike', 'node', 'node app.js --type=extensionHost'],
])('counts %s', async (_, comm, cmdline) => {
  const machine = withEditor()
  process(machine, 902, { comm, ppid: 901, cmdline })
  expect((await judged(machine, { pid: 902, ppid: 901 })).last.kind).toBe('active')
})
