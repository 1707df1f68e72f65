/** An in-memory file tree and the Store on top of it, with crashes and a full disk to order. */
import { HostError } from '../../agent/errors.ts'
import type { FileStat, Store } from '../../agent/host/host.ts'

/** One change of the disk, named before it happens. `…-half` and `…-rename` lie inside an operation. */
export interface Mutation {
  readonly kind:
    | 'replace'
    | 'replace-rename'
    | 'append'
    | 'append-half'
    | 'create'
    | 'create-half'
    | 'remove'
    | 'rename'
    | 'make-dir'
  readonly path: string
}

/** What a simulated power cut throws; nothing in agent/ knows it, so nothing may catch it for good. */
export class Crash extends Error {
  constructor(message = 'simulated crash') {
    super(message)
    this.name = 'Crash'
  }
}

interface Node {
  text: string
  /** Names inside, for a directory. */
  readonly names: Set<string> | undefined
  readonly target: string | undefined
  stat: FileStat
}

/** Facts that a test gives a file; the rest is filled in. */
export type StatInput = Partial<FileStat>

/** A tree of files by absolute path; parents come into being with their first child. */
export interface MemoryFiles {
  /** Switch: every write fails as on a full disk. */
  full: boolean
  /** Called before each mutation; a throw leaves the disk as it is at that moment. */
  onMutation: ((mutation: Mutation) => void) | undefined
  /** Paths that exist and cannot be read, with the reason. */
  readonly failing: Map<string, string>
  write(path: string, text: string, stat?: StatInput): void
  link(path: string, target: string): void
  makeDir(path: string, stat?: StatInput): void
  /** Overrides facts of an existing file, such as its times. */
  touch(path: string, stat: StatInput): void
  remove(path: string): void
  read(path: string): string | undefined
  names(path: string): readonly string[] | undefined
  stat(path: string): FileStat | undefined
  /** Facts without following a link. */
  lstat(path: string): FileStat | undefined
  target(path: string): string | undefined
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function clean(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** An empty tree; `wallMs` gives the time of new files, `uid` their owner. */
export function createMemoryFiles(wallMs: () => number, uid: () => number): MemoryFiles {
  const nodes = new Map<string, Node>()
  const failing = new Map<string, string>()
  let inode = 100

  function facts(kind: FileStat['kind'], text: string, input: StatInput): FileStat {
    const now = wallMs()
    const base = { kind, dev: 1, ino: inode++, rdev: 0, uid: uid(), mode: 0o644, nlink: 1 }
    const size = Buffer.byteLength(text)
    return { ...base, size, atimeMs: now, mtimeMs: now, ctimeMs: now, ...input }
  }

  function put(path: string, node: Node): void {
    nodes.set(path, node)
    if (path === '/') return
    const parent = parentOf(path)
    if (!nodes.has(parent)) put(parent, directory({}))
    nodes.get(parent)?.names?.add(nameOf(path))
  }

  function directory(stat: StatInput): Node {
    return { text: '', names: new Set(), target: undefined, stat: facts('directory', '', { mode: 0o755, ...stat }) }
  }

  function follow(path: string, depth = 0): Node | undefined {
    const node = nodes.get(clean(path))
    if (node?.target === undefined || depth > 8) return node
    const target = node.target.startsWith('/') ? node.target : `${parentOf(path)}/${node.target}`
    return follow(target, depth + 1)
  }

  function remove(path: string): void {
    for (const name of nodes.get(path)?.names ?? []) remove(`${path}/${name}`)
    nodes.delete(path)
    nodes.get(parentOf(path))?.names?.delete(nameOf(path))
  }

  put('/', directory({}))
  return {
    full: false,
    onMutation: undefined,
    failing,
    write: (path, text, stat = {}) =>
      put(path, { text, names: undefined, target: undefined, stat: facts('file', text, stat) }),
    link: (path, target) => put(path, { text: '', names: undefined, target, stat: facts('link', target, {}) }),
    makeDir(path, stat = {}) {
      if (!nodes.has(clean(path))) put(clean(path), directory(stat))
    },
    touch(path, stat) {
      const node = follow(path)
      if (node === undefined) throw new Error(`test: no ${path}`)
      node.stat = { ...node.stat, ...stat }
    },
    remove,
    read(path) {
      const reason = failing.get(path)
      if (reason !== undefined) throw new HostError(`cannot read ${path}: ${reason}`)
      const node = follow(path)
      if (node?.names !== undefined) throw new HostError(`cannot read ${path}: it is a folder`)
      return node?.text
    },
    names(path) {
      const reason = failing.get(path)
      if (reason !== undefined) throw new HostError(`cannot list ${path}: ${reason}`)
      const names = follow(path)?.names
      return names === undefined ? undefined : [...names]
    },
    stat: (path) => follow(path)?.stat,
    lstat: (path) => nodes.get(clean(path))?.stat,
    target: (path) => nodes.get(path)?.target,
  }
}

/** The Store over a tree; mutations are announced to `files.onMutation` first. */
export function createMemoryStore(files: MemoryFiles): Store {
  function announce(kind: Mutation['kind'], path: string): void {
    files.onMutation?.({ kind, path })
  }

  function needRoom(path: string): void {
    if (files.full) throw new HostError(`cannot write ${path}: no space left on the device; free some space`)
    if (files.names(parentOf(path)) === undefined)
      throw new HostError(`cannot write ${path}: its folder does not exist`, {
        cause: Object.assign(new Error(), { code: 'ENOENT' }),
      })
  }

  return {
    read: async (path) => files.read(path),
    async replace(path, text, mode) {
      announce('replace', path)
      needRoom(path)
      const temporary = `${path}.tmp`
      files.write(temporary, text, { mode })
      announce('replace-rename', path)
      files.remove(temporary)
      files.write(path, text, { mode })
    },
    async append(path, line, mode) {
      announce('append', path)
      needRoom(path)
      const old = files.read(path) ?? ''
      const added = `${old === '' || old.endsWith('\n') ? '' : '\n'}${line}${line.endsWith('\n') ? '' : '\n'}`
      files.write(path, old + added.slice(0, added.length >> 1), { mode })
      announce('append-half', path)
      files.write(path, old + added, { mode })
      return Buffer.byteLength(old + added)
    },
    async create(path, text, mode) {
      if (files.lstat(path) !== undefined) return false
      announce('create', path)
      needRoom(path)
      files.write(path, '', { mode })
      announce('create-half', path)
      files.write(path, text, { mode })
      return true
    },
    async readPlain(path, maxBytes) {
      const stat = files.lstat(path)
      if (stat === undefined || stat.kind !== 'file' || stat.size > maxBytes) return undefined
      return { text: files.read(path) ?? '', stat }
    },
    async remove(path) {
      if (files.lstat(path) === undefined) return
      announce('remove', path)
      files.remove(path)
    },
    async overwrite(path, text) {
      if (files.lstat(path)?.kind !== 'file') return false
      files.write(path, text, files.lstat(path))
      return true
    },
    async give(path, uid, text) {
      announce('create', path)
      files.write(path, text, { uid, mode: 0o600 })
    },
    async link(target, path) {
      if (files.lstat(path) !== undefined) return false
      announce('create', path)
      files.link(path, target)
      return true
    },
    async copy(from, to, mode) {
      announce('replace', to)
      const text = files.read(from)
      if (text === undefined) throw new HostError(`cannot copy ${from}: it does not exist`)
      if (files.read(to) === text) return false
      files.write(to, text, { mode })
      return true
    },
    async rename(from, to) {
      announce('rename', from)
      const text = files.read(from)
      const stat = files.lstat(from)
      if (text === undefined || stat === undefined) throw new HostError(`cannot rename ${from}: it does not exist`)
      needRoom(to)
      files.remove(from)
      files.write(to, text, stat)
    },
    list: async (path) => files.names(path) ?? [],
    async makeDir(path, mode) {
      if (files.lstat(path) !== undefined) return
      announce('make-dir', path)
      if (files.full) throw new HostError(`cannot create ${path}: no space left on the device; free some space`)
      files.makeDir(path, { mode })
    },
  }
}
