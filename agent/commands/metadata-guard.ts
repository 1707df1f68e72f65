/** Metadata for root alone, where `metadata_root_only` asks for it: put in force by `install`, taken away by `uninstall`, looked at by `doctor`. */
import type { GuardFacts } from '../doctor/metadata-guard.ts'
import { HostError, messageOf } from '../errors.ts'
import type { FileStat } from '../host/host.ts'
import {
  guardFiles,
  guardRules,
  guardsMetadata,
  guardTable,
  guardUnit,
  guardUnitPath,
  nftPath,
} from '../install/metadata-guard.ts'
import type { CommandContext } from './context.ts'
import { exists, put, removeOld, systemctl } from './installation.ts'

const COMMAND_MS = 10_000

/** Puts it in force, now and at each boot. Throws HostError where that cannot be; then nothing of it is left. */
export async function guardMetadata(context: CommandContext): Promise<void> {
  await needNftables(context)
  try {
    for (const file of guardFiles) await put(context, file)
    await systemctl(context, ['daemon-reload'])
    await systemctl(context, ['enable', guardUnit])
    await systemctl(context, ['reload-or-restart', guardUnit])
    if (context.host.root === '/' && !(await isInForce(context))) throw new HostError('nft has not taken the rules')
  } catch (error) {
    await takeBack(context)
    throw refusal(messageOf(error), error)
  }
  if (context.host.root === '/') context.out('metadata: only root reaches it')
  else context.out(`enable it in the image: systemctl --root ${context.host.root} enable ${guardUnit}`)
}

/** Asked before anything is written. Throws HostError. */
async function needNftables(context: CommandContext): Promise<void> {
  const { host } = context
  if (!(await exists(context, '/usr/lib/systemd'))) throw refusal('there is no systemd to load its rules at each boot')
  if (!(await exists(context, nftPath))) throw refusal(`${nftPath} is not there: install the package nftables first`)
  if (((await kindOf(context)) ?? 'file') !== 'file')
    throw refusal(`${guardUnit} is masked: "sudo systemctl unmask ${guardUnit}" first`)
  if (host.root !== '/') return
  if (!(await exists(context, '/run/systemd/system'))) throw refusal('systemd does not run here')
  const tried = await host.run(['nft', '-c', guardRules.text], { timeoutMs: COMMAND_MS })
  if (tried?.status !== 0) throw refusal(`nft refuses its rules: ${firstLine(tried?.stderr)}`)
}

function refusal(why: string, cause?: unknown): HostError {
  const text = `metadata_root_only cannot be put in force: ${why}; every user of this machine still reaches metadata`
  return new HostError(text, cause === undefined ? undefined : { cause })
}

function firstLine(text: string | undefined): string {
  return text?.trim().split('\n')[0] || 'it says nothing'
}

/** Takes it away; true if it was there. Throws HostError where systemd refuses; its files are gone all the same. */
export async function removeGuard(context: CommandContext): Promise<boolean> {
  if ((await kindOf(context)) !== 'file') return false
  try {
    await systemctl(context, ['disable', '--now', guardUnit])
  } finally {
    for (const { path } of guardFiles) await removeOld(context, path, 'ours')
  }
  context.out('metadata: every user of this machine reaches it again')
  return true
}

/** Whatever systemd says: what kept it from being put in force is told. */
async function takeBack(context: CommandContext): Promise<void> {
  try {
    await removeGuard(context)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
}

/** A masked unit is a link to /dev/null (systemctl(1)). */
async function kindOf({ host }: CommandContext): Promise<FileStat['kind'] | undefined> {
  return (await host.stat(guardUnitPath))?.kind
}

async function isInForce({ host }: CommandContext): Promise<boolean> {
  const listed = await host.run(['nft', '-n', 'list', 'table', ...guardTable], { timeoutMs: COMMAND_MS })
  return listed?.status === 0 && guardsMetadata(listed.stdout)
}

/** What `doctor` judges. Throws HostError. */
export async function lookAtGuard(context: CommandContext, wanted: boolean): Promise<GuardFacts> {
  const enabled = await context.host.run(['systemctl', 'is-enabled', guardUnit], { timeoutMs: COMMAND_MS })
  return { wanted, loaded: await isInForce(context), enabled: enabled?.stdout.trim() === 'enabled' }
}
