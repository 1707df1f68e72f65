/** Subordinate user ids (subuid(5)): ids that a user may act under in a namespace of their own, and so make leases as. */
import type { Host } from '../host/host.ts'

/** Below this no distribution hands out subordinate ids (SUB_UID_MIN of login.defs(5) is 100000). */
const LOWEST = 65_536
const DIGITS = /^\d{1,10}$/

interface Range {
  readonly first: number
  readonly count: number
  readonly owner: string
}

function fields(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => line.split(':'))
}

function ranges(text: string): readonly Range[] {
  return fields(text).flatMap(([owner = '', first = '', count = '']) =>
    DIGITS.test(first) && DIGITS.test(count) ? [{ owner, first: Number(first), count: Number(count) }] : [],
  )
}

/**
 * The user behind each of these ids: itself, or whom /etc/subuid gives it to. A user whose name /etc/passwd does not have
 * is known by the first id of the range. Throws HostError where a file cannot be read.
 */
export async function usersBehind(host: Host, uids: ReadonlySet<number>): Promise<ReadonlyMap<number, number>> {
  const users = new Map([...uids].map((uid) => [uid, uid]))
  if (![...uids].some((uid) => uid >= LOWEST)) return users
  const given = ranges((await host.store.read('/etc/subuid')) ?? '')
  if (given.length === 0) return users
  const passwd = fields((await host.store.read('/etc/passwd')) ?? '')
  const known = new Map(passwd.map(([name = '', , uid = '']) => [name, uid]))
  for (const uid of uids) {
    const range = given.find(({ first, count }) => uid >= first && uid < first + count)
    if (range === undefined) continue
    const owner = known.get(range.owner) ?? range.owner
    users.set(uid, DIGITS.test(owner) ? Number(owner) : range.first)
  }
  return users
}
