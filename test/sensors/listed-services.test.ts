/** Clients of declared ports: by what ss says, without it, and over real connections. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { parseServed, servedIn } from '../../agent/sensors/connections.ts'
import { listedServices } from '../../agent/sensors/listed-services.ts'
import { parseTcp } from '../../agent/sensors/tcp-table.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine, type Machine } from '../host/fixture.ts'

/** SOURCE: written after what `ss -tinOHe` of iproute2 6.1 printed on Linux 6.18 for real connections; addresses made up. */
function line({
  state = 'ESTAB',
  local = '10.0.0.5:8080',
  peer = '203.0.113.9:50123',
  sk = '99946',
  cgroup = '/ <->',
  facts = 'bytes_sent:1000 bytes_acked:1000 bytes_received:2 segs_out:2 segs_in:4 data_segs_out:1 send 125373217391bps lastsnd:504 lastrcv:504 lastack:504',
} = {}): string {
  return `${state.padEnd(10)} 0      0       ${local}     ${peer} ino:8565106 sk:${sk} cgroup:${cgroup} ts sack cubic wscale:10,10 rto:204 mss:32768 cwnd:10 ${facts} minrtt:0.023 snd_wnd:65536   \n`
}

const bytes = (acked: number, received: number, quiet = 504): string =>
  `${acked > 0 ? `bytes_acked:${acked} ` : ''}${received > 0 ? `bytes_received:${received} ` : ''}segs_in:4 lastsnd:${quiet} lastrcv:${quiet + 3} lastack:1`
const over = (local = '10.0.0.5:8080', peer = '203.0.113.9:50123') =>
  `TIME-WAIT  0  0  ${local}  ${peer} timer:(timewait,59sec,0) ino:0 sk:99948      \n`

describe('what ss prints', () => {
  const ports = new Set([8080])
  it.each<[string, string, readonly object[]]>([
    ['nothing', '', []],
    ['a client', line(), [{ port: 8080, local: false, state: 'open', id: '99946', bytes: 1002, quietMs: 504 }]],
    ['one that nothing has passed over', line({ facts: 'segs_in:2' }), [{ bytes: 0 }]],
    ['what was sent to nobody', line({ facts: 'bytes_sent:9 bytes_retrans:9 segs_out:2' }), [{ bytes: 0 }]],
    ['one that both have closed', over(), [{ state: 'over' }]],
    [
      'one that the server has closed, with data under way',
      line({ state: 'FIN-WAIT-1' }),
      [{ state: 'open', bytes: 1002 }],
    ],
    ['over IPv6', line({ local: '[2001:db8::5]:8080', peer: '[2001:db8::9]:1' }), [{ local: false }]],
    ['of this machine', line({ local: '127.0.0.1:8080', peer: '127.0.0.1:1' }), [{ local: true }]],
    ['of this machine over IPv6', line({ local: '[::1]:8080', peer: '[::1]:1' }), [{ local: true }]],
    ['of this machine by its own address', line({ peer: '10.0.0.5:1' }), [{ local: true }]],
    [
      'of this machine by another address of its own',
      line({ peer: '172.17.0.1:7' }) + line({ local: '172.17.0.1:7', peer: '10.0.0.5:8080' }),
      [{ local: true }],
    ],
    [
      'of this machine, between IPv4 and IPv6',
      line({ local: '[::ffff:10.0.0.5]:8080', peer: '[::ffff:10.9.0.1]:7' }) +
        line({ local: '10.9.0.1:7', peer: '10.0.0.5:8080' }),
      [{ local: true }],
    ],
    ['this machine as a client', line({ local: '10.0.0.5:7', peer: '203.0.113.9:8080' }), []],
    [
      'a group named as a counter',
      line({ cgroup: '/x/ bytes_acked:7 <-> bytes_acked:9 <->', facts: bytes(5, 0) }),
      [{ bytes: 5 }],
    ],
  ])('%s', (_, text, expected) => {
    expect(parseServed(text, ports)).toMatchObject(expected)
    expect(parseServed(text, ports)).toHaveLength(expected.length)
  })

  it('tells no bytes where ss has no counters', () => {
    const [found] = parseServed(line().replace(/ (mss|segs_out|segs_in):\d+/g, ''), ports)
    expect(found).toMatchObject({ state: 'open' })
    expect(found).not.toHaveProperty('bytes')
  })

  it.each([
    'garbage',
    'ESTAB 0 0 10.0.0.5:8080',
    'ESTAB 0 0 nobody:8080 10.0.0.9:1 ino:1',
    line().replace('acked:1000', 'acked:-1'),
  ])('throws at %j', (text) => {
    expect(() => parseServed(text, ports)).toThrow()
  })
})

type Entry = Readonly<Record<string, unknown>>

/** Judges an interval of two minutes that began and ended with these answers of ss. */
async function judged(entries: readonly Entry[], first: string, last: string): Promise<Reading> {
  const machine = createMachine('debian12-vm-quiet')
  return interval(
    machine,
    entries,
    (text) => machine.commands.set('ss', () => ({ status: 0, stdout: text, stderr: '' })),
    [first, last],
  )
}

async function interval(
  machine: Machine,
  entries: readonly Entry[],
  tell: (text: string) => void,
  [first, last]: readonly [string, string],
): Promise<Reading> {
  const sensor = listedServices(entries)
  const take = async () => JSON.parse(JSON.stringify(await sensor.read(machine.host(), new AbortController().signal)))
  tell(first)
  const before = await take()
  machine.pass(120_000)
  tell(last)
  return sensor.judge(await take(), before, { span: { now: machine.clocks(), ms: 120_000 }, limits: {} })
}

const web = { port: 8080, name: 'web' }
const now = 7_320_000
const hold = (reason: string, limitMinutes = 60): Reading => ({
  kind: 'hold',
  reason,
  evidence: 'client',
  limitMinutes,
})
const silent = hold('1 silent client on port 8080 (web), for 60 min at most')

describe('a service', () => {
  const at = (acked: number, received = 0, quiet = 504) => line({ facts: bytes(acked, received, quiet) })
  it.each<[string, Entry, string, string, Reading]>([
    ['without clients', web, '', '', { kind: 'idle', reason: 'no client on port 8080 (web)' }],
    [
      'with a slow reader, far below what the network sensor sees',
      web,
      at(50_000),
      at(62_000, 0, 4000),
      { kind: 'active', reason: 'a client on port 8080 (web): 100 B/s', at: now - 4000 },
    ],
    [
      'with a slow writer',
      web,
      at(1, 500),
      at(1, 1500),
      { kind: 'active', reason: 'a client on port 8080 (web): 8 B/s', at: now - 504 },
    ],
    [
      'with evidence from before the interval, as ss may count it',
      web,
      at(0),
      at(9_000, 0, 500_000),
      { kind: 'active', reason: 'a client on port 8080 (web): 75 B/s', at: now - 119_999 },
    ],
    [
      'with a client that is new',
      web,
      '',
      at(5000),
      { kind: 'active', reason: 'a client on port 8080 (web): 42 B/s', at: now - 504 },
    ],
    ['with a client that is silent', web, at(5000), at(5000), silent],
    ['with keep-alives of its protocol', web, at(5000), at(5500, 499), silent],
    ['with a client that has only come', web, '', line({ facts: 'segs_in:2' }), silent],
    ['with another connection of the same client', web, at(5000), line({ sk: 'abc', facts: 'segs_in:2' }), silent],
    [
      'that a client left a moment ago',
      web,
      '',
      over(),
      hold('a client was on port 8080 (web) a moment ago, for 60 min at most'),
    ],
    [
      'with a hold of its own',
      { port: 8080, hold_minutes: 5 },
      at(1),
      at(1),
      hold('1 silent client on port 8080, for 5 min at most', 5),
    ],
    [
      'without a hold',
      { ...web, hold_minutes: 0 },
      at(1),
      at(1),
      { kind: 'idle', reason: '1 silent client on port 8080 (web), which does not count' },
    ],
    [
      'that a client has left since',
      web,
      at(1),
      '',
      hold('a client was on port 8080 (web) a moment ago, for 60 min at most'),
    ],
    ['that counts more bytes only', { ...web, min_bytes_per_minute: 6001 }, at(1), at(12_001), silent],
    ['on another port', { port: 80 }, '', at(5000), { kind: 'idle', reason: 'no client on port 80' }],
  ])('%s', async (_, entry, first, last, expected) => {
    expect(await judged([entry], first, last)).toEqual(expected)
  })

  it.each<[string, Entry, string, string]>([
    ['a health checker', { ...web, ignore_clients: ['203.0.113.0/24'] }, '203.0.113.9:1', 'idle'],
    ['one beside it', { ...web, ignore_clients: ['203.0.113.0/29'] }, '203.0.113.9:1', 'active'],
    ['one of this machine', web, '127.0.0.1:1', 'idle'],
    ['one of this machine, where it counts', { ...web, loopback: true }, '127.0.0.1:1', 'active'],
  ])('%s: %s', async (_, entry, peer, kind) => {
    expect((await judged([entry], '', line({ peer }))).kind).toBe(kind)
  })

  it('of several the latest use is told, and the longest hold', async () => {
    const two = [web, { port: 2049, name: 'nfs', hold_minutes: 90 }]
    const nfs = (facts: string) => line({ local: '10.0.0.5:2049', sk: '7', facts })
    expect(await judged(two, at(1) + nfs(bytes(1, 1)), at(9000) + nfs(bytes(9000, 1, 2)))).toMatchObject({
      kind: 'active',
      at: now - 2,
    })
    expect(await judged(two, at(1) + nfs(bytes(1, 1)), at(1) + nfs(bytes(1, 1)))).toMatchObject({ limitMinutes: 90 })
    expect(await judged(two, '', '')).toEqual({ kind: 'idle', reason: 'no client on port 8080 (web), port 2049 (nfs)' })
  })

  it('asks for its ports alone, and keeps nobody’s address', async () => {
    const machine = createMachine('debian12-vm-quiet')
    machine.commands.set('ss', () => ({ status: 0, stdout: line(), stderr: '' }))
    const sample = await listedServices([web, { port: 80 }]).read(machine.host(), new AbortController().signal)
    expect(machine.ran).toHaveLength(1)
    expect(machine.ran[0]?.slice(-17).join(' ')).toBe(
      '( sport = :8080 or dport = :8080 or sport = :80 or dport = :80 )'.split(' ').slice(-17).join(' '),
    )
    expect(JSON.stringify(sample)).not.toContain('203.0.113')
  })

  it('keeps a bounded number of connections, and in doubt takes one of the others for used', async () => {
    const crowd = Array.from({ length: 700 }, (_, index) =>
      line({ sk: `a${index}`, facts: bytes(9000 + index, 1) }),
    ).join('')
    expect(await judged([web], crowd, crowd)).toMatchObject({ kind: 'hold' })
    const idle = line({ sk: 'idle', facts: bytes(1200, 1) })
    expect(await judged([web], crowd + idle, idle)).toMatchObject({ kind: 'active' })
  })
})

describe('a client that has closed', () => {
  const service = { port: 8080 }
  const now = { wallMs: 9e12, bootMs: 480_000, monoMs: 480_000 }

  /** Bytes of its connection at three checks, two minutes apart; it is gone at the fourth. */
  async function after(totals: readonly number[], [last]: readonly string[]): Promise<Reading> {
    const machine = createMachine('debian12-vm-quiet')
    const sensor = listedServices([service])
    let before: Awaited<ReturnType<typeof sensor.read>> | undefined
    for (const [index, total] of totals.entries()) {
      const text = line({ facts: bytes(total, 0), peer: '203.0.113.9:50123' })
      const host = { ...machine.host(), run: async () => ({ status: 0, stdout: text, stderr: '' }) }
      const clocks = { ...now, monoMs: index * 120_000 }
      before = await sensor.read({ ...host, clocks: () => clocks }, new AbortController().signal, before)
    }
    const host = { ...machine.host(), run: async () => ({ status: 0, stdout: last ?? '', stderr: '' }) }
    const sample = await sensor.read({ ...host, clocks: () => now }, new AbortController().signal, before)
    if (before === undefined) throw new Error('nothing came before')
    return sensor.judge(sample, before, { span: { now, ms: 120_000 }, limits: {} })
  }

  it.each<[string, readonly number[], readonly string[], string]>([
    ['was used until then, if it was up to the check before', [10, 5000, 9000], [], 'active'],
    ['so too, where the kernel remembers it', [10, 5000, 9000], [over()], 'active'],
    ['may have been silent for long', [10, 5000, 5000], [], 'hold'],
    ['may have sent keep-alives only', [10, 5000, 5900], [], 'hold'],
    ['is not known to have been used where nothing came before', [9000], [], 'hold'],
  ])('%s', async (_, totals, last, kind) => {
    const reading = await after(totals, last)
    expect(reading.kind).toBe(kind)
    if (kind === 'active')
      expect(reading).toMatchObject({ at: 480_000, reason: 'a client on port 8080, in use until it closed' })
  })
})

describe('without ss', () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  // SOURCE: written from proc_pid_net(5).
  const row = (local: string, peer: string, st: string) =>
    `   0: ${local} ${peer} ${st} 00000000:00000000 00:00000000 00000000  1000        0 1 1\n`
  const [own, client, self] = ['0500000A:1F90', '097100CB:C3CB', '0100007F:C3CB']
  const mapped = (address: string) => `0000000000000000FFFF0000${address}`

  it.each<[string, string, readonly object[]]>([
    ['a client', row(own, client, '01'), [{ port: 8080, local: false, state: 'open' }]],
    ['a listener', row('00000000:1F90', '00000000:0000', '0A'), []],
    ['one that is over', row(own, client, '06'), [{ state: 'over' }]],
    ['one that the client has closed', row(own, client, '08'), [{ state: 'open' }]],
    ['one that only asks to come', row(own, client, '03'), []],
    ['one of this machine', row('0100007F:1F90', self, '01'), [{ local: true }]],
    ['over IPv6', row(mapped(own), mapped(client), '01'), [{ local: false }]],
    [
      'one of this machine, between IPv4 and IPv6',
      row(own, mapped('0100000A:0007'), '01') + row('0100000A:0007', own, '01'),
      [{ local: true }],
    ],
    ['other ports', row('0500000A:0016', client, '01'), []],
  ])('%s', (_, rows, expected) => {
    const found = servedIn(parseTcp(head + rows), new Set([8080]))
    expect(found).toMatchObject(expected)
    expect(found).toHaveLength(expected.length)
  })

  it.each<[string, string, string]>([
    ['nobody is there', '', 'idle'],
    ['nobody can tell whether a client is served', row(own, client, '01'), 'unknown'],
    ['one that has gone holds', row(own, client, '06'), 'hold'],
    ['this machine does not count', row('0100007F:1F90', self, '01'), 'idle'],
  ])('%s', async (_, rows, kind) => {
    const machine = createMachine('debian12-vm-quiet')
    const reading = await interval(machine, [web], (text) => machine.write('/proc/net/tcp', head + text), [rows, rows])
    expect(reading.kind).toBe(kind)
  })

  it('throws without the table, too', async () => {
    const machine = createMachine('debian12-vm-quiet')
    await expect(interval(machine, [web], () => {}, ['', ''])).rejects.toThrow('neither ss nor')
  })
})

const hasSs = spawnSync('ss', ['-V']).status === 0

describe.runIf(hasSs)('real connections', () => {
  const host = createHost({ root: '/', env: {} })

  async function serve(serving: (client: Socket) => void): Promise<{ server: Server; port: number }> {
    const server = createServer(serving).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return { server, port: address.port }
  }

  function watch(port: number, more: Entry = {}) {
    const sensor = listedServices([{ port, loopback: true, ...more }])
    const take = async () => ({
      now: host.clocks(),
      sample: await sensor.read({ ...host }, new AbortController().signal),
    })
    return {
      take,
      async since(before: Awaited<ReturnType<typeof take>>): Promise<Reading> {
        const { now: clocks, sample } = await take()
        const span = { now: clocks, ms: Math.max(1, clocks.monoMs - before.now.monoMs) }
        return sensor.judge(sample, before.sample, { span, limits: {} })
      },
    }
  }

  it('a slow reader of a large answer whose server has closed already, and silence', async () => {
    const { port } = await serve((client) => {
      client.on('error', () => {})
      client.end(Buffer.alloc(8_000_000))
    })
    const client = connect(port, '127.0.0.1').on('error', () => {})
    onTestFinished(() => void client.destroy())
    const { take, since } = watch(port)
    await once(client, 'readable')
    let before = await take()
    // Connected, and reads nothing, once the buffers are full.
    for (let round = 0; (await since(before)).kind !== 'hold'; round += 1) {
      expect(round).toBeLessThan(100)
      await host.sleep(20)
      before = await take()
    }
    for (let read = 0; read < 2_000_000; ) {
      const chunk: Buffer | null = client.read()
      if (chunk === null) await once(client, 'readable')
      else read += chunk.length
    }
    expect(await since(before)).toMatchObject({
      kind: 'active',
      reason: expect.stringMatching(/^a client on port \d+: \d/),
    })
  })

  it('does not count where loopback does not, and is idle when the client has gone', async () => {
    const { port } = await serve((client) => client.on('error', () => {}).resume())
    const client = connect(port, '127.0.0.1')
    await once(client, 'connect')
    const [all, others] = [watch(port), watch(port, { loopback: false })]
    const before = { all: await all.take(), others: await others.take() }
    client.write(Buffer.alloc(10_000))
    await host.sleep(50)
    expect((await all.since(before.all)).kind).toBe('active')
    expect((await others.since(before.others)).kind).toBe('idle')
    client.destroy()
    await once(client, 'close')
  })
})
