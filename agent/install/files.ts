/** What `install` puts on a machine, as data: paths, modes and texts. Pure. */
import { guardFiles } from './metadata-guard.ts'

/** One file of the installation. */
export interface InstalledFile {
  readonly path: string
  readonly mode: number
  readonly text: string
  /** Who reads it; where that is not installed, it is of no use. */
  readonly reader?: 'systemd' | 'logrotate'
}

/** How the checks are started. */
export type Schedule = 'cron' | 'timer'

export interface Plan {
  readonly schedule: Schedule
  readonly intervalMs: number
  /** Endpoint variables that the schedule passes on, by name. */
  readonly environment: Readonly<Record<string, string>>
  /** NVIDIA's driver, which may be installed later, is to account what runs, and forgets that at each boot. */
  readonly accountsGpus?: boolean
}

export const executablePath = '/usr/local/bin/idle-agent'
/** Where sudo looks on Red Hat's systems. */
export const sudoLinkPath = '/usr/bin/idle-agent'
export const configPath = '/etc/idle-agent/config.yaml'
export const cronPath = '/etc/cron.d/idle-agent'
export const servicePath = '/etc/systemd/system/idle-agent.service'
export const timerPath = '/etc/systemd/system/idle-agent.timer'
export const gpuUnitPath = '/etc/systemd/system/idle-agent-gpu.service'
export const hookPath = '/usr/lib/systemd/system-sleep/idle-agent'
export const logrotatePath = '/etc/logrotate.d/idle-agent'
export const tmpfilesPath = '/etc/tmpfiles.d/idle-agent.conf'
/** Its name is the path of the folder, as systemd-escape(1) writes it. */
export const leaseMountPath = '/etc/systemd/system/run-idle\\x2dagent-leases.mount'
export const motdPath = '/etc/motd.d/idle-agent'

/** The script and the cron entry of the bash agent that this one replaces (source 001). */
export const predecessors = [
  '/usr/local/bin/cloudworkstation-idle-check.sh',
  '/etc/cron.d/cloudworkstation-idle',
] as const

/** Every file that some plan has. */
export const generatedFiles: readonly string[] = [
  ...[cronPath, timerPath, servicePath, gpuUnitPath, leaseMountPath],
  ...[hookPath, logrotatePath, tmpfilesPath],
]

/** Every file that `install` may have written, the executable last. */
export const ownFiles: readonly string[] = [
  ...generatedFiles,
  ...guardFiles.map(({ path }) => path),
  motdPath,
  configPath,
  executablePath,
]

const FIRST_CHECK_MS = 120_000

/** The five fields of a cron entry for this interval, or `undefined` where cron cannot express it (crontab(5): whole minutes that divide an hour). */
export function cronFields(intervalMs: number): string | undefined {
  const minutes = intervalMs / 60_000
  if (!Number.isInteger(minutes) || minutes < 1 || 60 % minutes !== 0) return undefined
  if (minutes === 60) return '0 * * * *'
  return minutes === 1 ? '* * * * *' : `*/${minutes} * * * *`
}

/** The files of an installation besides the executable and the configuration. */
export function installedFiles(plan: Plan): readonly InstalledFile[] {
  const schedule = plan.schedule === 'cron' ? [cronFile(plan)] : [serviceFile(plan), timerFile(plan)]
  return [
    ...schedule,
    ...(plan.accountsGpus === true ? [gpuUnitFile] : []),
    hookFile,
    logrotateFile,
    tmpfilesFile,
    leaseMountFile,
  ]
}

/** What a check says on stderr is kept; where it cannot be, as on a disk that is read-only, the check runs all the same. */
const logged = 'exec >/dev/null 2>&1; command exec 2>>/var/log/idle-agent/agent.log'

function cronFile({ intervalMs, environment }: Plan): InstalledFile {
  const lines = [
    '# Written by `idle-agent install`; `idle-agent uninstall` removes it.',
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    `${cronFields(intervalMs)} root ${logged}; exec ${executablePath} check --act`,
  ]
  return { path: cronPath, mode: 0o644, text: `${lines.join('\n')}\n` }
}

function serviceFile({ intervalMs, environment }: Plan): InstalledFile {
  const lines = [
    '# Written by `idle-agent install`; `idle-agent uninstall` removes it.',
    '[Unit]',
    'Description=Stops this machine when nobody and nothing needs it',
    '',
    '[Service]',
    'Type=oneshot',
    `ExecStart=${executablePath} check --act`,
    ...Object.entries(environment).map(([name, value]) => `Environment="${name}=${value}"`),
    // 3: the cloud refused, 4: another check runs; both are told elsewhere and no fault of the unit.
    'SuccessExitStatus=3 4',
    // A check may wait for its due time for up to an interval, and then takes seconds.
    `TimeoutStartSec=${300 + Math.ceil(intervalMs / 1000)}`,
    'StandardOutput=null',
  ]
  return { path: servicePath, mode: 0o644, text: `${lines.join('\n')}\n` }
}

function timerFile({ intervalMs }: Plan): InstalledFile {
  const first = Math.min(FIRST_CHECK_MS, intervalMs)
  const lines = [
    '# Written by `idle-agent install`; `idle-agent uninstall` removes it.',
    '[Unit]',
    'Description=Checks whether this machine is needed',
    '',
    '[Timer]',
    `OnActiveSec=${first / 1000}s`,
    `OnUnitActiveSec=${intervalMs / 1000}s`,
    'AccuracySec=1s',
    '',
    '[Install]',
    'WantedBy=timers.target',
  ]
  return { path: timerPath, mode: 0o644, text: `${lines.join('\n')}\n` }
}

/** Both modes end with the driver (nvidia-smi(1), -pm and -am). A failure, as under MIG, is told by `doctor`. */
const gpuUnitFile: InstalledFile = {
  path: gpuUnitPath,
  reader: 'systemd',
  mode: 0o644,
  text: `# Written by \`idle-agent install\`; \`idle-agent uninstall\` removes it.
[Unit]
Description=Lets the NVIDIA driver account what runs, so that idle-agent sees it
After=nvidia-persistenced.service
ConditionPathExists=/usr/bin/nvidia-smi

[Service]
Type=oneshot
ExecStart=-/usr/bin/nvidia-smi -pm 1
ExecStart=-/usr/bin/nvidia-smi -am 1
TimeoutStartSec=300
StandardOutput=null

[Install]
WantedBy=multi-user.target
`,
}

/** systemd runs it with `post` after every resume (systemd-sleep(8)); clocks alone do not always show one. */
const hookFile: InstalledFile = {
  path: hookPath,
  reader: 'systemd',
  mode: 0o755,
  text: `#!/bin/sh
# Written by \`idle-agent install\`: notes every resume, so that the idle clock starts again.
[ "$1" = post ] || exit 0
mkdir -p /run/idle-agent && date +%s.%N >/run/idle-agent/resumed_at
`,
}

/** Of what checks by cron say on stderr; the agent itself keeps audit.jsonl small. */
const logrotateFile: InstalledFile = {
  path: logrotatePath,
  reader: 'logrotate',
  mode: 0o644,
  text: `/var/log/idle-agent/agent.log {
\tweekly
\trotate 13
\tmaxsize 5M
\tmissingok
\tnotifempty
\tcompress
\tcreate 0600 root root
}
`,
}

/** Users can take a lease from boot on, before the first check; some machines begin with an empty /var/log. */
const tmpfilesFile: InstalledFile = {
  path: tmpfilesPath,
  reader: 'systemd',
  mode: 0o644,
  text: ['/run/idle-agent 0755', '/run/idle-agent/leases 1733', '/var/log/idle-agent 0750']
    .map((folder) => `d ${folder} root root -\n`)
    .join(''),
}

/**
 * All users may write there. The bounds are 4,000 leases of 4 KB, and no more names than a check looks at. Lazily unmounted,
 * since somebody may have a file open there.
 */
const leaseMountFile: InstalledFile = {
  path: leaseMountPath,
  reader: 'systemd',
  mode: 0o644,
  text: `# Written by \`idle-agent install\`; \`idle-agent uninstall\` removes it.
[Unit]
Description=Leases of idle-agent, apart from the rest of /run

[Mount]
What=tmpfs
Where=/run/idle-agent/leases
Type=tmpfs
Options=mode=1733,size=16M,nr_inodes=10000,nosuid,nodev,noexec
LazyUnmount=yes

[Install]
WantedBy=local-fs.target
`,
}
