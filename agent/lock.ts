/** The lock that keeps two checks of one machine apart; Node has no flock, so it is made of files. */
import { LockedError } from './errors.ts'
import type { Host } from './host/host.ts'
import type { Clocks } from './types.ts'

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

/** The held lock. */
export interface Lock {
  /** Tells other checks that this one only waits for its due time (ISO 8601): they end with 0 then. Throws HostError. */
  markWaiting(untilIso: string): Promise<void>
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
  await host.store.remove(path)
}

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

/** What the holder said it waits for, if that is still to come. */
async function waitsUntil(host: Host, path: string, now: Clocks): Promise<string | undefined> {
  const text = (await host.store.readPlain(`${path}${WAITING}`, 64))?.text.trim()
  return text !== undefined && Date.parse(text) + OVERDUE_MS >= now.wallMs ? text : undefined
}

async function lockedError(
  host: Host,
  dir: string,
  context: { rivals: readonly Entry[]; now: Clocks },
): Promise<LockedError> {
  for (const { name, pid } of context.rivals) {
    const until = await waitsUntil(host, `${dir}/${name}`, context.now)
    if (until !== undefined) return new LockedError(`another check (pid ${pid}) waits for its due time, ${until}`, true)
  }
  const pids = context.rivals.map(({ pid }) => pid).join(', ')
  return new LockedError(`another check (pid ${pids}) holds the lock in ${dir}`, false)
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
  if (!(await host.store.create(path, '', 0o600))) {
    throw new LockedError(`this process (pid ${pid}) holds the lock in ${dir} already`, false)
  }
  try {
    const rivals = await contend(host, dir, own)
    if (rivals.length > 0) throw await lockedError(host, dir, { rivals, now: host.clocks() })
  } catch (error) {
    await removeEntry(host, path)
    throw error
  }
  return {
    async markWaiting(untilIso) {
      await host.store.remove(`${path}${WAITING}`)
      await host.store.create(`${path}${WAITING}`, untilIso, 0o600)
    },
    release: () => removeEntry(host, path),
  }
}
