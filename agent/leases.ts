/** Leases: somebody's requests to stay up, one small file each in a folder that all may write and nobody but root may list. */
import { HostError, UsageError } from './errors.ts'
import type { Host } from './host/host.ts'
import { codeOf } from './host/real-errors.ts'
import {
  cleanReason,
  formatLease,
  type HeldLease,
  heldLease,
  LEASES_A_USER,
  type LeaseEnd,
  MAX_LEASE_BYTES,
  namesOf,
  uidOfName,
} from './leases/lease.ts'
import { examine, type Slot } from './leases/slot.ts'

/** What a user asks for. */
export interface LeaseRequest {
  readonly reason: string
  readonly until:
    | { readonly kind: 'for'; readonly ms: number }
    | { readonly kind: 'until'; readonly wallMs: number }
    | { readonly kind: 'pid'; readonly pid: number }
}

/** A slot by its name, or `undefined` where there is none, or a stranger's file that we may not read. */
async function examineOwn(host: Host, path: string): Promise<Slot | undefined> {
  try {
    return await examine(host, path, host.clocks())
  } catch (error) {
    if (error instanceof HostError && codeOf(error.cause) === 'EACCES') return undefined
    throw error
  }
}

/** The end in clocks that last. Throws UsageError where it lies in the past, or the process is not the caller's. */
async function resolveEnd(host: Host, until: LeaseRequest['until']): Promise<LeaseEnd> {
  const { bootId, uid } = host.self
  const now = host.clocks()
  if (until.kind === 'for') return { kind: 'for', bootMs: Math.round(now.bootMs + until.ms), bootId }
  if (until.kind === 'until') {
    if (until.wallMs <= now.wallMs) throw new UsageError('a lease must end in the future')
    return until
  }
  const owner = await host.self.ownerOf(until.pid)
  const startTicks = await host.self.startTicksOf(until.pid)
  if (startTicks === undefined) throw new UsageError(`there is no process ${until.pid}`)
  if (uid !== 0 && owner !== uid)
    throw new UsageError(`process ${until.pid} is not yours; ask root, or keep for a time`)
  return { kind: 'pid', pid: until.pid, startTicks, bootId }
}

/** Writes the lease over one of the caller's own files that holds no longer, or is kept free for the caller: nobody can come between. */
async function overOwn(host: Host, dir: string, text: (id: string) => string): Promise<HeldLease | undefined> {
  const { uid } = host.self
  for (const id of namesOf(uid)) {
    const path = `${dir}/${id}`
    const slot = await examineOwn(host, path)
    if (slot?.kind !== 'ignored' || slot.uid !== uid || slot.beingWritten) continue
    if (!(await host.store.overwrite(path, text(id)))) continue
    // A check may have swept it away in this very moment.
    const written = await examineOwn(host, path)
    if (written?.kind === 'held') return written.lease
  }
  return undefined
}

/** Makes a lease of the caller's. Throws UsageError when there is no free slot or the end is wrong, HostError when the folder cannot be written. */
export async function createLease(host: Host, dir: string, request: LeaseRequest): Promise<HeldLease> {
  const until = await resolveEnd(host, request.until)
  const reason = cleanReason(request.reason)
  const text = (id: string): string => formatLease({ id, reason, until })
  for (const id of namesOf(host.self.uid)) {
    // Not readable for others, who could guess the name.
    if (!(await host.store.create(`${dir}/${id}`, text(id), 0o600))) continue
    const now = host.clocks()
    const lease = { id, uid: host.self.uid, reason, until, ctimeMs: now.wallMs }
    return (await heldLease(host, lease, now)) ?? lease
  }
  const lease = await overOwn(host, dir, text)
  if (lease !== undefined) return lease
  const own = (await ownLeases(host, dir)).length
  throw new UsageError(
    own === LEASES_A_USER
      ? `you hold ${own} leases, the most there can be; give one back: idle-agent release ID, or all: idle-agent release --all`
      : `all ${LEASES_A_USER} places for your leases are taken, ${LEASES_A_USER - own} of them by files that are no leases of yours; the agent's next check gives those back to you, then try again`,
  )
}

/** The caller's own leases that hold, found by their names; the ceiling is not applied. */
export async function ownLeases(host: Host, dir: string): Promise<readonly HeldLease[]> {
  const held: HeldLease[] = []
  for (const name of namesOf(host.self.uid)) {
    const slot = await examineOwn(host, `${dir}/${name}`)
    if (slot?.kind === 'held') held.push(slot.lease)
  }
  return held
}

async function releaseOne(host: Host, dir: string, id: string): Promise<void> {
  const uid = uidOfName(id)
  if (uid === undefined)
    throw new UsageError(`"${id}" is no lease; a lease is called UID-NUMBER with a number from 0 to 15, such as 1000-0`)
  if (uid !== host.self.uid && host.self.uid !== 0)
    throw new UsageError(`lease ${id} is not yours; its owner or root gives it back`)
  const file = await host.store.readPlain(`${dir}/${id}`, MAX_LEASE_BYTES)
  if (file === undefined || file.stat.uid !== uid) throw new UsageError(`there is no lease ${id}`)
  await host.store.remove(`${dir}/${id}`)
}

/** Gives back one lease, or all: the caller's own; root's call covers everybody's. Returns the ids. Throws UsageError for one that is not there or not the caller's. */
export async function releaseLease(host: Host, dir: string, id?: string): Promise<readonly string[]> {
  if (id !== undefined) {
    await releaseOne(host, dir, id)
    return [id]
  }
  const names = host.self.uid === 0 ? await host.store.list(dir) : (await ownLeases(host, dir)).map((lease) => lease.id)
  const released = names.filter((name) => uidOfName(name) !== undefined)
  for (const name of released) await host.store.remove(`${dir}/${name}`)
  return released
}
