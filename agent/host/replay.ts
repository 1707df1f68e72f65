/** A Host over the frames of a capture: it answers what the recorded machine answered, and its time passes only as the frames say. */
import { HostError } from '../errors.ts'
import type { Clocks } from '../types.ts'
import {
  type Answers,
  copyOf,
  forget,
  noAnswers,
  overlay,
  told,
  toldCommand,
  toldHttp,
  toldStat,
  toldText,
} from './answers.ts'
import type { Again, Answer, Facts, Frame } from './frame.ts'
import type { Host, Self } from './host.ts'
import { commandKey, createNames, later, notBefore, plainKey, requestKey, takesLines } from './look.ts'
import { createOwnFiles } from './own-files.ts'
import { startTicksIn, uidIn } from './real-self.ts'
import { derivedStat, type Tree, treeOf } from './tree.ts'

const DEFAULT_MAX_BYTES = 1_048_576
const bootIdPath = '/proc/sys/kernel/random/boot_id'
const noBootId = '00000000-0000-4000-8000-000000000000'

/** The host, and how it goes on. */
interface Replay {
  readonly host: Host
  /** Goes on to the next check. */
  advance(frame: Frame): void
  /** What the frames so far say of the machine in its cloud. */
  facts(): Facts
}

interface World {
  /** Of the check's first look: what the next frame is laid over. */
  readonly first: Answers
  /** Of this look. */
  answers: Answers
  rest: 'absent' | 'unknown'
  clocks: Clocks
  /** As the frame has them; this look's may have gone on by what was waited for. */
  framed: Clocks
  facts: Facts
  self: NonNullable<Frame['self']>
  /** Of this look, where it was read in it. */
  cpuMs: number | undefined
  again: readonly Again[]
  late: ReadonlySet<string>
  names: (what: string) => string
  tree: Tree | undefined
}

function createWorld(): World {
  const first = noAnswers()
  return {
    first,
    answers: first,
    rest: 'unknown',
    clocks: { wallMs: 0, bootMs: 0, monoMs: 0 },
    framed: { wallMs: 0, bootMs: 0, monoMs: 0 },
    facts: {},
    self: {},
    cpuMs: undefined,
    again: [],
    late: new Set(),
    names: createNames(),
    tree: undefined,
  }
}

function beginLook(world: World, { late = [], self }: Pick<Again, 'late' | 'self'>): void {
  world.late = new Set(late)
  world.cpuMs = self?.cpuMs
  world.names = createNames()
  world.tree = undefined
}

function advance(world: World, frame: Frame): void {
  const { first } = world
  if (frame.forget !== undefined) forget(first, frame.forget)
  overlay(first, frame)
  const facts = Object.entries({ ...world.facts, ...frame.host }).filter(([, value]) => value !== null)
  world.answers = first
  world.rest = frame.rest ?? world.rest
  world.clocks = clocksOf(world, frame)
  world.framed = frame.clocks
  world.facts = Object.fromEntries(facts)
  world.self = { ...world.self, ...frame.self }
  world.again = frame.again ?? []
  beginLook(world, { late: frame.late })
}

/** Where the check before waited past this frame, in the same run by the frames, time does not go back. */
function clocksOf(world: World, { clocks, self }: Frame): Clocks {
  const sameBoot = self?.bootId === undefined || self.bootId === world.self.bootId
  return sameBoot && clocks.monoMs >= world.framed.monoMs ? notBefore(clocks, world.clocks.monoMs) : clocks
}

/** Time passes in a check: the next look that was recorded, or the same answers once more. */
async function sleep(world: World, ms: number): Promise<void> {
  if (ms <= 0) return
  const woken = later(world.clocks, ms)
  const [next, ...rest] = world.again
  const { wallMs = woken.wallMs, bootMs = woken.bootMs, monoMs = woken.monoMs } = next?.clocks ?? {}
  world.clocks = notBefore({ wallMs, bootMs, monoMs }, woken.monoMs)
  if (next === undefined) return
  world.answers = copyOf(world.first)
  overlay(world.answers, next)
  world.again = rest
  beginLook(world, next)
}

/** A deadline never passes by itself; one that passed when the frame was recorded has passed before anybody answers. */
function deadline(world: World, ms: number, what: string): ReturnType<Host['deadline']> {
  const controller = new AbortController()
  if (world.late.has(world.names(what)))
    queueMicrotask(() => controller.abort(new HostError(`not done within ${ms} ms`)))
  return { signal: controller.signal, clear: () => undefined }
}

/** Ends the reason of what follows from an answer that no frame has. */
export const notRecorded = 'is not in the recording'

/** What no frame gave: absent where the frames say so. Throws HostError where they do not. */
function notGiven(world: World, what: string): undefined {
  if (world.rest === 'unknown') throw new HostError(`${what} ${notRecorded}`)
  return undefined
}

type Answering = Pick<Host, 'readText' | 'list' | 'stat' | 'readLink' | 'run' | 'http' | 'displayIdleMs'>

function answering(world: World): Answering {
  const tree = (): Tree => {
    world.tree ??= treeOf(world.answers)
    return world.tree
  }
  return {
    async readText(path, maxBytes = DEFAULT_MAX_BYTES) {
      const found = world.answers.files.get(path)
      if (found !== undefined) return toldText(path, found, maxBytes)
      if (path === bootIdPath) return `${world.self.bootId ?? noBootId}\n`
      return notGiven(world, path)
    },
    async list(path) {
      const found = world.answers.folders.get(path)
      if (found !== undefined) return told(found)
      notGiven(world, path)
      const names = tree().get(path)
      return names === undefined ? undefined : [...names]
    },
    async stat(path) {
      const found = world.answers.stats.get(path)
      if (found !== undefined) return toldStat(found)
      notGiven(world, path)
      return derivedStat(path, world.answers, tree())
    },
    async readLink(path) {
      const found = world.answers.links.get(path)
      return found === undefined ? notGiven(world, path) : told(found)
    },
    async run(argv) {
      const found = world.answers.commands.get(commandKey(argv))
      return found === undefined ? notGiven(world, argv[0] ?? 'a command') : toldCommand(found)
    },
    async http(request) {
      const key = requestKey(request)
      const found = world.answers.http.get(key)
      const answer = found === undefined ? notGiven(world, key) : toldHttp(found)
      if (answer === undefined) throw new HostError(`${key} failed: nothing answers there`)
      return answer
    },
    async displayIdleMs({ number }) {
      const found = world.answers.displays.get(String(number))
      return found === undefined ? notGiven(world, `display :${number}`) : told(found)
    },
  }
}

async function readPlain(world: World, host: Answering, { path, maxBytes }: { path: string; maxBytes: number }) {
  const { files, stats } = world.answers
  const plain: Answer<string> | undefined = files.get(plainKey(path))
  const text = plain === undefined ? await host.readText(path, maxBytes) : toldText(path, plain, maxBytes)
  if (text === undefined) return undefined
  const facts = stats.get(plainKey(path))
  const stat = facts === undefined ? await host.stat(path) : toldStat(facts)
  return stat === undefined || stat.kind !== 'file' ? undefined : { text, stat }
}

function selfOf(world: World, host: Answering): Self {
  return {
    get pid() {
      return world.self.pid ?? 1
    },
    get startTicks() {
      return world.self.startTicks ?? 1
    },
    get bootId() {
      return world.self.bootId ?? noBootId
    },
    get uid() {
      return world.self.uid ?? 0
    },
    executable: '/usr/local/bin/idle-agent',
    startTicksOf: async (pid) => startTicksIn(await host.readText(`/proc/${pid}/stat`)),
    ownerOf: async (pid) => uidIn(await host.readText(`/proc/${pid}/status`)),
    cpuMs: () => world.cpuMs ?? world.self.cpuMs ?? 0,
  }
}

/** A host that waits for its first frame. `isInput`: see own-files.ts. */
export function createReplay(isInput: (path: string) => boolean): Replay {
  const world = createWorld()
  const answers = answering(world)
  const clocks = () => world.clocks
  const host: Host = {
    root: '/',
    self: selfOf(world, answers),
    store: createOwnFiles(
      { clocks, uid: 0 },
      {
        isInput,
        readText: answers.readText,
        readPlain: (path, maxBytes) => readPlain(world, answers, { path, maxBytes }),
        list: answers.list,
      },
    ),
    env: () => undefined,
    clocks,
    sleep: (ms) => sleep(world, ms),
    deadline: (ms, what = '') => deadline(world, ms, what),
    ...answers,
    async spawnInherited() {
      throw new HostError('a replay runs nothing')
    },
    writeTerminal: async (path) => takesLines(await answers.stat(path)),
  }
  return { host, advance: (frame) => advance(world, frame), facts: () => world.facts }
}
