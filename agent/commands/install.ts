/** `install`: the executable, its configuration and its schedule on this machine. */
import { pathsOf } from '../check/parts.ts'
import { loadConfig, locateConfig } from '../config.ts'
import { UsageError } from '../errors.ts'
import {
  configPath,
  cronFields,
  executablePath,
  generatedFiles,
  gpuUnitPath,
  type InstalledFile,
  installedFiles,
  leaseMountPath,
  predecessors,
  type Schedule,
  timerPath,
} from '../install/files.ts'
import type { CommandContext } from './context.ts'
import { accountGpus, disableGpuUnit, enableGpuUnit } from './gpu-accounts.ts'
import { below, exists, makeFolder, needRoot, put, removeOld, schedulers, systemctl } from './installation.ts'
import { mountLeases } from './lease-mount.ts'
import { guardMetadata, removeGuard } from './metadata-guard.ts'
import { linkForSudo } from './sudo-link.ts'

/** Endpoints that the schedule must know too when the one who installs uses them (contract.md, Environment). */
const passedOn = [
  'AWS_EC2_METADATA_SERVICE_ENDPOINT',
  'AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE',
  'AWS_ENDPOINT_URL_EC2',
  'AWS_ENDPOINT_URL',
  'AZURE_POD_IDENTITY_AUTHORITY_HOST',
  'AZURE_RESOURCE_MANAGER_ENDPOINT',
]

/** `idle-agent install [--schedule cron|timer] [--config FILE]`. Run again it changes only what differs. Throws UsageError, HostError. */
export async function install(context: CommandContext): Promise<number> {
  const wanted = readSchedule(context.args)
  needRoot(context, 'install')
  if (context.flags.stateDir !== undefined) {
    const text = '--state-dir and IDLE_AGENT_STATE_DIR are for checks by hand: what install starts uses'
    throw new UsageError(`${text} ${pathsOf(undefined).stateDir}; leave them out`)
  }
  const source = locateConfig(context.host, context.flags.config)
  const { config } = await loadConfig(context.host, source)
  const schedule = await chooseSchedule(context, wanted, config.checkIntervalMs)
  const environment = Object.fromEntries(passedOn.flatMap((name) => pair(name, context.host.env(name))))
  // First of all: where it cannot be done, nothing else is.
  if (config.metadataRootOnly) await guardMetadata(context)
  else await removeGuard(context)
  for (const path of predecessors) await removeOld(context, path, 'the agent that this one replaces')
  await putExecutable(context)
  await linkForSudo(context)
  if (source.explicit && source.path !== configPath) await putConfig(context, source.path)
  const accountsGpus = config.sensors['gpu']?.enabled === true
  if (accountsGpus) await accountGpus(context)
  const plan = { schedule, intervalMs: config.checkIntervalMs, environment, accountsGpus }
  await putPlanned(context, await applicable(context, installedFiles(plan)))
  await makeFolders(context)
  await mountLeases(context)
  await makeFolder(context, '/etc/motd.d')
  if (accountsGpus) await enableGpuUnit(context)
  if (schedule === 'timer') await startTimer(context)
  await sayImage(context, schedule)
  const minutes = config.checkIntervalMs / 60_000
  context.out(
    `installed: a check every ${minutes} min by ${schedule}; "idle-agent status" tells the verdict, "idle-agent keep" prevents a stop`,
  )
  return 0
}

function readSchedule(args: readonly string[]): Schedule | undefined {
  const [flag, inline] = (args[0] ?? '').split('=')
  const value = inline ?? args[1]
  const rest = args.slice(inline === undefined ? 2 : 1)
  if (args.length === 0) return undefined
  if (flag !== '--schedule' || rest.length > 0 || (value !== 'cron' && value !== 'timer')) {
    throw new UsageError(`install takes --schedule cron or --schedule timer, and --config FILE; got ${args.join(' ')}`)
  }
  return value
}

async function chooseSchedule(
  context: CommandContext,
  wanted: Schedule | undefined,
  intervalMs: number,
): Promise<Schedule> {
  const { cron, systemd } = await schedulers(context)
  if (wanted === 'cron' && !cron)
    throw new UsageError('--schedule cron: no cron is installed here; take --schedule timer')
  if (wanted === 'timer' && !systemd)
    throw new UsageError('--schedule timer: there is no systemd here; take --schedule cron')
  const schedule = wanted ?? (cron ? 'cron' : 'timer')
  // systemctl(1): a masked unit is a link to /dev/null.
  if (schedule === 'timer' && ((await context.host.stat(timerPath))?.kind ?? 'file') !== 'file') {
    throw new UsageError(
      'idle-agent.timer is masked: "sudo systemctl unmask idle-agent.timer" first, or take --schedule cron',
    )
  }
  if (!cron && !systemd) throw new UsageError('neither cron nor systemd is here: keep "idle-agent run" running instead')
  if (schedule === 'cron' && cronFields(intervalMs) === undefined) {
    const minutes = intervalMs / 60_000
    throw new UsageError(
      `idle_detection.check_interval_minutes: cron cannot express every ${minutes} minutes; take whole minutes that divide 60, or --schedule timer`,
    )
  }
  return schedule
}

function pair(name: string, value: string | undefined): readonly (readonly [string, string])[] {
  if (value === undefined || value === '') return []
  if (!/^[\w.:/[\]-]+$/.test(value))
    throw new UsageError(`${name}: cannot be passed on to the schedule as it is written`)
  return [[name, value]]
}

async function putExecutable(context: CommandContext): Promise<void> {
  const { store, self } = context.host
  const target = below(context, executablePath)
  if (self.executable === target) return
  await makeFolder(context, '/usr/local/bin')
  const changed = await store.copy(self.executable, target, 0o755)
  context.out(`${changed ? 'wrote' : 'kept'} ${executablePath}`)
}

async function putConfig(context: CommandContext, path: string): Promise<void> {
  const text = await context.host.store.read(path)
  if (text !== undefined) await put(context, { path: configPath, mode: 0o644, text })
}

/** Files whose reader is on this machine: no log rotation without logrotate, no hook without systemd. */
async function applicable(context: CommandContext, files: readonly InstalledFile[]): Promise<readonly InstalledFile[]> {
  const there = {
    systemd: await exists(context, '/usr/lib/systemd'),
    logrotate: await exists(context, '/etc/logrotate.d'),
  }
  return files.filter(({ reader }) => reader === undefined || there[reader])
}

/** Writes what is planned, and removes what an earlier plan had; units end before their files go. */
async function putPlanned(context: CommandContext, planned: readonly InstalledFile[]): Promise<void> {
  const old = generatedFiles.filter((path) => !planned.some((file) => file.path === path))
  if (old.includes(timerPath) && (await exists(context, timerPath)))
    await systemctl(context, ['disable', '--now', 'idle-agent.timer'])
  if (old.includes(gpuUnitPath)) await disableGpuUnit(context)
  for (const file of planned) await put(context, file)
  for (const path of old) await removeOld(context, path, 'not needed any more')
  await systemctl(context, ['daemon-reload'])
}

async function makeFolders(context: CommandContext): Promise<void> {
  const { store } = context.host
  const paths = pathsOf(undefined)
  await store.makeDir(below(context, paths.stateDir), 0o700)
  await store.makeDir(below(context, paths.logDir), 0o750)
  if (context.host.root !== '/') return
  await store.makeDir(paths.runDir, 0o755)
  await store.makeDir(paths.leases, 0o1733)
}

/** What nobody but systemd of the image itself can do. */
async function sayImage(context: CommandContext, schedule: Schedule): Promise<void> {
  const { root } = context.host
  if (root === '/') return
  const units = schedule === 'timer' ? ['idle-agent.timer'] : []
  for (const path of [gpuUnitPath, leaseMountPath]) {
    if (await exists(context, path)) units.push(`'${path.replace(/^.*\//, '')}'`)
  }
  if (units.length > 0) context.out(`enable it in the image: systemctl --root ${root} enable ${units.join(' ')}`)
}

async function startTimer(context: CommandContext): Promise<void> {
  await systemctl(context, ['enable', 'idle-agent.timer'])
  await systemctl(context, ['restart', 'idle-agent.timer'])
}
