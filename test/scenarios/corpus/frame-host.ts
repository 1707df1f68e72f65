/** A Host over the frames of a scenario: what a check asks is answered from the frame of the moment, and its sleeps make time pass. */
import { HostError } from '../../../agent/errors.ts'
import type { FileStat, Host } from '../../../agent/host/host.ts'
import { ownError, tooLarge } from '../../../agent/host/real-errors.ts'
import { createMemoryStore, type MemoryFiles } from '../../host/memory-files.ts'
import type { Frame } from './frame.ts'
import { snapshot } from './snapshot.ts'
import type { World } from './world.ts'

/** Names by folder, as the paths of a frame tell them. */
function indexOf(frame: Frame): ReadonlyMap<string, ReadonlySet<string>> {
  const index = new Map<string, Set<string>>()
  const add = (path: string) => {
    for (
      let slash = path.lastIndexOf('/'), end = path.length;
      slash >= 0;
      end = slash, slash = path.lastIndexOf('/', slash - 1)
    ) {
      const folder = slash === 0 ? '/' : path.slice(0, slash)
      const names = index.get(folder)
      const name = path.slice(slash + 1, end)
      if (names?.has(name) === true) return
      if (names === undefined) index.set(folder, new Set([name]))
      else names.add(name)
      if (slash === 0) return
    }
  }
  for (const part of [frame.files, frame.stats, frame.links]) {
    for (const [path, value] of Object.entries(part)) if (value !== null) add(path)
  }
  return index
}

const unknownFacts = { dev: 66_305, ino: 1, rdev: 0, uid: 0, nlink: 1, size: 0, atimeMs: 0, mtimeMs: 0, ctimeMs: 0 }

/** Where the agent keeps what it writes, and what others leave there for it. */
const leases = '/run/idle-agent/leases'
const given = [`${leases}/`, '/run/idle-agent/resumed_at', '/etc/subuid', '/etc/passwd']

/** One check's moment: the frame that answers, and the time that has passed in it. */
export class Moment {
  frame: Frame
  atMs: number
  /** Frames of this check so far. */
  readonly looks: Frame[] = []
  readonly world: World
  #index: ReadonlyMap<string, ReadonlySet<string>>

  constructor(world: World, atMs: number) {
    this.world = world
    this.atMs = atMs
    this.frame = snapshot(world, atMs)
    this.looks.push(this.frame)
    this.#index = indexOf(this.frame)
  }

  /** Time passes; the machine is looked at anew. */
  pass(ms: number): void {
    if (ms <= 0) return
    this.atMs += ms
    this.frame = snapshot(this.world, this.atMs)
    this.looks.push(this.frame)
    this.#index = indexOf(this.frame)
  }

  names(path: string): readonly string[] | undefined {
    const told = this.frame.folders[path]
    if (told !== undefined) return told ?? undefined
    const names = this.#index.get(path)
    return names === undefined ? undefined : [...names]
  }

  stat(path: string): FileStat | undefined {
    const told = this.frame.stats[path]
    if (told !== undefined) return told ?? undefined
    if (typeof this.frame.files[path] === 'string') return { ...unknownFacts, kind: 'file', mode: 0o644 }
    return this.#index.has(path) ? { ...unknownFacts, kind: 'directory', mode: 0o755 } : undefined
  }

  text(path: string, maxBytes: number): string | undefined {
    const text = this.frame.files[path]
    if (text === undefined || text === null) return undefined
    if (typeof text !== 'string') throw new HostError(`cannot read ${path}: ${text.error}`)
    if (text.length > maxBytes) throw ownError(tooLarge, `cannot read ${path}: it is larger than ${maxBytes} bytes`)
    return text
  }
}

/** Puts what others have left in the agent's own folders among its files, and takes away what is gone. */
function bringLeases(files: MemoryFiles, { frame }: Moment): void {
  files.makeDir(leases, { mode: 0o1733 })
  for (const name of files.names(leases) ?? []) {
    const path = `${leases}/${name}`
    if (typeof frame.files[path] !== 'string') files.remove(path)
  }
  for (const [path, text] of Object.entries(frame.files)) {
    if (typeof text === 'string' && given.some((begin) => path.startsWith(begin)))
      files.write(path, text, frame.stats[path] ?? {})
  }
}

/** The machine as one check's process sees it; `files` are what the agent itself keeps from check to check. */
export function frameHost(moment: Moment, files: MemoryFiles): Host {
  bringLeases(files, moment)
  const { self } = moment.frame
  const fieldOf = (pid: number, file: string, pattern: RegExp): number | undefined => {
    const found = pattern.exec(moment.text(`/proc/${pid}/${file}`, 1_048_576) ?? '')?.[1]
    return found === undefined ? undefined : Number(found)
  }
  return {
    root: '/',
    store: createMemoryStore(files),
    self: {
      ...self,
      executable: '/usr/local/bin/idle-agent',
      startTicksOf: async (pid) => fieldOf(pid, 'stat', /\) \S+(?: \S+){18} (\d+) /),
      ownerOf: async (pid) => fieldOf(pid, 'status', /^Uid:\t(\d+)/m),
      cpuMs: () => moment.frame.self.cpuMs,
    },
    env: () => undefined,
    clocks: () => moment.world.clockwork.at(moment.atMs),
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      moment.pass(ms)
    },
    deadline: () => ({ signal: new AbortController().signal, clear: () => {} }),
    readText: async (path, maxBytes = 1_048_576) => moment.text(path, maxBytes),
    list: async (path) => moment.names(path),
    stat: async (path) => moment.stat(path),
    readLink: async (path) => moment.frame.links[path] ?? undefined,
    async run(argv) {
      const answer = moment.frame.commands[JSON.stringify(argv)]
      if (answer === undefined || answer === null) return undefined
      if ('error' in answer) throw new HostError(answer.error)
      return answer
    },
    displayIdleMs: async ({ number }) => moment.frame.displays[String(number)] ?? undefined,
    spawnInherited: async () => 127,
    async http({ method, url }) {
      const answer = moment.frame.http[`${method} ${url}`] ?? undefined
      // As the replay says it.
      if (answer === undefined) throw new HostError(`${method} ${url} failed: nothing answers there`)
      return { ...answer, headers: {} }
    },
    async writeTerminal(path) {
      if (moment.world.isDeaf) return moment.stat(path)?.kind === 'character'
      if (!moment.world.write(path, moment.atMs)) return false
      moment.frame = snapshot(moment.world, moment.atMs)
      return true
    },
  }
}
