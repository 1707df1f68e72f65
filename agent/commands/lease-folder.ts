/** The folder of the leases, as the commands of users meet it. */
import { pathsOf } from '../check/parts.ts'
import { HostError } from '../errors.ts'
import { codeOf } from '../host/real-errors.ts'
import type { CommandContext } from './context.ts'

/** The state folder that was named, by flag or environment. */
function namedStateDir({ host, flags }: CommandContext): string | undefined {
  return flags.stateDir ?? (host.env('IDLE_AGENT_STATE_DIR') || undefined)
}

/** Where leases lie. */
export function leaseFolder(context: CommandContext): string {
  return pathsOf(namedStateDir(context)).leases
}

/** Makes the folder where the caller may: root, and anybody below a state folder of their own. Throws HostError. */
export async function prepareLeaseFolder(context: CommandContext): Promise<void> {
  const { store, self } = context.host
  const stateDir = namedStateDir(context)
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
