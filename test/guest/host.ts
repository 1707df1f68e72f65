// What this machine must have before it can run a guest, and how its programs are started and ended.
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Program and the Debian package that it comes from. */
const programs: Readonly<Record<string, string>> = {
  mmdebstrap: 'mmdebstrap',
  'systemd-nspawn': 'systemd-container',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  ip: 'iproute2',
  dnsmasq: 'dnsmasq-base',
  zstd: 'zstd',
  ssh: 'openssh-client',
  unshare: 'util-linux',
  mke2fs: 'e2fsprogs',
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The environment of every program that the test bed starts. */
export const environment: NodeJS.ProcessEnv = { ...process.env, PATH: path, LC_ALL: 'C.UTF-8' }

/** Tells on stderr what takes longer than two seconds, and what is skipped. */
export function say(text: string): void {
  process.stderr.write(`guest: ${text}\n`)
}

function isInstalled(program: string): boolean {
  return path.split(':').some((folder) => existsSync(`${folder}/${program}`))
}

/** Why no guest can run here; `undefined` when it can. Tried in a child, so nothing is left behind. */
export function whyNoGuests(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'guests are x86-64 Linux'
  if (process.getuid?.() !== 0) return 'not root'
  if (!isInstalled('unshare')) return 'unshare is not installed'
  const tried = spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', 'true'], { env: environment })
  if (tried.status !== 0) return `no namespaces here: ${String(tried.stderr).trim()}`
  if (!isInstalled('apt-get') && missingPackages().length > 0) return `not installed: ${missingPackages().join(' ')}`
  return undefined
}

function missingPackages(): readonly string[] {
  return [...new Set(Object.entries(programs).flatMap(([program, name]) => (isInstalled(program) ? [] : [name])))]
}

/** Installs what is missing of the host's packages; throws if apt cannot. */
export function installHostPackages(): void {
  const missing = missingPackages()
  if (missing.length === 0) return
  say(`installing ${missing.join(' ')} (about 25 s) ...`)
  run(['apt-get', 'update', '-qq'], { timeoutMs: 120_000 })
  run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing], { timeoutMs: 300_000 })
}

/** Is there a process of that id? */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

export interface RunOptions {
  readonly timeoutMs?: number
  readonly input?: string
  /** Also return when it fails; `run` throws otherwise. */
  readonly mayFail?: boolean
}

/** Runs a program to its end, 30 s at most unless told; throws with what it said when it fails. */
export function run(argv: readonly string[], options: RunOptions = {}): SpawnSyncReturns<string> {
  const [file = '', ...args] = argv
  const done = spawnSync(file, args, {
    encoding: 'utf8',
    env: { ...environment, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: options.timeoutMs ?? 30_000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
    ...(options.input === undefined ? {} : { input: options.input }),
  })
  if (done.status !== 0 && options.mayFail !== true) {
    const said = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim().slice(-2000)
    throw new Error(
      `${argv.join(' ')}: ${done.error?.message ?? `exit ${String(done.status ?? done.signal)}`}\n${said}`,
    )
  }
  return done
}

export interface Output {
  /** Exit code; -1 when it was ended by a signal or by its deadline. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** As `run`, without blocking; ended by its own id at the deadline. Never throws for what the program did. */
export function output(argv: readonly string[], { timeoutMs = 30_000, input }: RunOptions = {}): Promise<Output> {
  const [file = '', ...args] = argv
  const child = spawn(file, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input ?? '')
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code: code ?? -1, stdout, stderr })
    })
  })
}

/** argv prefix for a long-running child: it ends when this process does, however that ends. */
export const dieWithUs: readonly string[] = ['setpriv', '--pdeathsig', 'TERM']

/** Ends one process that we started and waits for it: first politely, after `graceMs` for certain. */
export async function end(child: ChildProcess, graceMs = 2000): Promise<void> {
  const over = (): boolean => child.exitCode !== null || child.signalCode !== null || child.pid === undefined
  for (const [signal, ms] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 3000],
  ] as const) {
    if (over()) return
    child.kill(signal)
    await until(over, ms).catch(() => undefined)
  }
}

/** Resolves with the first value that is not `undefined`, `false` or a rejection; rejects at the deadline, naming `what`. */
export async function until<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs: number,
  what = 'what was waited for',
  everyMs = 100,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  let last = ''
  for (;;) {
    try {
      const found = await probe()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : String(error)}`
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${String(timeoutMs / 1000)} s${last}`)
    await sleep(everyMs)
  }
}
