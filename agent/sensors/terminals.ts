/** Every terminal on which somebody may be typing, with its times. */
import { HostError } from '../errors.ts'
import type { FileStat, Host } from '../host/host.ts'
import { codeOf } from '../host/real-errors.ts'
import type { Instant } from '../types.ts'
import { loginPrompts } from './login-prompts.ts'
import { type Process, type ProcessTable, whileItLives } from './processes.ts'

/** One terminal at one moment; times in milliseconds of the wall clock. */
export interface Terminal {
  /** "pts/3", or with whose it is where the number says nothing: "pts/0 of pid 812". */
  readonly name: string
  /** Device of the file system, device number and inode; with `ctimeMs` the identity, since numbers are used again. */
  readonly id: string
  readonly ctimeMs: number
  readonly atimeMs: number
  readonly mtimeMs: number
  /** Modification time that our own warning left. */
  readonly ownMtimeMs?: number
  /** Not in this machine's /dev/pts: a container's. */
  readonly apart?: true
  /** The foreground job of this terminal runs this very check: output there is our own. */
  readonly ours?: true
  /** Monotonic clock of the first check that saw this access time: no input since then. */
  readonly since: Instant
  /** Users who may be the one at the keyboard: its owner, and after `su` the one whose job is in front. */
  readonly uids?: readonly number[]
}

export interface TerminalsSample {
  /** Wall clock minus monotonic clock, to see a step of the wall clock. */
  readonly offsetMs: number
  readonly terminals: readonly Terminal[]
  /**
   * /dev/tty, by which every program can open its own terminal: kernels before 6.3 move its access time, and not the
   * terminal's, where keys are read through it (less behind a pipe, fzf, emacs -nw). Whose keys they were it does not tell.
   */
  readonly tty?: Pick<Terminal, 'id' | 'ctimeMs' | 'atimeMs'>
}

/** Which terminal it is, among those of all containers. */
export function terminalId({ dev, rdev, ino }: FileStat): string {
  return `${dev}:${rdev}:${ino}`
}

function terminal(name: string, stat: FileStat, since: Instant): Terminal {
  const { ctimeMs, atimeMs, mtimeMs, uid } = stat
  return { name, id: terminalId(stat), ctimeMs, atimeMs, mtimeMs, since, uids: [uid] }
}

/** Tells a terminal from all others, earlier ones of its number included. */
export function keyOf({ id, ctimeMs }: Pick<Terminal, 'id' | 'ctimeMs'>): string {
  return `${id}:${ctimeMs}`
}

/** Name of the device with this number (Linux allocated devices: 4 tty and ttyS, 136-143 pts, 204 ttyAMA, 229 hvc). The number is that of /proc/PID/stat and `st_rdev` alike. */
export function deviceName(ttyNr: number): string {
  const major = (ttyNr >>> 8) & 0xfff
  const minor = (ttyNr & 0xff) | ((ttyNr >>> 12) & 0xfff00)
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`
  if (major === 204 && minor >= 64) return `ttyAMA${minor - 64}`
  return major === 229 ? `hvc${minor}` : `terminal ${major}:${minor}`
}

async function pseudoTerminals(host: Host, now: Instant): Promise<readonly Terminal[]> {
  const names = (await host.list('/dev/pts')) ?? []
  const found: Terminal[] = []
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue
    const stat = await host.stat(`/dev/pts/${name}`)
    if (stat?.kind === 'character' || stat?.kind === 'file') found.push(terminal(`pts/${name}`, stat, now))
  }
  return found
}

/** May a descriptor that leads to this path be a terminal? A container's can be seen as "/0" or "/dev/console". */
const terminalPath = /^\/dev\/|\/(\d+|console|\w*(tty|hvc)\w*)( \(deleted\))?$/

/** What `look` gives, or `undefined` where it is refused although the link could be read: only FUSE refuses root. */
async function unlessRefused<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === 'EACCES') return undefined
    throw error
  }
}

/**
 * The terminal behind one of a process's descriptors. The link is read first, which asks no file system: a look at a file
 * on a server that is gone would never return, and one on somebody's FUSE mount is refused even to root.
 * In a folder that stands for a host, terminals are plain files.
 */
export async function behindDescriptor(host: Host, { pid, ttyNr }: Process): Promise<FileStat | undefined> {
  for (const descriptor of ['0', '1', '2', '255']) {
    const path = `/proc/${pid}/fd/${descriptor}`
    const link = await whileItLives(host, pid, () => host.readLink(path))
    if (link === undefined || !terminalPath.test(link)) continue
    const stat = await whileItLives(host, pid, () => unlessRefused(() => host.stat(path)))
    if (stat?.kind === 'character' && stat.rdev === ttyNr) return stat
    if (stat?.kind === 'file' && host.root !== '/') return stat
  }
  return undefined
}

/** The terminal of one session: consoles by their device, pseudo-terminals by descriptor, since a container's have numbers of their own. */
async function terminalOf(host: Host, session: readonly Process[], now: Instant): Promise<Terminal | undefined> {
  const first = session[0]
  if (first === undefined) return undefined
  const name = deviceName(first.ttyNr)
  if (/^(tty|hvc)/.test(name)) {
    const stat = await host.stat(`/dev/${name}`)
    if (stat !== undefined) return terminal(name, stat, now)
  }
  for (const process of session.slice(0, 3)) {
    const stat = await behindDescriptor(host, process)
    if (stat !== undefined) return { ...terminal(`${name} of pid ${process.pid}`, stat, now), apart: true }
  }
  return undefined
}

/** What the processes of one session on one terminal have in common. */
function seatOf({ session, ttyNr }: Process): string {
  return `${session}:${ttyNr}`
}

/** Processes with a terminal by session, its leader first; login prompts left out. */
function sessionsWithTerminal(table: ProcessTable): ReadonlyMap<string, readonly Process[]> {
  const sessions = new Map<string, Process[]>()
  for (const process of table.values()) {
    if (process.ttyNr === 0 || loginPrompts.has(process.comm)) continue
    const members = sessions.get(seatOf(process)) ?? []
    if (process.pid === process.session) members.unshift(process)
    else members.push(process)
    sessions.set(seatOf(process), members)
  }
  return sessions
}

async function anybodysTerminal(host: Host): Promise<Pick<TerminalsSample, 'tty'>> {
  const stat = await host.stat('/dev/tty')
  if (stat === undefined) return {}
  const { ctimeMs, atimeMs } = stat
  return { tty: { id: terminalId(stat), ctimeMs, atimeMs } }
}

/** Every terminal that somebody may be typing on, and which of them a process has. */
export interface Terminals extends TerminalsSample {
  /** Key of the terminal of a process, as `keyOf` gives it; `undefined` where none of its session shows it. */
  of(process: Process): string | undefined
}

/** /dev/pts, consoles with a login, and containers' terminals by their processes. */
export async function readTerminals(host: Host, table: ProcessTable, signal: AbortSignal): Promise<Terminals> {
  const { wallMs, monoMs } = host.clocks()
  const found = new Map((await pseudoTerminals(host, monoMs)).map((one) => [keyOf(one), one]))
  const seats = new Map<string, string>()
  for (const [seat, session] of sessionsWithTerminal(table)) {
    signal.throwIfAborted()
    const one = await terminalOf(host, session, monoMs)
    if (one === undefined) continue
    seats.set(seat, keyOf(one))
    if (!found.has(keyOf(one))) found.set(keyOf(one), one)
  }
  const terminals = [...found.values()]
  const tty = await anybodysTerminal(host)
  return { offsetMs: wallMs - monoMs, terminals, ...tty, of: (process) => seats.get(seatOf(process)) }
}
