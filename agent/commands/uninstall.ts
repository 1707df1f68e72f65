/** `uninstall`: takes off this machine what `install` and the checks have left. */
import { pathsOf } from '../check/parts.ts'
import { HostError, UsageError } from '../errors.ts'
import { cronPath, ownFiles, servicePath, timerPath } from '../install/files.ts'
import type { CommandContext } from './context.ts'
import { disableGpuUnit } from './gpu-accounts.ts'
import { below, exists, madeFolders, needRoot, removeIfEmpty, removeOld, systemctl } from './installation.ts'
import { unmountLeases } from './lease-mount.ts'
import { removeGuard } from './metadata-guard.ts'
import { type Running, running } from './running.ts'
import { unlinkForSudo } from './sudo-link.ts'

/** `idle-agent uninstall`: everything that `install` and the checks have left, the configuration included. */
export async function uninstall(context: CommandContext): Promise<number> {
  if (context.args.length > 0) throw new UsageError(`uninstall takes no arguments, got ${context.args.join(' ')}`)
  needRoot(context, 'uninstall')
  const units = (await exists(context, timerPath)) || (await exists(context, servicePath))
  if (await exists(context, timerPath)) await systemctl(context, ['disable', '--now', 'idle-agent.timer'])
  if (units) await systemctl(context, ['stop', 'idle-agent.service'])
  const gpuUnit = await disableGpuUnit(context)
  const leaseMount = await unmountLeases(context)
  await removeOld(context, cronPath, 'ours')
  const guard = await removeGuard(context)
  const created = await madeFolders(context)
  // Without its journal of intents a check that is still running cannot stop the machine any more.
  await removeFolders(context)
  const { waited, left } = await outlastChecks(context)
  if (waited) await removeFolders(context)
  await unlinkForSudo(context)
  for (const path of ownFiles) await removeOld(context, path, 'ours')
  for (const folder of [...created].reverse()) await removeIfEmpty(context, folder)
  if (units || gpuUnit || leaseMount || guard) await forgetUnits(context)
  if (left.length > 0) throw stillRunning(left)
  context.out('uninstalled: nothing of idle-agent is left on this machine')
  return 0
}

const { stateDir, runDir, logDir } = pathsOf(undefined)

async function removeFolders(context: CommandContext): Promise<void> {
  for (const folder of [stateDir, runDir, logDir]) await removeWhole(context, folder)
}

/** A unit that failed stays in systemd's list until it is told otherwise; a pattern is no error where nothing fits it. */
async function forgetUnits(context: CommandContext): Promise<void> {
  await systemctl(context, ['daemon-reload'])
  await systemctl(context, ['reset-failed', 'idle-agent*', 'run-idle?x2dagent-leases.mount'])
}

const CHECK_MS = 10_000
const STEP_MS = 100

/** Waits for checks that had begun before the schedule was gone, since each makes its folders anew; `left` are those that go on. */
async function outlastChecks(
  context: CommandContext,
): Promise<{ readonly waited: boolean; readonly left: readonly Running[] }> {
  const { host } = context
  if (host.root !== '/') return { waited: false, left: [] }
  const first = await running(context)
  let left = first
  for (let waited = 0; left.length > 0 && waited < CHECK_MS; waited += STEP_MS) {
    await host.sleep(STEP_MS)
    left = await running(context)
  }
  return { waited: first.length > 0, left }
}

function stillRunning(left: readonly Running[]): HostError {
  const names = left.map(({ pid, command }) => `idle-agent ${command} (pid ${pid})`).join(', ')
  const pids = left.map(({ pid }) => pid).join(' ')
  const { stateDir, runDir, logDir } = pathsOf(undefined)
  return new HostError(
    `${names} is still running and will make its folders again: "sudo kill ${pids}", then "sudo rm -rf ${stateDir} ${runDir} ${logDir}"; all the rest is uninstalled`,
  )
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
