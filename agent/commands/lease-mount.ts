/** The file system of the leases' own, where systemd runs: what users put there takes no room from the rest of /run. */
import { pathsOf } from '../check/parts.ts'
import { messageOf } from '../errors.ts'
import { leaseMountPath } from '../install/files.ts'
import type { CommandContext } from './context.ts'
import { exists, systemctl } from './installation.ts'

const unit = leaseMountPath.slice(leaseMountPath.lastIndexOf('/') + 1)

/** Enables the mount and, unless leases lie there that it would hide, mounts now. Nothing of this keeps `install` from going on. */
export async function mountLeases(context: CommandContext): Promise<void> {
  if (context.host.root !== '/' || !(await exists(context, leaseMountPath))) return
  try {
    await systemctl(context, ['enable', unit])
    if (await isMounted(context)) return
    const { store } = context.host
    if ((await store.list(pathsOf(undefined).leases)).length === 0) await systemctl(context, ['start', unit])
    else context.out('the leases get a file system of their own at the next boot: there are some')
  } catch (error) {
    context.out(`the leases have no file system of their own: ${messageOf(error)}`)
  }
}

async function isMounted({ host }: CommandContext): Promise<boolean> {
  const { runDir, leases } = pathsOf(undefined)
  return (await host.stat(runDir))?.dev !== (await host.stat(leases))?.dev
}

/** Before its file is removed; true if it is there. */
export async function unmountLeases(context: CommandContext): Promise<boolean> {
  if (!(await exists(context, leaseMountPath))) return false
  await systemctl(context, ['disable', '--now', unit])
  return true
}
