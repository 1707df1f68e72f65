/** Whose connections carried the bytes: named where one user's unit had half of them, said where nobody can tell. */
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { ownError, tooLarge } from '../../agent/host/real-errors.ts'
import { type FlowBytes, ownerOf, parseFlows } from '../../agent/sensors/flows.ts'
import { network } from '../../agent/sensors/network.ts'
import { createMachine } from '../host/fixture.ts'
import { closely, defaults, sample } from './machine.ts'

const session = '/user.slice/user-1000.slice/session-12.scope'

/** SOURCE: written in the form of iproute2 6.1 (`ss -tinOHe state established`, misc/ss.c), as in ssh.test.ts. */
function line({
  ino = 700,
  uid = 1000,
  group = session,
  fields = 'bytes_sent:100 bytes_received:12000000',
  local = '10.0.0.5:40000',
} = {}) {
  const who = uid === 0 ? '' : ` uid:${uid}`
  return `0      0      ${local} 198.51.100.7:443 timer:(keepalive,119min,0)${who} ino:${ino} sk:1 cgroup:${group} <-> ts sack cubic wscale:7,7 rto:204 rtt:3.1/1.2 mss:1448 cwnd:10 ${fields} lastsnd:40 lastrcv:20 lastack:20 minrtt:0.018\n`
}

const given = { bytes: 12_000_000, ms: 120_000, before: [] as readonly FlowBytes[] }

describe('the owner', () => {
  it.each<[what: string, text: string, more: Partial<typeof given>, owner: unknown]>([
    ['of the one connection', line(), {}, { uid: 1000, group: session }],
    [
      'of root',
      line({ uid: 0, group: '/system.slice/backup.service' }),
      {},
      { uid: 0, group: '/system.slice/backup.service' },
    ],
    [
      'of two connections',
      line({ fields: 'bytes_received:4000000' }) + line({ ino: 701, fields: 'bytes_received:3000000' }),
      {},
      { uid: 1000, group: session },
    ],
    ['of what is known from before', line(), { before: [[700, 11_000_000]] }, undefined],
    ['of loopback traffic', line({ local: '127.0.0.1:40000' }) + line({ local: '[::1]:40000' }), {}, undefined],
    [
      'of what has been quiet for longer',
      line().replace('lastsnd:40 lastrcv:20', 'lastsnd:300000 lastrcv:300000'),
      {},
      undefined,
    ],
    ['of nothing', '', {}, undefined],
    ['of less than half', line({ fields: 'bytes_received:5000000' }), {}, undefined],
    // A group that a user named like what ss prints.
    [
      'of a group that lies',
      line({ ino: 9, group: `${session}/ino:1 uid:0 bytes_received:1`, fields: 'bytes_received:7000000' }),
      {},
      { uid: 1000, group: `${session}/ino:1` },
    ],
    ['of text that is none', 'cannot open netlink socket\n', {}, undefined],
  ])('%s', (_, text, more, owner) => {
    expect(ownerOf(parseFlows(text), { ...given, ...more })).toEqual(owner)
  })
})

describe('traffic over the limit', () => {
  async function judged(ss?: string | (() => never)) {
    const machine = createMachine('debian12-vm-quiet')
    const before = await sample(network, machine)
    machine.pass(120_000)
    machine.edit('/proc/net/dev', 'ens5: 81000000', `ens5: ${81_000_000 + 12_000_000}`)
    if (ss !== undefined)
      machine.commands.set('ss', () => (typeof ss === 'string' ? { status: 0, stdout: ss, stderr: '' } : ss()))
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(network.options) }
    const reading = await closely(network, machine.host(), { now: await sample(network, machine), before, ...context })
    return { reading, asked: machine.ran.filter(([command]) => command === 'ss').length }
  }
  const reason = 'ens5 received 100.0 kB/s, limit 10.0 kB/s'

  it.each<[what: string, ss: string | (() => never) | undefined, expected: object]>([
    ['names the owner', line(), { reason, by: { uid: 1000, group: session } }],
    ['of many says no more', line({ fields: 'bytes_received:50' }), { reason }],
    ['says so where there is no ss', undefined, { reason: `${reason}; whose is not told: no ss here` }],
    [
      'says so where ss hangs',
      () => {
        throw new HostError('no answer within 2 s')
      },
      { reason: `${reason}; whose is not told: ss does not answer` },
    ],
    [
      'says so where ss prints a number that is none',
      line() + line({ ino: 701, fields: 'bytes_received:many' }),
      { reason: `${reason}; whose is not told: ss is not understood` },
    ],
    [
      'says so where ss prints very much',
      () => {
        throw ownError(tooLarge, 'ss printed more than 6000000 bytes')
      },
      { reason: `${reason}; whose is not told: ss has more to say than is read` },
    ],
  ])('%s, and asks once', async (_, ss, expected) => {
    expect(await judged(ss)).toMatchObject({ reading: { kind: 'active', ...expected }, asked: 1 })
  })
})
