/** Logins by another way than ssh, told by the processes that serve them. */
import { describe, expect, it } from 'vitest'
import { consolesInUse, otherLogins } from '../../agent/sensors/logins.ts'
import type { ProcessTable } from '../../agent/sensors/processes.ts'
import { parseStat } from '../../agent/sensors/processes.ts'

const [ttyS0, tty2, hvc0, pts3] = [0x440, 0x402, 229 << 8, 34_819]

function tableOf(...processes: readonly (readonly [comm: string, ttyNr: number])[]): ProcessTable {
  const rest = '0 0 0 0 0 1 1 0 0 20 0 1 0 900 1'
  return new Map(
    processes.map(([comm, ttyNr], index) => [
      800 + index,
      parseStat(`${800 + index} (${comm}) S 1 9 9 ${ttyNr} 9 ${rest}`),
    ]),
  )
}

describe('a login', () => {
  it.each<[string, ProcessTable, object | undefined]>([
    ['over mosh', tableOf(['mosh-server', 0], ['bash', pts3]), { count: 1, first: 'mosh-server (pid 800)' }],
    [
      'through the session manager',
      tableOf(['amazon-ssm-agen', 0], ['ssm-session-wor', 0]),
      { count: 1, first: 'ssm-session-wor (pid 801)' },
    ],
    ['on a serial console', tableOf(['login', ttyS0], ['bash', ttyS0]), { count: 1, first: 'on ttyS0' }],
    [
      'each of several',
      tableOf(['login', hvc0], ['zsh', hvc0], ['mosh-server', 0], ['mosh-server', 0]),
      { count: 3, first: 'mosh-server (pid 802)' },
    ],
  ])('is one %s', (_, table, expected) => {
    expect(otherLogins(table)).toEqual(expected)
  })

  it.each<[string, ProcessTable]>([
    ['a console that waits for a name', tableOf(['agetty', ttyS0])],
    ['a console that waits for a password', tableOf(['login', ttyS0])],
    ['a greeter of a desktop', tableOf(['gdm-x-session', tty2], ['Xorg', tty2])],
    ["a container's console", tableOf(['login', pts3], ['bash', pts3])],
    ['the agent of the session manager alone', tableOf(['amazon-ssm-agen', 0], ['ssm-agent-worke', 0])],
    ['ssh', tableOf(['sshd', 0], ['bash', pts3])],
  ])('is not %s', (_, table) => {
    expect(otherLogins(table)).toBeUndefined()
  })
})

it('consoles in use are named as devices', () => {
  const table = tableOf(['login', hvc0], ['bash', hvc0], ['login', tty2], ['fish', tty2], ['agetty', ttyS0])
  expect(consolesInUse(table)).toEqual(['hvc0', 'tty2'])
})
