/** The lock that keeps two checks of one machine apart; Node has no flock, so it is made of files. */
import { HostError, LockedError } from './errors.ts'
import type { Host } from './host/host.ts'
import { codeOf } from './host/real-errors.ts'
import type { Instant } from './types.ts'
import { timeInWords } from './words.ts'

// How it works. Each contender creates an entry of its own, and only then lists the folder. It holds the lock if it sees
// no other live entry. If it sees others, the one with the larger key withdraws at once, the smallest waits for that.
//
// Why there are never two holders. Let A and B both hold, A's entry the older one. B's deciding list came after B's entry
// was created, hence after A's was, and A's was still there: A removes it only when it gives up or releases, and others
// remove it only when A's process has ended (an entry names boot, pid and start time, which no later process shares; one
// that has ended never lives again). A listing shows every entry that exists throughout it. So B saw a live entry beside
// its own and did not take the lock: contradiction.
//
// Why somebody gets it. Of contenders that see one another only the smallest stays, and it waits until the others have
// withdrawn; it gives up only while somebody else holds, or after a second of newcomers.

/** How long the smallest contender waits for the others to withdraw. */
const PATIENCE_MS = 1000
const STEP_MS = 50
/** A holder that should have gone on waiting this long ago no longer counts as waiting. */
const OVERDUE_MS = 60_000

const ENTRY = /^([0-9a-f-]{36})-(\d{1,10})-(\d{1,16})$/
const WAITING = '.waiting'
/** Left beside the entry of a check that hangs, once that was said. */
const TOLD = '.told'
/** No check works for so long; waiting for the due time comes on top. */
const WORKS_MS = 10 * 60_000

/** The held lock. */
export interface Lock {
  /** Tells other checks that this one only waits for its due time: they end with 0 then. Throws HostError. */
  markWaiting(until: Instant): Promise<void>
  /** Gives the lock back. Throws HostError. */
  release(): Promise<void>
}

interface Entry {
  readonly name: string
  readonly bootId: string
  readonly pid: number
  readonly startTicks: number
}

function parseEntry(name: string): Entry | undefined {
  const [, bootId, pid, startTicks] = ENTRY.exec(name) ?? []
  if (bootId === undefined) return undefined
  return { name, bootId, pid: Number(pid), startTicks: Number(startTicks) }
}

function isSmaller(one: Entry, other: Entry): boolean {
  return one.startTicks === other.startTicks ? one.pid < other.pid : one.startTicks < other.startTicks
}

async function isAlive(host: Host, entry: Entry): Promise<boolean> {
  if (entry.bootId !== host.self.bootId) return false
  return (await host.self.startTicksOf(entry.pid)) === entry.startTicks
}

async function removeEntry(host: Host, path: string): Promise<void> {
  await host.store.remove(`${path}${WAITING}`)
  await host.store.remove(`${path}${TOLD}`)
  await host.store.remove(path)
}

/** Creates the entry with the time on the monotonic clock in it, or without where there is no room for that. */
async function createEntry(host: Host, path: string): Promise<boolean> {
  try {
    return await host.store.create(path, String(Math.round(host.clocks().monoMs)), 0o600)
  } catch (error) {
    if (!(error instanceof HostError) || !noRoom.has(codeOf(error.cause) ?? '')) throw error
    return await host.store.create(path, '', 0o600)
  }
}

const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

/** The other live contenders. Removes entries of ended processes; leaves alone what is no entry. */
async function readRivals(host: Host, dir: string, own: string): Promise<readonly Entry[]> {
  const rivals: Entry[] = []
  for (const name of await host.store.list(dir)) {
    const entry = parseEntry(name)
    if (entry === undefined || name === own) continue
    if (await isAlive(host, entry)) rivals.push(entry)
    else await removeEntry(host, `${dir}/${name}`)
  }
  return rivals
}

/** A moment on the monotonic clock, as an entry or its mark holds it. */
async function readInstant(host: Host, path: string): Promise<Instant | undefined> {
  const text = (await host.store.readPlain(path, 32))?.text.trim() ?? ''
  return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** For how long the holder has worked, in milliseconds, as far as it says; its wait for the due time left out. The clock's zero is no bound. */
async function worksFor(host: Host, path: string, until: Instant | undefined): Promise<number> {
  const since = await readInstant(host, path)
  return since === undefined ? 0 : host.clocks().monoMs - Math.max(since, until ?? since)
}

async function lockedError(host: Host, dir: string, rivals: readonly Entry[]): Promise<LockedError> {
  for (const { name, pid } of rivals) {
    const until = await readInstant(host, `${dir}/${name}${WAITING}`)
    if (until !== undefined && until + OVERDUE_MS >= host.clocks().monoMs)
      return new LockedError(`another check (pid ${pid}) waits for its due time, ${dueWords(until, host)}`, {
        waiting: true,
      })
    const ms = await worksFor(host, `${dir}/${name}`, until)
    if (ms > WORKS_MS) return hangingError(pid, { name, ms })
  }
  const pids = rivals.map(({ pid }) => pid).join(', ')
  return new LockedError(`another check (pid ${pids}) holds the lock in ${dir}`, { waiting: false })
}

function dueWords(until: Instant, host: Host): string {
  const { wallMs, monoMs } = host.clocks()
  return timeInWords(wallMs + until - monoMs, wallMs)
}

function hangingError(pid: number, { name, ms }: { readonly name: string; readonly ms: number }): LockedError {
  const minutes = Math.floor(ms / 60_000)
  const message =
    `another check (pid ${pid}) has held the lock for ${minutes} min and hangs, so nothing is checked: ` +
    `look at it with "cat /proc/${pid}/stack", end it with "kill -9 ${pid}", and the next check goes on`
  return new LockedError(message, { waiting: false, hanging: name })
}

/** True the first time it is asked of a holder that hangs: then it is to be told. Throws HostError. */
export function firstToTell(host: Host, dir: string, hanging: string): Promise<boolean> {
  return host.store.create(`${dir}/${hanging}${TOLD}`, '', 0o600)
}

/** Process ids of the live entries in the folder `dir`; for `doctor`, so it changes nothing. */
export async function lockHolders(host: Host, dir: string): Promise<readonly number[]> {
  const found: number[] = []
  for (const name of await host.store.list(dir)) {
    const entry = parseEntry(name)
    if (entry !== undefined && (await isAlive(host, entry))) found.push(entry.pid)
  }
  return found
}

/** Waits until no rival is left. Returns those that remain when it is our turn to withdraw. */
async function contend(host: Host, dir: string, own: Entry): Promise<readonly Entry[]> {
  for (let waited = 0; ; waited += STEP_MS) {
    const rivals = await readRivals(host, dir, own.name)
    if (rivals.length === 0 || waited >= PATIENCE_MS || rivals.some((rival) => isSmaller(rival, own))) return rivals
    await host.sleep(STEP_MS)
  }
}

/** Takes the lock in the folder `dir`, which it creates (0700). Throws LockedError when another check has it, HostError when the folder cannot be used. */
export async function acquireLock(host: Host, dir: string): Promise<Lock> {
  const { pid, startTicks, bootId } = host.self
  const own: Entry = { name: `${bootId}-${pid}-${startTicks}`, bootId, pid, startTicks }
  const path = `${dir}/${own.name}`
  await host.store.makeDir(dir, 0o700)
  // One of our own is of an earlier check of this process, which could not give it back.
  if (!(await createEntry(host, path))) {
    await removeEntry(host, path)
    await createEntry(host, path)
  }
  try {
    const rivals = await contend(host, dir, own)
    if (rivals.length > 0) throw await lockedError(host, dir, rivals)
  } catch (error) {
    await removeEntry(host, path)
    throw error
  }
  return {
    async markWaiting(until) {
      await host.store.remove(`${path}${WAITING}`)
      await host.store.create(`${path}${WAITING}`, String(Math.round(until)), 0o600)
    },
    release: () => removeEntry(host, path),
  }
}
