// A machine for the built executable: a copy of a fixture as its root, folders of its own, and a loopback cloud it runs in.
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { agentPolicy } from '../clouds/aws/iam.ts'
import { type AwsCloud, type AwsOptions, type InstanceSpec, startAws } from '../clouds/aws.ts'
import type { RequestLog } from '../clouds/request-log.ts'
import { type CheckObject, parseCheck } from './check-object.ts'

export const executable = resolve('dist/idle-agent')

/** The lowest interval that the configuration takes: 0.05 minutes. */
export const INTERVAL_MS = 3_000

/** Every state is met by a check of its own, even where some are seconds late. */
export const quick = {
  idle_threshold_minutes: 0.1,
  hibernate_threshold_minutes: 0.33,
  check_interval_minutes: 0.05,
  boot_grace_minutes: 0,
}

/** Idle at the second check, which waits for the due time and acts: for stories about what the cloud answers. */
export const fastest = { ...quick, idle_threshold_minutes: 0.05, hibernate_threshold_minutes: 0.09 }

export type Settings = Readonly<Record<string, number | string | boolean>>

export interface Ran {
  /** Exit code; -1 if it was ended by a signal. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

export interface Checked extends Ran {
  readonly check: CheckObject
  /** Requests to the cloud from before this check to its end. */
  readonly api: readonly string[]
  readonly metadata: number
  readonly tags: Readonly<Record<string, string>>
}

/** What is asked of every loopback cloud. */
export interface Loopback {
  readonly env: Readonly<Record<string, string>>
  readonly requests: RequestLog
  close(): Promise<void>
}

/** The one machine that a loopback cloud has. */
export interface Hosted<C extends Loopback> {
  readonly cloud: C
  tags(): ReadonlyMap<string, string>
  /** `hibernate` or `stop`, and what came of it. */
  stops(): readonly string[]
  /** Its owner starts it. */
  start(): void
}

export interface Machine<C extends Loopback = AwsCloud> {
  readonly folder: string
  readonly root: string
  readonly stateDir: string
  readonly cloud: C
  readonly configPath: string
  /** Replaces the configuration. */
  configure(settings: Settings): void
  /** What is run, and the arguments before all others. */
  readonly program: readonly string[]
  /** The flags that make the executable see this machine. */
  readonly flags: readonly string[]
  /** How a check is run; beside a terminal it is run elsewhere. */
  runCheck: (args: readonly string[]) => Promise<Ran>
  /** What is exported to it, besides a PATH. */
  env: Readonly<Record<string, string>>
  run(...args: readonly string[]): Promise<Ran>
  start(...args: readonly string[]): Started
  /** Does the work of a check, not before one interval after the last. */
  turn<T>(work: () => Promise<T>): Promise<T>
  /** `check --act --json` in its turn; its output is checked against the contract. */
  check(): Promise<Checked>
  /** Checks until one fits; throws with all of them after `most`. */
  until(fits: (checked: Checked) => boolean, most?: number): Promise<readonly Checked[]>
  /** Replaces a file of the observed system. */
  write(path: string, text: string): void
  /** State tags, without prefix. */
  tags(): Readonly<Record<string, string>>
  audit(): readonly Readonly<Record<string, unknown>>[]
  intents(): readonly Readonly<Record<string, unknown>>[]
  status(): Readonly<Record<string, unknown>>
  /** What the call that stops was asked: `hibernate` or `stop`, and what came of it. */
  stops(): readonly string[]
  /** Cold start or resume, as its owner does it at the cloud. */
  startAgain(options: { readonly newBootId: boolean }): void
  close(): Promise<void>
}

export interface Started {
  readonly child: ChildProcess
  readonly done: Promise<Ran>
}

export interface MachineSpec extends BaseSpec {
  readonly instance?: InstanceSpec
  readonly cloud?: AwsOptions
}

export interface BaseSpec {
  readonly fixture?: string
  readonly settings?: Settings
  /** Where the agent's files are, if not beside the root. */
  readonly stateDir?: string
  /** What is run, if it is not the executable for this machine. */
  readonly program?: readonly string[]
  /** How the executable is run with the machine's root for "/"; then it is not told of another root. */
  readonly inside?: (root: string) => readonly string[]
}

export function startProgram(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Started {
  const began = Date.now()
  const child = spawn(file, args, {
    // Times are shown in the zone of whoever looks.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TZ: 'UTC', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const done = new Promise<Ran>((end, fail) => {
    child.on('error', fail)
    child.on('close', (code) => end({ code: code ?? -1, stdout, stderr, ms: Date.now() - began }))
  })
  return { child, done }
}

function lines(path: string): readonly Readonly<Record<string, unknown>>[] {
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
}

/** An EC2 instance that was started an hour ago. */
export async function startMachine(spec: MachineSpec = {}): Promise<Machine> {
  const launchTime = Date.now() - 3_600_000
  const roles = { 'idle-agent': agentPolicy }
  const cloud = await startAws({ instances: [{ launchTime, ...spec.instance }], roles, ...spec.cloud })
  return machineIn(spec, {
    cloud,
    tags: () => cloud.instance().tags,
    stops: () =>
      cloud.requests.list({ server: 'api', action: 'StopInstances' }).map(({ params, status, errorCode }) => {
        const method = params['Hibernate'] === 'true' ? 'hibernate' : 'stop'
        return `${method} ${errorCode ?? (status === 200 ? 'accepted' : 'unanswered')}`
      }),
    start: () => cloud.power.start(cloud.instance()),
  })
}

/** A machine in a cloud that is there already; ends it with itself. */
export function machineIn<C extends Loopback>(spec: BaseSpec, hosted: Hosted<C>): Machine<C> {
  const { cloud } = hosted
  const folder = mkdtempSync(join(tmpdir(), 'idle-agent-e2e-'))
  const root = join(folder, 'root')
  const stateDir = spec.stateDir ?? join(folder, 'state')
  const configPath = join(folder, 'config.yaml')
  cpSync(`test/fixtures/${spec.fixture ?? 'debian12-vm-quiet'}`, root, { recursive: true, verbatimSymlinks: true })
  const program = spec.inside?.(root) ?? spec.program ?? [executable]
  const [file = '', ...before] = program
  const below = spec.inside === undefined ? ['--root', root] : []
  const flags = [...below, '--state-dir', stateDir, '--config', configPath]
  let nextMs = 0

  function configure(settings: Settings): void {
    const rows = Object.entries(settings).map(([name, value]) => `  ${name}: ${String(value)}`)
    writeFileSync(configPath, `idle_detection:\n${rows.join('\n')}\n`)
  }

  function tags(): Readonly<Record<string, string>> {
    const own = [...hosted.tags()].filter(([key]) => /:Idle\w+$/.test(key))
    return Object.fromEntries(own.map(([key, value]) => [key.replace(/^.*:/, ''), value]))
  }

  const machine: Machine<C> = {
    folder,
    root,
    stateDir,
    cloud,
    configPath,
    configure,
    program,
    flags,
    env: cloud.env,
    runCheck: (args) => machine.run(...args, ...flags),
    run: (...args) => machine.start(...args).done,
    start: (...args) => startProgram(file, [...before, ...args], machine.env),
    async turn(work) {
      await sleep(Math.max(0, nextMs - Date.now()))
      nextMs = Date.now() + INTERVAL_MS
      const done = await work()
      // A check within 1.5 s of another's samples stores nothing (kernel.md 4.2, row 10).
      nextMs = Math.max(nextMs, Date.now() + 1_800)
      return done
    },
    async check() {
      const { before, ran } = await machine.turn(async () => ({
        before: cloud.requests.counts(),
        ran: await machine.runCheck(['check', '--act', '--json']),
      }))
      const after = cloud.requests.list({ server: 'api' }).slice(before.api)
      return {
        ...ran,
        check: parseCheck(ran),
        api: after.map(({ action }) => action ?? '(none)'),
        metadata: cloud.requests.counts().metadata - before.metadata,
        tags: tags(),
      }
    },
    async until(fits, most = 10) {
      const seen: Checked[] = []
      while (seen.length < most) {
        const checked = await machine.check()
        seen.push(checked)
        if (fits(checked)) return seen
      }
      const told = seen.map(({ code, check }) => `${code} ${check.state}: ${check.reason}`)
      throw new Error(`not within ${most} checks:\n${told.join('\n')}`)
    },
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    },
    tags,
    audit: () => lines(join(stateDir, 'log/audit.jsonl')),
    intents: () => lines(join(stateDir, 'intents.jsonl')),
    status: () => lines(join(stateDir, 'run/status.json'))[0] ?? {},
    stops: () => hosted.stops(),
    startAgain({ newBootId }) {
      hosted.start()
      if (newBootId) machine.write('/proc/sys/kernel/random/boot_id', '22222222-3333-4444-8555-666666666666\n')
    },
    async close() {
      await cloud.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  configure(spec.settings ?? quick)
  return machine
}

/** True for the check that carried an action out. */
export function acted({ check }: Checked): boolean {
  return check.actions.some(({ action, result }) => (action === 'hibernate' || action === 'stop') && result === 'done')
}
