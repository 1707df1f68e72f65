/** A Host that lives in memory, with a manual clock, for simulations of many checks without I/O. */
import { HostError } from '../../agent/errors.ts'
import type { CommandResult, Host, HttpAnswer, HttpRequest } from '../../agent/host/host.ts'
import { ownError, tooLarge } from '../../agent/host/real-errors.ts'
import type { Clocks } from '../../agent/types.ts'
import { createMemoryFiles, createMemoryStore, type MemoryFiles, type Mutation } from './memory-files.ts'

export { Crash, type MemoryFiles, type Mutation } from './memory-files.ts'

/** Another process of the simulated machine. */
export interface MemoryProcess {
  readonly startTicks: number
  readonly uid: number
}

/** Who the process under test is; a restart has another pid, a boot another boot id. */
export interface MemorySelf {
  readonly pid: number
  readonly startTicks: number
  readonly bootId: string
  readonly uid: number
}

export interface MemoryOptions {
  /** Default: wall 2026-01-01T00:00:00Z, boot and mono 1 h. */
  readonly clocks?: Clocks
  readonly root?: string
  readonly env?: Readonly<Record<string, string>>
  readonly self?: Partial<MemorySelf>
  /** Files by absolute path, `root` included. */
  readonly files?: Readonly<Record<string, string>>
  readonly run?: (argv: readonly string[]) => CommandResult | undefined | Promise<CommandResult | undefined>
  readonly spawnInherited?: (argv: readonly string[]) => number | Promise<number>
  readonly http?: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>
  /** Called before each mutation of the store; throw a `Crash` to stop there. */
  readonly onMutation?: (mutation: Mutation) => void
  /** Called after `sleep` has advanced the clocks, so that the world can move on. */
  readonly onSleep?: (ms: number) => void
}

/** The clocks' hand crank; all in milliseconds. */
export interface MemoryClock {
  now(): Clocks
  set(clocks: Clocks): void
  /** Time passes awake: all three clocks. */
  advance(ms: number): void
  /** The machine sleeps: wall and boot time pass, monotonic time stands. */
  suspend(ms: number): void
  /** NTP steps the wall clock alone. */
  stepWall(ms: number): void
}

export interface MemoryHost extends Host {
  readonly clock: MemoryClock
  readonly files: MemoryFiles
  /** Live processes by pid; the process under test is among them. */
  readonly processes: Map<number, MemoryProcess>
  /** Everything written to terminals, in order. */
  readonly written: { readonly path: string; readonly text: string }[]
  /** Environment, changeable. */
  readonly environment: Map<string, string>
  /** Requests made so far. */
  readonly requests: HttpRequest[]
  /** Another process of the same machine: same files, clock and processes, another self. */
  withSelf(self: Partial<MemorySelf>): MemoryHost
  /** A boot: new boot id, no processes but a new self, boot and monotonic clocks at `bootMs`; wall and files stay. */
  reboot(self: Partial<MemorySelf> & { readonly bootId: string }, bootMs?: number): MemoryHost
}

type World = Pick<MemoryHost, 'root' | 'clock' | 'files' | 'processes' | 'written' | 'environment' | 'requests'>

const DEFAULT_SELF: MemorySelf = {
  pid: 1000,
  startTicks: 5000,
  bootId: '11111111-2222-4333-8444-555555555555',
  uid: 0,
}

function createClock(start: Clocks): MemoryClock {
  let now = { ...start }
  const move = (wall: number, boot: number, mono: number) => {
    now = { wallMs: now.wallMs + wall, bootMs: now.bootMs + boot, monoMs: now.monoMs + mono }
  }
  return {
    now: () => now,
    set: (clocks) => {
      now = { ...clocks }
    },
    advance: (ms) => move(ms, ms, ms),
    suspend: (ms) => move(ms, ms, 0),
    stepWall: (ms) => move(ms, 0, 0),
  }
}

/** A machine in memory and the Host of one process on it. */
export function createMemoryHost(options: MemoryOptions = {}): MemoryHost {
  const self = { ...DEFAULT_SELF, ...options.self }
  const hour = 3_600_000
  const clock = createClock(options.clocks ?? { wallMs: Date.UTC(2026, 0, 1), bootMs: hour, monoMs: hour })
  const files = createMemoryFiles(
    () => clock.now().wallMs,
    () => self.uid,
  )
  for (const [path, text] of Object.entries(options.files ?? {})) files.write(path, text)
  files.onMutation = options.onMutation
  const root = options.root ?? '/'
  const environment = new Map(Object.entries(options.env ?? {}))
  const world = { root, clock, files, processes: new Map(), written: [], environment, requests: [] }
  return createProcess(world, self, options)
}

function createProcess(world: World, self: MemorySelf, options: MemoryOptions): MemoryHost {
  const { root, clock, files, processes } = world
  const below = (path: string) => (root === '/' ? path : `${root}${path}`)
  processes.set(self.pid, { startTicks: self.startTicks, uid: self.uid })
  return {
    ...world,
    store: createMemoryStore(files),
    self: {
      ...self,
      executable: '/usr/local/bin/idle-agent',
      startTicksOf: async (pid) => processes.get(pid)?.startTicks,
      ownerOf: async (pid) => processes.get(pid)?.uid,
      cpuMs: () => 0,
    },
    env: (name) => world.environment.get(name),
    clocks: () => clock.now(),
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      clock.advance(ms)
      options.onSleep?.(ms)
      signal?.throwIfAborted()
    },
    deadline: () => ({ signal: new AbortController().signal, clear: () => {} }),
    async readText(path, maxBytes = 1_048_576) {
      const text = files.read(below(path))
      if (text !== undefined && text.length > maxBytes)
        throw ownError(tooLarge, `cannot read ${path}: it is larger than ${maxBytes} bytes`)
      return text
    },
    list: async (path) => files.names(below(path)),
    stat: async (path) => files.stat(below(path)),
    readLink: async (path) => files.target(below(path)),
    run: async (argv) => (root === '/' ? options.run?.(argv) : undefined),
    spawnInherited: async (argv) => (await options.spawnInherited?.(argv)) ?? 0,
    async http(request) {
      world.requests.push(request)
      request.signal?.throwIfAborted()
      if (options.http === undefined) throw new HostError(`no answer from ${request.url}: nothing listens there`)
      return options.http(request)
    },
    displayIdleMs: async () => undefined,
    async writeTerminal(path, text) {
      if (root !== '/' || files.stat(path)?.kind !== 'character') return false
      world.written.push({ path, text })
      return true
    },
    withSelf: (other) => createProcess(world, { ...self, ...other }, options),
    reboot(other, bootMs = 0) {
      clock.set({ wallMs: clock.now().wallMs, bootMs, monoMs: bootMs })
      processes.clear()
      return createProcess(world, { ...self, ...other }, options)
    },
  }
}
