// The machine that the figures are of, and the programs that the bench needs on it.
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { executable } from './agent-side.ts'

export interface Machine {
  /** Of the executable on disk, in MB (10^6 bytes). */
  readonly executableMb: number
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly kernel: string
  readonly agent: string
  readonly peer: string
  /** Version of Debian's package; absent where it was not measured. */
  readonly autosuspend?: string
}

const tools = [
  { path: '/usr/bin/python3', package: 'python3' },
  { path: '/usr/bin/strace', package: 'strace' },
  { path: '/usr/bin/curl', package: 'curl' },
  { path: '/usr/bin/bc', package: 'bc' },
  { path: '/usr/bin/uptime', package: 'procps' },
  { path: '/usr/bin/ss', package: 'iproute2' },
] as const

/** What the bench may install, where apt-get is and this is root. */
export const installed: readonly string[] = [...tools.map((tool) => tool.package), 'awscli']

/** Installs what is missing, where that can be done, and returns where an AWS CLI of version 2 is. Throws with what to install. */
export function installTools(): { readonly aws: string } {
  const missing: string[] = tools.filter(({ path }) => !isExecutable(path)).map((tool) => tool.package)
  if (findAws() === undefined) missing.push('awscli')
  if (missing.length > 0) install(missing)
  const aws = findAws()
  if (aws === undefined) throw new Error('the bench needs the AWS CLI, version 2, in /usr/bin or /usr/local/bin')
  return { aws }
}

function install(packages: readonly string[]): void {
  process.stdout.write(`installing ${packages.join(', ')} for the peer and the measurements\n`)
  const apt = ['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...packages]
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const begun = spawnSync('apt-get', ['update', '--quiet'], { stdio: 'ignore', env })
  const [command = '', ...args] = apt
  const { status } = spawnSync(command, args, { stdio: 'ignore', env })
  if (begun.error === undefined && status === 0) return
  throw new Error(`the bench needs ${packages.join(', ')}; as root: ${apt.join(' ')}`)
}

/** Not the one of the PATH, which may be version 1. */
function findAws(): string | undefined {
  return ['/usr/bin/aws', '/usr/local/bin/aws'].find(
    (path) => isExecutable(path) && /^aws-cli\/2\./.test(version(path)),
  )
}

function version(path: string): string {
  return spawnSync(path, ['--version'], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } }).stdout ?? ''
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // whatever the reason, it cannot be used
  }
}

export function describeMachine(aws: string, autosuspend: string | undefined): Machine {
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown'
  const shell = execFileSync('/bin/bash', ['-c', 'echo $BASH_VERSION'], { encoding: 'utf8' })
  return {
    executableMb: statSync(executable).size / 1e6,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    system,
    kernel: /^[\d.]+/.exec(release())?.[0] ?? release(),
    agent: execFileSync(executable, ['version'], { encoding: 'utf8' }).trim(),
    peer: `bash ${shell.trim()}, ${version(aws).trim().split(' ').slice(0, 2).join(' ')}`,
    ...(autosuspend === undefined ? {} : { autosuspend }),
  }
}
