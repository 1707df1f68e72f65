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

/** An empty store; folders need not be made, and links are not followed, since there are none. */
export function createMemoryStore({ uid: own, wallMs }: Owner): Store {
  const files = new Map<string, Entry>()
  let inode = 1

  function put(path: string, text: string, facts: { readonly mode: number; readonly uid?: number }): void {
    const now = wallMs()
    const { mode, uid = own } = facts
    const times = { atimeMs: now, mtimeMs: now, ctimeMs: now }
    const size = Buffer.byteLength(text)
    files.set(path, {
      text,
      stat: { kind: 'file', dev: 0, ino: inode++, rdev: 0, uid, mode, nlink: 1, size, ...times },
    })
  }

  function below(path: string): readonly string[] {
    return [...files.keys()].filter((name) => name.startsWith(`${path}/`))
  }

  return {
    read: async (path) => files.get(path)?.text,
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
    async readPlain(path, maxBytes) {
      const entry = files.get(path)
      return entry === undefined || entry.stat.size > maxBytes ? undefined : entry
    },
    async remove(path) {
      for (const name of [path, ...below(path)]) files.delete(name)
    },
    async overwrite(path, text) {
      const entry = files.get(path)
      if (entry === undefined) return false
      put(path, text, entry.stat)
      return true
    },
    give: async (path, uid, text) => put(path, text, { mode: 0o600, uid }),
    async rename(from, to) {
      const entry = files.get(from)
      if (entry === undefined) throw codedError('ENOENT', `cannot rename ${from}: there is nothing (ENOENT)`)
      files.delete(from)
      files.set(to, entry)
    },
    link: async () => false,
    async copy(from, to, mode) {
      const text = files.get(from)?.text
      if (text === undefined) throw codedError('ENOENT', `cannot copy ${from}: there is nothing (ENOENT)`)
      if (files.get(to)?.text === text) return false
      put(to, text, { mode })
      return true
    },
    list: async (path) => [...new Set(below(path).map((name) => name.slice(path.length + 1).split('/')[0] ?? ''))],
    makeDir: async () => undefined,
  }
}
