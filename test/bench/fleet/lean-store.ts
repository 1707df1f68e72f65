// The agent's files of one simulated machine, as small as a hundred thousand of them need: what no later check reads is not kept.
import { HostError } from '../../../agent/errors.ts'
import type { FileStat, Store } from '../../../agent/host/host.ts'

const facts: FileStat = {
  kind: 'file',
  dev: 1,
  ino: 1,
  rdev: 0,
  uid: 0,
  mode: 0o600,
  nlink: 1,
  size: 0,
  atimeMs: 0,
  mtimeMs: 0,
  ctimeMs: 0,
}

/** Logs, the history and what is for people. */
const forgotten = /(\.log|audit\.jsonl|history\.jsonl|status\.json|motd.*|\/note)$/

/** A store over a map of texts by path. Folders are always there. */
export function createLeanStore(files: Map<string, string>): Store {
  function put(path: string, text: string): void {
    if (!forgotten.test(path)) files.set(path, text)
  }

  return {
    read: async (path) => files.get(path),
    replace: async (path, text) => put(path, text),
    async append(path, line) {
      put(path, `${files.get(path) ?? ''}${line}`)
      return files.get(path)?.length ?? line.length
    },
    async create(path, text) {
      if (files.has(path)) return false
      put(path, text)
      return true
    },
    async readPlain(path) {
      const text = files.get(path)
      return text === undefined ? undefined : { text, stat: { ...facts, size: text.length } }
    },
    async remove(path) {
      files.delete(path)
    },
    async overwrite(path, text) {
      if (!files.has(path)) return false
      put(path, text)
      return true
    },
    give: async (path, _, text) => put(path, text),
    async rename(from, to) {
      const text = files.get(from)
      if (text === undefined) throw new HostError(`cannot rename ${from}: it does not exist`)
      files.delete(from)
      put(to, text)
    },
    link: async () => true,
    async copy(from, to) {
      const text = files.get(from)
      if (text === undefined) throw new HostError(`cannot copy ${from}: it does not exist`)
      put(to, text)
      return true
    },
    async list(path) {
      const below = `${path}/`
      return [...files.keys()].filter((name) => name.startsWith(below)).map((name) => name.slice(below.length))
    },
    makeDir: async () => undefined,
  }
}
