/** Who is connected to the ports of certain programs, and how much they send; read where such a program runs. */
import type { Host } from '../host/host.ts'
import { ifPermitted, parseUid, socketsOf, uidOf, whileItLives } from './processes.ts'
import { askSockets, type Socket } from './sockets.ts'
import { readTcp } from './tcp-table.ts'
import type { Usual } from './usual.ts'

/** A program whose clients are asked for. */
export interface Server {
  readonly pid: number
  readonly start: number
  /** What it is called in a reason. */
  readonly name: string
  /** It listens for nobody: clients come over connections that it opens itself. */
  readonly dials?: true
}

/** A server with its clients. */
export interface Served extends Server {
  readonly uid: number
  readonly clients: number
  /** Bytes received so far by each of its connections. */
  readonly sockets: readonly (readonly [ino: number, received: number])[]
  /** Milliseconds since data last passed. */
  readonly quietMs?: number
  /** Why the bytes of its clients are not known. */
  readonly unread?: string
  /** What its clients always send. */
  readonly usual?: Usual
}

/** Most servers of a user looked at where there are more in all, and most clients of one. */
const mostServers = 64
const mostClients = 200
const mostUnixBytes = 8_000_000
const totalMs = 2500

interface Row {
  readonly port: number
  readonly ino: number
  readonly listens: boolean
}

/** Established and listening sockets. */
async function readRows(host: Host, folder: string): Promise<readonly Row[]> {
  const four = await readTcp(host, `${folder}/tcp`)
  // Another process's go with it, and tcp6 is not there without IPv6.
  if (four === undefined && folder === '/proc/net') throw new Error('/proc/net/tcp is absent')
  const six = await readTcp(host, `${folder}/tcp6`)
  return [...(four ?? []), ...(six ?? [])].flatMap(({ near: { port }, state, ino }) =>
    state === '01' || state === '0A' ? [{ port, ino, listens: state === '0A' }] : [],
  )
}

/**
 * Names of the Unix sockets by which others are connected to the process. In /proc/net/unix what was accepted has state 03
 * and the name of the one it came by (af_unix.c), pairs have none. Throws if that is absent, very large or not understood.
 */
export async function localClients(host: Host, pid: number, signal: AbortSignal): Promise<readonly string[]> {
  const inodes = await socketsOf(host, pid, signal)
  const text = await host.readText(`/proc/${pid}/net/unix`, mostUnixBytes)
  if (text === undefined) {
    if ((await host.stat(`/proc/${pid}`)) === undefined) return []
    throw new Error(`/proc/${pid}/net/unix is absent`)
  }
  if (!text.startsWith('Num ') || !text.endsWith('\n')) throw new Error(`/proc/${pid}/net/unix is cut off, or none`)
  const names: string[] = []
  for (const [, ino, name = ''] of text.matchAll(/^\S+ \S+ \S+ \S+ \S+ 03 +(\d{1,15}) (\S.*)$/gm)) {
    if (inodes.has(Number(ino))) names.push(name)
  }
  return names
}

/** A server's established connections. */
interface Found {
  readonly server: Server
  readonly uid: number
  readonly rows: readonly Row[]
}

async function findRows(
  host: Host,
  servers: readonly Server[],
  { rows, signal }: { readonly rows: readonly Row[]; readonly signal: AbortSignal },
): Promise<readonly Found[]> {
  const found: Found[] = []
  const taken = new Set<string>()
  const established = Map.groupBy(
    rows.filter(({ listens }) => !listens),
    ({ port }) => port,
  )
  for (const server of servers) {
    const status = await whileItLives(host, server.pid, () => host.readText(`/proc/${server.pid}/status`))
    if (status === undefined) continue
    const inodes = await socketsOf(host, server.pid, signal)
    const own = rows.filter(({ ino }) => inodes.has(ino))
    const uid = parseUid(status)
    // Its children may hold its connections, and share its ports. Not those of another user, who may listen at another address of a port.
    const ports = [...new Set(own.filter(({ listens }) => listens).map(({ port }) => port))].filter(
      (port) => !taken.has(`${uid}:${port}`),
    )
    for (const port of ports) taken.add(`${uid}:${port}`)
    const clients =
      server.dials === true
        ? own.filter(({ listens }) => !listens)
        : ports.flatMap((port) => established.get(port) ?? [])
    found.push({ server, uid, rows: clients })
  }
  return found
}

/** `( sport = :80 or sport = :81 )`, which the kernel filters by. */
function portFilter(rows: readonly Row[]): readonly string[] {
  const ports = [...new Set(rows.map(({ port }) => port))]
  return ['(', ...ports.flatMap((port, index) => [...(index === 0 ? [] : ['or']), 'sport', '=', `:${port}`]), ')']
}

function measured(
  { server, uid, rows }: Found,
  sockets: ReadonlyMap<number, Socket> | undefined,
  hidden: ReadonlySet<number>,
): Served {
  const who = { ...server, uid, clients: rows.length }
  if (rows.length === 0) return { ...who, sockets: [] }
  const unread = (why: string): Served => ({ ...who, sockets: [], unread: why })
  if (rows.length > mostClients) return unread(`there are more than ${mostClients} connections`)
  if (sockets === undefined || rows.some(({ ino }) => hidden.has(ino))) return unread('ss does not tell them')
  const known = rows.flatMap(({ ino }) => {
    const socket = sockets.get(ino)
    return socket === undefined ? [] : [[ino, socket] as const]
  })
  const quiet = known.map(([, { quietMs }]) => quietMs).filter((ms) => ms !== undefined)
  return {
    ...who,
    sockets: known.map(([ino, { received }]) => [ino, received] as const),
    ...(quiet.length === 0 ? {} : { quietMs: Math.min(...quiet) }),
  }
}

/** Servers by their network namespace: those of a container have one of their own. */
async function byNamespace(host: Host, servers: readonly Server[]): Promise<ReadonlyMap<string, readonly Server[]>> {
  const own = await host.readLink('/proc/self/ns/net')
  const groups = new Map<string, Server[]>()
  for (const server of servers) {
    const link = await ifPermitted(() =>
      whileItLives(host, server.pid, () => host.readLink(`/proc/${server.pid}/ns/net`)),
    )
    const key = link === undefined || link === own ? '' : link
    groups.set(key, [...(groups.get(key) ?? []), server])
  }
  return groups
}

/** As many as `most` of each user, the first in this order, where there are more in all: anybody can call thousands of processes like servers, and leave them unused. */
export async function fewer<One extends { readonly pid: number }>(
  host: Host,
  all: readonly One[],
  { most, order }: { readonly most: number; readonly order: (a: One, b: One) => number },
): Promise<readonly One[]> {
  if (all.length <= most) return all
  const owned: { readonly one: One; readonly uid: number | undefined }[] = []
  for (const one of all) owned.push({ one, uid: await uidOf(host, one.pid) })
  return [...Map.groupBy(owned, ({ uid }) => uid).values()].flatMap((own) =>
    own
      .map(({ one }) => one)
      .sort(order)
      .slice(0, most),
  )
}

/**
 * The clients of each server: established connections to the ports that it listens on, or that it opened itself where it
 * dials. `ss` is asked for their bytes only if there are any, in the server's own network namespace. Throws if what the
 * kernel says is not understood.
 */
export async function readServed(
  host: Host,
  servers: readonly Server[],
  signal: AbortSignal,
): Promise<readonly Served[]> {
  const until = host.clocks().monoMs + totalMs
  const served: Served[] = []
  // The newest: editors leave servers of earlier versions behind.
  const looked = await fewer(host, servers, { most: mostServers, order: (a, b) => b.start - a.start })
  for (const [key, members] of await byNamespace(host, looked)) {
    const pid = members[0]?.pid
    const folder = key === '' ? '/proc/net' : `/proc/${pid}/net`
    const found = await findRows(host, members, { rows: await readRows(host, folder), signal })
    const rows = found.flatMap((one) => one.rows)
    const within = key === '' ? [] : ['nsenter', `--net=/proc/${pid}/ns/net`]
    const sockets = rows.length === 0 ? undefined : await askSockets(host, portFilter(rows), { until, signal, within })
    const untold = rows.filter(({ ino }) => sockets !== undefined && !sockets.has(ino))
    // Closed since; or ss has left it out.
    const open = new Set(untold.length === 0 ? [] : (await readRows(host, folder)).map(({ ino }) => ino))
    const hidden = new Set(untold.flatMap(({ ino }) => (open.has(ino) ? [ino] : [])))
    served.push(...found.map((one) => measured(one, sockets, hidden)))
  }
  return served
}
