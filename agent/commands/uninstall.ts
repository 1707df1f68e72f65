/** `uninstall`: takes off this machine what `install` and the checks have left. */
import { pathsOf } from '../check/parts.ts'
import { HostError, UsageError } from '../errors.ts'
import { ownFiles, servicePath, timerPath } from '../install/files.ts'
import type { CommandContext } from './context.ts'
import { disableGpuUnit } from './gpu-accounts.ts'
import { below, exists, madeFolders, needRoot, removeIfEmpty, removeOld, systemctl } from './installation.ts'

/** `idle-agent uninstall`: everything that `install` and the checks have left, the configuration included. */
export async function uninstall(context: CommandContext): Promise<number> {
  if (context.args.length > 0) throw new UsageError(`uninstall takes no arguments, got ${context.args.join(' ')}`)
  needRoot(context, 'uninstall')
  if (await exists(context, timerPath)) await systemctl(context, ['disable', '--now', 'idle-agent.timer'])
  const gpuUnit = await disableGpuUnit(context)
  const created = await madeFolders(context)
  const units = (await exists(context, timerPath)) || (await exists(context, servicePath))
  for (const path of ownFiles) await removeOld(context, path, 'ours')
  const paths = pathsOf(undefined)
  for (const folder of [paths.stateDir, paths.runDir, paths.logDir]) await removeWhole(context, folder)
  for (const folder of [...created].reverse()) await removeIfEmpty(context, folder)
  if (units || gpuUnit) await systemctl(context, ['daemon-reload'])
  context.out('uninstalled: nothing of idle-agent is left on this machine')
  return 0
}

/** A folder that users filled takes more than one call. */
async function removeWhole(context: CommandContext, folder: string): Promise<void> {
  const { store } = context.host
  for (let calls = 0; calls < 1000 && (await exists(context, folder)); calls += 1) {
    const last = calls === 999
    try {
      await store.remove(below(context, folder), { whole: true })
    } catch (error) {
      if (last || !(error instanceof HostError) || (await context.host.list(folder))?.length === 0) throw error
    }
  }
}
