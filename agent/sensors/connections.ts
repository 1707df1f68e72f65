/** Connections of clients on given ports: from `ss` with their bytes, or from /proc/net/tcp without. */
import type { Host } from '../host/host.ts'
import { type Address, addressKey, isLoopback, parseAddress, parseHexAddress } from './addresses.ts'
import { hasCounters, quietOf, type SsLine, ssCount, ssField, ssLines } from './counts.ts'
import { askSs } from './ss.ts'
import { readTcp, type TcpRow } from './tcp-table.ts'

/** A connection on a port of this machine. */
export interface Served {
  readonly port: number
  readonly client: Address
  /** The client is on this machine, too. */
  readonly local: boolean
  /** `over`: the kernel only remembers it, for a minute (TIME_WAIT). */
  readonly state: 'open' | 'over'
  /** Tells it from every other one since the boot, where that is known. */
  readonly id: string
  /** Received, and sent as far as the client has acknowledged it: neither keep-alives nor what is sent to nobody. `undefined` without `ss`. */
  readonly bytes?: number
  /** Milliseconds since something went either way. */
  readonly quietMs?: number
}

interface Row extends Omit<Served, 'local' | 'client' | 'port'> {
  readonly near: End
  readonly far: End
}

/** In which something may still pass; the last three of one that either side has closed while data is under way. */
const states = ['established', 'close-wait', 'fin-wait-1', 'last-ack', 'closing', 'time-wait']

const askMs = 3_000
/** Some 4,000 connections. */
const mostBytes = 4_000_000

function rowOf({ line }: SsLine): Row {
  const [, state, local, localPort, peer, peerPort] =
    /^([A-Z0-9-]+) +\d+ +\d+ +(\S+):(\d+) +(\S+):(\d+)(?: |$)/.exec(line) ?? []
  if (local === undefined || peer === undefined) throw new Error('a line of ss is not understood')
  const ends = {
    near: [parseAddress(local), Number(localPort)],
    far: [parseAddress(peer), Number(peerPort)],
  } as const
  const id = ssField(line, 'sk') ?? `${local}:${localPort} ${peer}:${peerPort}`
  if (state === 'TIME-WAIT') return { ...ends, id, state: 'over' }
  if (!hasCounters(line)) return { ...ends, id, state: 'open' }
  const bytes = (ssCount(line, 'bytes_acked') ?? 0) + (ssCount(line, 'bytes_received') ?? 0)
  return { ...ends, id, state: 'open', bytes, ...quietOf(line) }
}

type End = readonly [address: Address, port: number]

function keyOf(one: End, other: End): string {
  return `${addressKey(one[0])} ${one[1]} ${addressKey(other[0])} ${other[1]}`
}

function endOf({ address, port }: TcpRow['near']): End {
  return [parseHexAddress(address), port]
}

/** The rows whose near end is one of the ports. A row whose ends swapped are there too is a connection of this machine with itself. */
function servedOf(rows: readonly Row[], ports: ReadonlySet<number>): readonly Served[] {
  const all = new Set(rows.map(({ near, far }) => keyOf(near, far)))
  return rows.flatMap(({ near, far, ...row }) => {
    const [client] = far
    if (!ports.has(near[1])) return []
    const local = isLoopback(client) || addressKey(near[0]) === addressKey(client) || all.has(keyOf(far, near))
    return [{ ...row, port: near[1], client, local }]
  })
}

/** Parses the output of `ss -tinOHe` with several states. Throws where a line is not understood. */
export function parseServed(text: string, ports: ReadonlySet<number>): readonly Served[] {
  return servedOf(ssLines(text).map(rowOf), ports)
}

/** `st` of /proc/net/tcp (include/net/tcp_states.h): established, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, CLOSING; and TIME_WAIT. */
const openStates = new Set(['01', '04', '08', '09', '0B'])

/** Connections out of /proc/net/tcp and tcp6 together: no bytes. */
export function servedIn(table: readonly TcpRow[], ports: ReadonlySet<number>): readonly Served[] {
  const rows = table.flatMap(({ near, far, state }): readonly Row[] => {
    if (state !== '06' && !openStates.has(state)) return []
    if (!ports.has(near.port) && !ports.has(far.port)) return []
    const id = `${near.address}:${near.port} ${far.address}:${far.port}`
    return [{ near: endOf(near), far: endOf(far), id, state: state === '06' ? 'over' : 'open' }]
  })
  return servedOf(rows, ports)
}

/** `state established ... ( sport = :80 or dport = :80 )`, which the kernel filters by. */
function filterOf(ports: readonly number[]): readonly string[] {
  const ends = ports.flatMap((port) => [...['or', 'sport', '=', `:${port}`], ...['or', 'dport', '=', `:${port}`]])
  return [...states.flatMap((state) => ['state', state]), '(', ...ends.slice(1), ')']
}

async function readTables(host: Host, ports: ReadonlySet<number>): Promise<readonly Served[]> {
  const four = await readTcp(host, '/proc/net/tcp')
  if (four === undefined) throw new Error('neither ss nor /proc/net/tcp is there')
  const six = (await readTcp(host, '/proc/net/tcp6')) ?? [] // not there without IPv6
  // Together: a client may be the IPv4 end of a connection whose other end is an IPv6 socket.
  return servedIn([...four, ...six], ports)
}

/** Connections on the ports, whoever the client is. Throws where they cannot be told, or are too many. */
export async function readServed(
  host: Host,
  ports: readonly number[],
  signal: AbortSignal,
): Promise<readonly Served[]> {
  const answer = await askSs(host, filterOf(ports), { timeoutMs: askMs, maxBytes: mostBytes, signal })
  if (answer.text !== undefined) return parseServed(answer.text, new Set(ports))
  if (answer.problem === 'ss has more to say than is read') throw new Error('there are more connections than are read')
  return readTables(host, new Set(ports))
}
