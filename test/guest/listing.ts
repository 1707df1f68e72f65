// What lies on a guest's file systems: type, mode, owner and content of everything, and what the running system writes there itself.
import type { Guest } from './guest.ts'

/** What is known of each path, as one text: `f 644 0:0 28 <sha256>`, `l 777 0:0 -> target`, `d 755 0:0`. */
export type Listing = ReadonlyMap<string, string>

/** The guest's own file systems; /proc, /sys and what is lent by the host are none. */
const mounts = ['/', '/run', '/run/lock', '/tmp', '/dev', '/dev/shm']

/** What a running Debian writes while nobody does anything to it, by whom. Nothing else is left out. */
export const writtenBySystem: readonly { readonly path: RegExp; readonly by: string }[] = [
  { path: /^\/var\/log\/journal\/[0-9a-f]{32}\/[\w@.-]+\.journal$/, by: 'systemd-journald: the journal itself' },
  {
    path: /^\/run\/systemd\/journal\/streams\/\d+:\d+$/,
    by: 'systemd-journald: one file per open stdout of a service',
  },
]

export interface Lister {
  /** Lists all, the excluded left out. What was not changed since the listing before is not read again. */
  list(): Promise<Listing>
  /** Paths that were left out so far. */
  readonly excluded: ReadonlySet<string>
}

/** A lister keeps the sums of what it has read: no change of a file leaves its ctime as it was. */
export function createLister(guest: Guest): Lister {
  const sums = new Map<string, string>()
  const excluded = new Set<string>()
  let since = 0
  async function list(): Promise<Listing> {
    // systemd-timedated ends by itself after 30 s without questions; until then it has files of its own.
    await guest.ask('systemctl stop systemd-timedated')
    const began = Number(await guest.ask('date +%s')) - 1
    const found = await guest.ask(`find ${mounts.join(' ')} -xdev -printf '%y %m %U:%G %s %l\\t%p\\0'`, 60_000)
    await readSums(guest, { since, sums })
    since = began
    const listing = new Map<string, string>()
    for (const entry of found.split('\0')) {
      const [facts = '', path = ''] = entry.split('\t')
      if (path === '') continue
      if (writtenBySystem.some((one) => one.path.test(path))) excluded.add(path)
      else listing.set(path, described(facts, sums.get(path)))
    }
    return listing
  }
  return { list, excluded }
}

/** Sums of the files that were changed since, all of them the first time. */
async function readSums(guest: Guest, known: { since: number; sums: Map<string, string> }): Promise<void> {
  const { since, sums } = known
  const changed = `find ${mounts.join(' ')} -xdev -type f -newerct @${String(since)} -print0`
  // Files may go away while they are read; the listing then tells.
  const text = await guest.ask(`${changed} | xargs -0r -P2 -n64 stdbuf -oL sha256sum || true`, 60_000)
  for (const line of text.split('\n')) {
    const [, sum, path] = /^([0-9a-f]{64}) {2}(.*)$/.exec(line) ?? []
    if (sum !== undefined && path !== undefined) sums.set(path, sum)
  }
}

/** The size of a folder and the time of anything say nothing about what is in it. */
function described(facts: string, sum: string | undefined): string {
  const [type = '', mode = '', owner = '', size = '', ...target] = facts.split(' ')
  if (type === 'f') return `f ${mode} ${owner} ${size} ${sum ?? 'was not read'}`
  return type === 'l' ? `l ${mode} ${owner} -> ${target.join(' ')}` : `${type} ${mode} ${owner}`
}

export interface Difference {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

/** What the second has and the first has not, and the other way round, and what both have differently; paths in order. */
export function difference(before: Listing, after: Listing): Difference {
  const added = [...after.keys()].filter((path) => !before.has(path))
  const removed = [...before.keys()].filter((path) => !after.has(path))
  const both = [...after].filter(([path, facts]) => before.has(path) && before.get(path) !== facts)
  const changed = both.map(([path, facts]) => `${path}: ${before.get(path) ?? ''} became ${facts}`)
  return { added: added.sort(), removed: removed.sort(), changed: changed.sort() }
}

export const same: Difference = { added: [], removed: [], changed: [] }
