/** Asks servers of Jupyter for their kernels: over loopback, a port that the server's own process listens on, with short deadlines. */
import { HostError } from '../errors.ts'
import { asUser } from '../host/as-user.ts'
import type { Host } from '../host/host.ts'
import { isObject, type JsonObject, numberAt, parseObject, textAt } from '../parse.ts'
import { commandLine, ifPermitted, type Process, socketsOf, uidOf } from './processes.ts'
import { readTcp, type TcpRow } from './tcp-table.ts'

/** What a server tells of one kernel. */
export interface Told {
  readonly busy: boolean
  /** Wall time of its last message that anybody can see (iopub), in milliseconds since the epoch. */
  readonly lastMs: number
  /** Is a browser connected? */
  readonly open: boolean
}

/** A process that started kernels. */
export interface Server {
  readonly process: Process
  /** Of the kernel's owner. */
  readonly uid: number
  readonly gid: number
  /** Where its runtime file is: beside the connection files of its kernels (jupyter_core, jupyter_runtime_dir). */
  readonly folder?: string
}

/** Most servers of one user that are asked, the oldest. */
const mostOfUser = 4
const FILE_MS = 700
const ANSWER_MS = 1_000
const MAX_FILE_BYTES = 16_384
const mostKernels = 200

/** Programs that answer `/api/kernels`, by the last part of a word of the command line; others are not asked. */
const serverPrograms = /^(jupyter(|-\w+|hub-singleuser|_server|lab)|notebook|jupyterhub\.singleuser|nbclassic)$/

/** What `parse` makes of text that anybody may have written; `undefined` where it throws. */
function understood<T>(text: string, parse: (text: string) => T): T | undefined {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}

async function isServer(host: Host, { pid, comm }: Process): Promise<boolean> {
  if (/^jupyter/.test(comm)) return true
  if (!/^python/.test(comm)) return false
  const words = (await commandLine(host, pid))?.text.split('\0') ?? []
  return words.slice(1, 6).some((word) => serverPrograms.test(word.slice(word.lastIndexOf('/') + 1)))
}

/** Addresses in /proc/net/tcp and tcp6 (little-endian words) that loopback reaches, and where: another of 127.0.0.0/8 may be another user's. */
const reachable: Readonly<Record<string, string>> = {
  '00000000': '127.0.0.1',
  '0100007F': '127.0.0.1',
  '00000000000000000000000000000000': '127.0.0.1',
  '00000000000000000000000001000000': '[::1]',
}

interface Listening {
  readonly port: number
  readonly address: string
}

/** Listening sockets that loopback reaches, by inode. */
export function listeningIn(table: readonly TcpRow[]): ReadonlyMap<number, Listening> {
  const sockets = new Map<number, Listening>()
  for (const { near, state, ino } of table) {
    const address = reachable[near.address]
    if (state === '0A' && address !== undefined) sockets.set(ino, { port: near.port, address })
  }
  return sockets
}

/** Of both tables; none of one that is refused or very large: the processes show the rest. Throws if a line is not understood. */
async function readListening(host: Host): Promise<ReadonlyMap<number, Listening>> {
  const paths = ['/proc/net/tcp', '/proc/net/tcp6']
  const tables = await Promise.all(paths.map((path) => ifPermitted(() => readTcp(host, path))))
  return listeningIn(tables.flatMap((table) => table ?? []))
}

/** What its runtime file tells, `jpserver-PID.json` or `nbserver-PID.json`. */
interface RuntimeFile {
  readonly port?: number
  readonly path: string
  readonly token: string
}

/** Parses one. Anybody may have written it: a path that is none counts as `/`. Throws if it is no JSON object. */
export function parseRuntimeFile(text: string): RuntimeFile {
  const file = parseObject(text)
  const { port, base_url: path, token } = file
  return {
    ...(typeof port === 'number' ? { port } : {}),
    path: typeof path === 'string' && /^\/([\w.~@%-]{1,80}\/){0,8}$/.test(path) ? path : '/',
    // Nothing that would end a header.
    token: typeof token === 'string' && /^[\w.~+/=-]{1,512}$/.test(token) ? token : '',
  }
}

/**
 * Reads it as its owner would, by another process: the folder may be the user's own mount or a dead server's, where whoever
 * reads waits for ever, and a link leads to nothing that is not theirs. `undefined` where there is none.
 */
async function readRuntimeFile(host: Host, server: Server, signal: AbortSignal): Promise<RuntimeFile | undefined> {
  const { folder, uid, gid } = server
  if (folder === undefined) return undefined
  const { pid } = server.process
  const head = [
    'head',
    '-qc',
    String(MAX_FILE_BYTES),
    `${folder}/jpserver-${pid}.json`,
    `${folder}/nbserver-${pid}.json`,
  ]
  const argv = host.self.uid === 0 ? [...asUser(uid, gid), ...head] : head
  const result = await host.run(argv, { timeoutMs: FILE_MS, maxBytes: 3 * MAX_FILE_BYTES, signal })
  return result === undefined || result.stdout === '' ? undefined : understood(result.stdout, parseRuntimeFile)
}

function toldOf(kernel: JsonObject): readonly [string, Told] {
  const lastMs = Date.parse(textAt(kernel, 'last_activity'))
  if (!Number.isFinite(lastMs)) throw new Error('last_activity is no time')
  // `starting` is what is told until the first browser connects, which may be never.
  const busy = textAt(kernel, 'execution_state') === 'busy'
  return [textAt(kernel, 'id'), { busy, lastMs, open: numberAt(kernel, 'connections') > 0 }]
}

/** Parses the answer to /api/kernels, by kernel id. Throws if it is not understood as a whole. */
export function parseKernels(body: string): ReadonlyMap<string, Told> {
  const list: unknown = JSON.parse(body)
  if (!Array.isArray(list)) throw new Error('the answer is no list')
  return new Map(list.slice(0, mostKernels).filter(isObject).map(toldOf))
}

async function ask(
  host: Host,
  server: Server,
  { sockets, signal }: { readonly sockets: ReadonlyMap<number, Listening>; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, Told> | undefined> {
  if (!(await isServer(host, server.process))) return undefined
  // A program that runs as root for a user, as sudo does, has a command line of theirs: they would be told what root can read.
  if ((await uidOf(host, server.process.pid)) !== server.uid) return undefined
  const inodes = [...(await socketsOf(host, server.process.pid, signal))]
  const listening = inodes.map((ino) => sockets.get(ino)).filter((one) => one !== undefined)
  if (listening.length === 0) return undefined
  const file = await ifPermitted(() => readRuntimeFile(host, server, signal))
  const to = listening.find(({ port }) => port === file?.port) ?? listening[0]
  if (to === undefined) return undefined
  // What asks without this keeps a server up that ends itself when nobody uses it (shutdown_no_activity_timeout).
  const url = `http://${to.address}:${to.port}${file?.path ?? '/'}api/kernels?no_track_activity=1`
  const token = file?.token ?? ''
  const headers = token === '' ? {} : { authorization: `token ${token}` }
  const answer = await host.http({ method: 'GET', url, headers, timeoutMs: ANSWER_MS, signal })
  return answer.status === 200 ? understood(answer.body, parseKernels) : undefined
}

/** What each server tells of its kernels, by its pid. One that is silent, refuses, or answers nonsense is not in it. */
export async function askServers(
  host: Host,
  servers: readonly Server[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, ReadonlyMap<string, Told>>> {
  const asked = [...Map.groupBy(servers, ({ uid }) => uid).values()].flatMap((own) =>
    own.sort((a, b) => a.process.start - b.process.start).slice(0, mostOfUser),
  )
  const told = new Map<number, ReadonlyMap<string, Told>>()
  if (asked.length === 0) return told
  const sockets = await readListening(host)
  await Promise.all(
    asked.map(async (server) => {
      try {
        const kernels = await ask(host, server, { sockets, signal })
        if (kernels !== undefined) told.set(server.process.pid, kernels)
      } catch (error) {
        // A server that hangs or has gone: the processes show the rest.
        signal.throwIfAborted()
        if (!(error instanceof HostError)) throw error
      }
    }),
  )
  return told
}
