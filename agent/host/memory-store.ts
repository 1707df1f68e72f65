/** A Store in memory, for what the agent writes where it must leave nothing: captures and replays. */
import { HostError } from '../errors.ts'
import type { FileStat, Store } from './host.ts'

interface Entry {
  readonly text: string
  readonly stat: FileStat
}

interface Owner {
  readonly uid: number
  wallMs(): number
}

function codedError(code: string, message: string): HostError {
  return new HostError(message, { cause: Object.assign(new Error(code), { code }) })
}

type Files = Map<string, Entry>

function entryOf(owner: Owner, text: string, facts: { readonly mode: number; readonly uid?: number }): Entry {
  const now = owner.wallMs()
  const { mode, uid = owner.uid } = facts
  const times = { atimeMs: now, mtimeMs: now, ctimeMs: now }
  const size = Buffer.byteLength(text)
  return { text, stat: { kind: 'file', dev: 0, ino: 0, rdev: 0, uid, mode, nlink: 1, size, ...times } }
}

function below(files: Files, path: string): readonly string[] {
  return [...files.keys()].filter((name) => name.startsWith(`${path}/`))
}

type Rest = 'read' | 'readPlain' | 'list' | 'remove' | 'rename' | 'link' | 'makeDir'

function reading(files: Files): Pick<Store, Rest> {
  return {
    read: async (path) => files.get(path)?.text,
    async readPlain(path, maxBytes) {
      const entry = files.get(path)
      return entry === undefined || entry.stat.size > maxBytes ? undefined : entry
    },
    list: async (path) => [
      ...new Set(below(files, path).map((name) => name.slice(path.length + 1).split('/')[0] ?? '')),
    ],
    async remove(path) {
      for (const name of [path, ...below(files, path)]) files.delete(name)
    },
    async rename(from, to) {
      const entry = files.get(from)
      if (entry === undefined) throw codedError('ENOENT', `cannot rename ${from}: there is nothing (ENOENT)`)
      files.delete(from)
      files.set(to, entry)
    },
    link: async () => false,
    makeDir: async () => undefined,
  }
}

/** An empty store; folders need not be made, and links are not followed, since there are none. */
export function createMemoryStore(owner: Owner): Store {
  const files: Files = new Map()
  const put = (path: string, text: string, facts: { readonly mode: number; readonly uid?: number }): void => {
    files.set(path, entryOf(owner, text, facts))
  }
  return {
    ...reading(files),
    replace: async (path, text, mode) => put(path, text, { mode }),
    async append(path, line, mode) {
      const old = files.get(path)?.text ?? ''
      const text = `${old}${old === '' || old.endsWith('\n') ? '' : '\n'}${line}${line.endsWith('\n') ? '' : '\n'}`
      put(path, text, { mode })
      return Buffer.byteLength(text)
    },
    async create(path, text, mode) {
      if (files.has(path)) return false
      put(path, text, { mode })
      return true
    },
    async overwrite(path, text) {
      const entry = files.get(path)
      if (entry !== undefined) put(path, text, entry.stat)
      return entry !== undefined
    },
    give: async (path, uid, text) => put(path, text, { mode: 0o600, uid }),
    async copy(from, to, mode) {
      const text = files.get(from)?.text
      if (text === undefined) throw codedError('ENOENT', `cannot copy ${from}: there is nothing (ENOENT)`)
      if (files.get(to)?.text === text) return false
      put(to, text, { mode })
      return true
    },
  }
}
