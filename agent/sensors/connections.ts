/** Connections of clients on given ports: from `ss` with their bytes, or from /proc/net/tcp without. */
import { HostError } from '../errors.ts'
import type { CommandResult, Host } from '../host/host.ts'
import { codeOf, tooLarge } from '../host/real-errors.ts'
import { type Address, addressKey, isLoopback, parseAddress, parseHexAddress } from './addresses.ts'
import { parseCount } from './counts.ts'
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

function field(line: string, name: string): string | undefined {
  return new RegExp(` ${name}:(\\S+)`).exec(line)?.[1]
}

function count(line: string, name: string): number | undefined {
  const text = field(line, name)
  return text === undefined ? undefined : parseCount(text, `${name} in the output of ss`)
}

function rowOf(raw: string): Row {
  // A user names the groups below their own, and may do so as ss names its counters.
  const line = raw.replace(/ cgroup:.* [<-]-[>-](?= |$)/, '')
  const [, state, local, localPort, peer, peerPort] =
    /^([A-Z0-9-]+) +\d+ +\d+ +(\S+):(\d+) +(\S+):(\d+)(?: |$)/.exec(line) ?? []
  if (local === undefined || peer === undefined) throw new Error('a line of ss is not understood')
  const ends = {
    near: [parseAddress(local), Number(localPort)],
    far: [parseAddress(peer), Number(peerPort)],
  } as const
  const id = field(line, 'sk') ?? `${local}:${localPort} ${peer}:${peerPort}`
  if (state === 'TIME-WAIT') return { ...ends, id, state: 'over' }
  // Where the kernel does not answer it, ss falls back to /proc/net/tcp, and has no counters.
  if (!/ (mss|segs_out|segs_in):/.test(line)) return { ...ends, id, state: 'open' }
  const bytes = (count(line, 'bytes_acked') ?? 0) + (count(line, 'bytes_received') ?? 0)
  const quiet = [count(line, 'lastsnd'), count(line, 'lastrcv')].filter((ms) => ms !== undefined)
  return { ...ends, id, state: 'open', bytes, ...(quiet.length === 0 ? {} : { quietMs: Math.min(...quiet) }) }
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
  return servedOf(
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(rowOf),
    ports,
  )
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

async function askSs(host: Host, ports: readonly number[], signal: AbortSignal): Promise<CommandResult | undefined> {
  const filter = ports.flatMap((port) => [...['or', 'sport', '=', `:${port}`], ...['or', 'dport', '=', `:${port}`]])
  const argv = ['ss', '-tinOHe', ...states.flatMap((state) => ['state', state]), '(', ...filter.slice(1), ')']
  try {
    return await host.run(argv, { timeoutMs: askMs, maxBytes: mostBytes, signal })
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === tooLarge)
      throw new Error('there are more connections than are read', { cause: error })
    throw error
  }
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
  const answer = await askSs(host, ports, signal)
  if (answer?.status !== 0) return readTables(host, new Set(ports))
  return parseServed(answer.stdout, new Set(ports))
}
