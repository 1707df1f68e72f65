/** The sockets of a server, as the kernel tells them, and what is done where it tells nonsense or too much. */
import { describe, expect, it } from 'vitest'
import { readServed, type Server } from '../../agent/sensors/clients.ts'
import { socketsOf } from '../../agent/sensors/processes.ts'
import { createMachine, type Machine } from '../host/fixture.ts'

const never = new AbortController().signal
const heading = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'

/** A line of /proc/net/tcp (proc_net_tcp.rst). */
function row(port: number, state: string, ino: number | string): string {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return `   0: ${local} 0100007F:D431 ${state} 00000000:00000000 02:000004F0 00000000  1000        0 ${ino} 2 0 20 4 30 10 -1\n`
}

const server: Server = { pid: 900, start: 5, name: 'editor' }

function serving(clients: number): Machine {
  const machine = createMachine('debian12-vm-quiet')
  machine.write('/proc/900/status', 'Uid:\t1000\t1000\t1000\t1000\nFDSize:\t64\n')
  machine.link('/proc/900/fd/20', 'socket:[7]')
  const rows = Array.from({ length: clients }, (_, index) => row(8080, '01', 100 + index))
  machine.write('/proc/net/tcp', heading + row(8080, '0A', 7) + row(9090, '01', 50) + rows.join(''))
  return machine
}

/** What `ss -tinOHe` prints of a connection. */
const told = (ino: number, received: number) =>
  `0 0 127.0.0.1:8080 127.0.0.1:54321 timer:(keepalive,1min,0) uid:1000 ino:${ino} sk:1 <-> cubic mss:32741 bytes_received:${received} lastsnd:9 lastrcv:7\n`

describe('readServed', () => {
  it('asks ss for the bytes of its ports alone, and only where somebody is connected', async () => {
    const machine = serving(0)
    expect(await readServed(machine.host(), [server], never)).toMatchObject([{ clients: 0, sockets: [] }])
    expect(machine.ran).toEqual([])

    const busy = serving(2)
    busy.commands.set('ss', () => ({ status: 0, stdout: told(100, 40) + told(101, 0) + told(999, 5), stderr: '' }))
    expect(await readServed(busy.host(), [server], never)).toMatchObject([
      {
        uid: 1000,
        clients: 2,
        sockets: [
          [100, 40],
          [101, 0],
        ],
        quietMs: 7,
      },
    ])
    expect(busy.ran.map((argv) => argv.join(' '))).toEqual(['ss -tinOHe state established ( sport = :8080 )'])
  })

  it('does not know the bytes where ss leaves out a connection that is still there', async () => {
    const machine = serving(2)
    machine.commands.set('ss', () => ({ status: 0, stdout: told(100, 40), stderr: '' }))
    const unread = 'ss does not tell them'
    expect(await readServed(machine.host(), [server], never)).toMatchObject([{ clients: 2, sockets: [], unread }])
    machine.commands.set('ss', () => {
      machine.edit('/proc/net/tcp', row(8080, '01', 101), '')
      return { status: 0, stdout: told(100, 40), stderr: '' }
    })
    expect(await readServed(machine.host(), [server], never)).toMatchObject([{ sockets: [[100, 40]], quietMs: 7 }])
  })

  it.each([
    ['there is no ss', 2, undefined, 'ss does not tell them'],
    ['ss fails', 2, { status: 1, stdout: '', stderr: 'no' }, 'ss does not tell them'],
    ['they are too many', 201, { status: 0, stdout: told(100, 4), stderr: '' }, 'there are more than 200 connections'],
  ])('does not know the bytes where %s', async (_, clients, answer, unread) => {
    const machine = serving(clients)
    if (answer !== undefined) machine.commands.set('ss', () => answer)
    expect(await readServed(machine.host(), [server], never)).toMatchObject([{ clients, unread, sockets: [] }])
  })

  it.each<[string, (machine: Machine) => void, string]>([
    [
      'what ss says is not understood',
      (machine) => machine.commands.set('ss', () => ({ status: 0, stdout: 'ESTAB ino:5\n', stderr: '' })),
      'without its counters',
    ],
    ['the table is garbage', (machine) => machine.write('/proc/net/tcp6', 'a\nb\n'), 'not understood'],
    ['the table is absent', (machine) => machine.remove('/proc/net/tcp'), 'absent'],
    ['the table cannot be read', (machine) => machine.forbid('/proc/net/tcp'), 'permission denied'],
    ['whose it is cannot be read', (machine) => machine.write('/proc/900/status', 'Name:\tx\n'), 'Uid'],
  ])('throws where %s', async (_, change, problem) => {
    const machine = serving(1)
    change(machine)
    await expect(readServed(machine.host(), [server], never)).rejects.toThrow(problem)
  })

  it('looks at the newest of a user who has very many, and at all of others', async () => {
    const machine = serving(0)
    const many = Array.from({ length: 65 }, (_, index) => ({ ...server, pid: 1000 + index, start: 10 + index }))
    for (const { pid } of many) machine.write(`/proc/${pid}/status`, 'Uid:\t1001\t1001\t1001\t1001\n')
    const pids = (await readServed(machine.host(), [server, ...many], never)).map(({ pid }) => pid)
    expect(new Set(pids)).toEqual(new Set([900, ...many.slice(1).map(({ pid }) => pid)]))
  })

  it("counts a client for each user's server on its port: another may listen there at an address of their own", async () => {
    const machine = serving(1)
    machine.write('/proc/800/status', 'Uid:\t1001\t1001\t1001\t1001\nFDSize:\t64\n')
    machine.link('/proc/800/fd/3', 'socket:[6]')
    const elsewhere = row(8080, '0A', 6).replace('0100007F', '0200007F')
    machine.write('/proc/net/tcp', heading + elsewhere + row(8080, '0A', 7) + row(8080, '01', 100))
    machine.commands.set('ss', () => ({ status: 0, stdout: told(100, 40), stderr: '' }))
    const served = await readServed(machine.host(), [{ ...server, pid: 800 }, server], never)
    expect(served.map(({ pid, clients }) => [pid, clients])).toEqual([
      [800, 1],
      [900, 1],
    ])
  })

  it('leaves out one that has ended', async () => {
    expect(await readServed(serving(0).host(), [{ ...server, pid: 4_000_000 }], never)).toEqual([])
  })

  it('takes the connections of one that dials for its clients', async () => {
    const machine = serving(0)
    machine.link('/proc/900/fd/21', 'socket:[50]')
    machine.commands.set('ss', () => ({ status: 0, stdout: told(50, 4), stderr: '' }))
    expect(await readServed(machine.host(), [{ ...server, dials: true }], never)).toMatchObject([
      { clients: 1, sockets: [[50, 4]] },
    ])
  })
})

it('looks at the first descriptors of a process that has very many', async () => {
  const machine = serving(0)
  machine.write('/proc/900/status', 'Uid:\t1000\t1000\t1000\t1000\nFDSize:\t1048576\n')
  machine.link('/proc/900/fd/4096', 'socket:[8]')
  expect(await socketsOf(machine.host(), 900, never)).toEqual(new Set([7]))
})

it('tells the sockets of a process in the order of its descriptors', async () => {
  const machine = serving(0)
  machine.link('/proc/900/fd/100', 'socket:[5]')
  machine.link('/proc/900/fd/3', 'socket:[9]')
  expect([...(await socketsOf(machine.host(), 900, never))]).toEqual([9, 7, 5])
})
