/** A Host over a copy of a fixture tree in a temporary folder, with a manual clock, so that a test can change the machine between two checks. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import type { CommandResult, FileStat, Host } from '../../agent/host/host.ts'
import { ownError, tooLarge } from '../../agent/host/real-errors.ts'
import type { Clocks } from '../../agent/types.ts'

/** Boot id in the fixture trees; as `self.bootId`, the agent runs on the machine that it observes. */
export const fixtureBootId = '11111111-2222-4333-8444-555555555555'

/** The machine of one test. Its methods change what the next `host()` sees. */
export interface Machine {
  /** A new Host object, as the loop makes one for each check. */
  host(): Host
  clocks(): Clocks
  /** Time passes awake. */
  pass(ms: number): void
  stepWall(ms: number): void
  write(path: string, text: string): void
  /** Replaces text in a file; throws if it is not there, so that a test cannot miss its change. */
  edit(path: string, from: string | RegExp, to: string): void
  link(path: string, target: string): void
  remove(path: string): void
  /** Gives a terminal other times; it is a character device from then on. */
  terminal(path: string, facts: Partial<FileStat>): void
  /** Makes reading a path fail as it fails without permission. */
  forbid(path: string): void
  /** Answers of commands by their first word. */
  readonly commands: Map<string, (argv: readonly string[]) => CommandResult>
  /** Milliseconds since the last input, by X display. */
  readonly displays: Map<number, number>
  /** Commands run so far. */
  readonly ran: (readonly string[])[]
  self: { pid: number; startTicks: number; bootId: string; cpuMs: number }
}

function absent<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL') return undefined
    throw error
  }
}

function factsOf(full: string): FileStat {
  const stat = statSync(full)
  const kind = stat.isDirectory() ? 'directory' : 'file'
  const { dev, ino, rdev, uid, mode, nlink, size, atimeMs, mtimeMs, ctimeMs } = stat
  return { kind, dev, ino, rdev, uid, mode, nlink, size, atimeMs, mtimeMs, ctimeMs }
}

/** What the machine's files look like at the moment. */
interface World {
  readonly root: string
  readonly terminals: Map<number, Partial<FileStat>>
  readonly forbidden: Set<string>
}

/** The file part of the host. Terminals are found by inode, so that /proc/PID/fd links lead to them as well. */
function files({ root, terminals, forbidden }: World): Pick<Host, 'readText' | 'list' | 'stat' | 'readLink'> {
  const full = (path: string) => {
    if (forbidden.has(path)) throw new HostError(`cannot read ${path}: permission denied`)
    return join(root, path)
  }
  const stat = (path: string) => absent(() => factsOf(full(path)))
  return {
    async readText(path, maxBytes = 1_048_576) {
      const text = absent(() => readFileSync(full(path), 'utf8'))
      if (text !== undefined && text.length > maxBytes)
        throw ownError(tooLarge, `cannot read ${path}: it is larger than ${maxBytes} bytes`)
      return text
    },
    async list(path) {
      const folder = full(path)
      if (stat(path) !== undefined && !statSync(folder).isDirectory())
        throw new HostError(`cannot list ${path}: it is no folder`)
      return absent(() => readdirSync(folder))
    },
    readLink: async (path) => absent(() => readlinkSync(full(path))),
    async stat(path) {
      const facts = stat(path)
      return facts === undefined ? undefined : { ...facts, ...terminals.get(facts.ino) }
    },
  }
}

function noWorld(): never {
  throw new Error('a sensor must not do this')
}

function makeHost(machine: Machine, world: World): Host {
  const { pid, startTicks, bootId, cpuMs } = machine.self
  return {
    root: world.root,
    store: new Proxy(Object.create(null), { get: noWorld }),
    self: {
      pid,
      startTicks,
      bootId,
      uid: 0,
      executable: '/usr/local/bin/idle-agent',
      startTicksOf: noWorld,
      ownerOf: noWorld,
      cpuMs: () => cpuMs,
    },
    env: noWorld,
    clocks: () => machine.clocks(),
    // A turn for others is no time: sensors wait for nothing.
    sleep: async (ms) => (ms === 0 ? undefined : noWorld()),
    deadline: noWorld,
    ...files(world),
    async run(argv) {
      machine.ran.push(argv)
      return machine.commands.get(argv[0] ?? '')?.(argv)
    },
    spawnInherited: noWorld,
    http: noWorld,
    displayIdleMs: async ({ number }) => machine.displays.get(number),
    writeTerminal: noWorld,
  }
}

/** Copies test/fixtures/NAME; its clocks stand at 2026-01-01T02:00:00Z and 2 h after boot. Removed at the end of the test. */
export function createMachine(name: string): Machine {
  const root = mkdtempSync(join(tmpdir(), 'machine-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  cpSync(join(import.meta.dirname, '../fixtures', name), root, { recursive: true, verbatimSymlinks: true })
  const world: World = { root, terminals: new Map(), forbidden: new Set() }
  let clocks: Clocks = { wallMs: Date.parse('2026-01-01T02:00:00Z'), bootMs: 7_200_000, monoMs: 7_200_000 }
  const machine: Machine = {
    host: () => makeHost(machine, world),
    clocks: () => clocks,
    pass(ms) {
      clocks = { wallMs: clocks.wallMs + ms, bootMs: clocks.bootMs + ms, monoMs: clocks.monoMs + ms }
    },
    stepWall(ms) {
      clocks = { ...clocks, wallMs: clocks.wallMs + ms }
    },
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    },
    edit(path, from, to) {
      const text = readFileSync(join(root, path), 'utf8')
      const changed = text.replace(from, to)
      if (changed === text) throw new Error(`nothing to replace in ${path}`)
      writeFileSync(join(root, path), changed)
    },
    link(path, target) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      rmSync(join(root, path), { force: true })
      symlinkSync(target, join(root, path))
    },
    remove: (path) => rmSync(join(root, path), { recursive: true }),
    terminal(path, facts) {
      const { ino } = statSync(join(root, path))
      world.terminals.set(ino, { kind: 'character', ...world.terminals.get(ino), ...facts })
    },
    forbid: (path) => world.forbidden.add(path),
    commands: new Map(),
    displays: new Map(),
    ran: [],
    self: { pid: 999_999, startTicks: 1, bootId: 'another-machine', cpuMs: 0 },
  }
  return machine
}
