/** The folder of the leases, as the commands of users meet it. */
import { pathsOf } from '../check/parts.ts'
import { HostError } from '../errors.ts'
import { codeOf } from '../host/real-errors.ts'
import type { CommandContext } from './context.ts'

/** Where leases lie. */
export function leaseFolder({ flags }: CommandContext): string {
  return pathsOf(flags.stateDir).leases
}

/** Makes the folder where the caller may: root, and anybody below a state folder of their own. Throws HostError. */
export async function prepareLeaseFolder({ host, flags }: CommandContext): Promise<void> {
  const { store, self } = host
  const { stateDir } = flags
  if (stateDir === undefined && self.uid !== 0) return
  const paths = pathsOf(stateDir)
  if (stateDir !== undefined) await store.makeDir(paths.stateDir, 0o700)
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
