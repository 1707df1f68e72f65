/** The folder of the leases, as the commands of users meet it. */
import { pathsOf } from '../check/parts.ts'
import { HostError, UsageError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { codeOf } from '../host/real-errors.ts'
import type { HeldLease } from '../leases/lease.ts'
import { readLeases } from '../leases/read.ts'
import { ownLeases } from '../leases.ts'
import type { CommandContext } from './context.ts'

/** Where leases lie. */
export function leaseFolder({ flags }: CommandContext): string {
  return pathsOf(flags.stateDir).leases
}

/** A lease, and the name of the user who made it. */
export type OwnedLease = HeldLease & { readonly owner: string }

/** The caller's own leases; for root, who alone may list the folder, everybody's. The ceiling is not applied. Throws HostError. */
export async function shownLeases(context: CommandContext): Promise<readonly OwnedLease[]> {
  const { host } = context
  const dir = leaseFolder(context)
  const held = host.self.uid === 0 ? (await readLeases(host, dir, host.clocks())).held : await ownLeases(host, dir)
  if (held.length === 0) return []
  const names = await userNames(host)
  return held
    .map((lease) => ({ ...lease, owner: names.get(lease.uid) ?? `uid ${lease.uid}` }))
    .toSorted((one, other) => one.id.localeCompare(other.id, 'en', { numeric: true }))
}

/** By number, as passwd(5) has them; a directory service is not asked. */
async function userNames({ store }: Host): Promise<ReadonlyMap<number, string>> {
  const lines = ((await store.read('/etc/passwd')) ?? '').split('\n').map((line) => line.split(':'))
  return new Map(lines.flatMap(([name = '', , uid = '']) => (/^\d+$/.test(uid) ? [[Number(uid), name] as const] : [])))
}

/** Is anything there? A folder cannot be read as a file, and what may not be read is there, too. */
async function isThere({ store }: Host, path: string): Promise<boolean> {
  try {
    return (await store.read(path)) !== undefined
  } catch (error) {
    if (error instanceof HostError) return true
    throw error
  }
}

/** Has a check left a status since boot? Without one nobody reads leases. */
export async function isChecked({ host, flags }: CommandContext): Promise<boolean> {
  return await isThere(host, pathsOf(flags.stateDir).status)
}

/** Makes the folder where the caller may: root, and anybody in a state folder that is there. Throws UsageError for one that is not, HostError. */
export async function prepareLeaseFolder({ host, flags }: CommandContext): Promise<void> {
  const { store, self } = host
  const { stateDir } = flags
  if (stateDir === undefined && self.uid !== 0) return
  // Mistyped, it would take a lease that no check ever reads.
  if (stateDir !== undefined && !(await isThere(host, stateDir)))
    throw new UsageError(`--state-dir: there is no folder ${stateDir}; a check makes it, "keep" does not`)
  const paths = pathsOf(stateDir)
  await store.makeDir(paths.runDir, 0o755)
  // Everybody may add a file, only its owner and root may remove it, and only root may see what there is.
  await store.makeDir(paths.leases, 0o1733)
}

/** Says in words what a missing folder means; any other error passes. */
export async function inLeaseFolder<T>(context: CommandContext, work: (dir: string) => Promise<T>): Promise<T> {
  const dir = leaseFolder(context)
  try {
    return await work(dir)
  } catch (error) {
    if (!(error instanceof HostError) || codeOf(error.cause) !== 'ENOENT') throw error
    const next = 'ask root to install it, or to run "idle-agent check --act" once'
    throw new HostError(`idle-agent has not run on this machine since it started (there is no ${dir}); ${next}`, {
      cause: error,
    })
  }
}
