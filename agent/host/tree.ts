/** The folders and facts that follow from the paths of a frame, so that one made by hand need not list them. */
import type { Answers } from './answers.ts'
import type { FileStat } from './host.ts'

/** Names below each folder, as far as paths that exist tell. */
export type Tree = ReadonlyMap<string, ReadonlySet<string>>

export function treeOf(answers: Answers): Tree {
  const tree = new Map<string, Set<string>>()
  const add = (path: string): void => {
    for (let end = path.lastIndexOf('/'); end >= 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end) || '/'
      const name = path.slice(end + 1).split('/')[0] ?? ''
      const names = tree.get(folder) ?? new Set()
      const known = names.has(name)
      if (name !== '') tree.set(folder, names.add(name))
      if (known || end === 0) return
    }
  }
  for (const map of [answers.files, answers.folders, answers.stats, answers.links])
    for (const [path, answer] of map) if (answer !== null && path.startsWith('/')) add(path)
  for (const [path, names] of answers.folders)
    if (Array.isArray(names)) for (const name of names) add(`${path === '/' ? '' : path}/${name}`)
  return tree
}

/** A number that is always the same for a path, for its inode (FNV-1a, 31 bits). */
function inodeOf(path: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(path)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 1) + 1
}

/** Facts of what has none given: a file with text, or a folder with something in it. */
export function derivedStat(path: string, answers: Answers, tree: Tree): FileStat | undefined {
  const text = answers.files.get(path)
  const isFile = text !== undefined && text !== null
  if (!isFile && !tree.has(path)) return undefined
  const size = typeof text === 'string' ? Buffer.byteLength(text) : 0
  const kind = isFile ? 'file' : 'directory'
  const times = { atimeMs: 0, mtimeMs: 0, ctimeMs: 0 }
  return { kind, dev: 1, ino: inodeOf(path), rdev: 0, uid: 0, mode: isFile ? 0o644 : 0o755, nlink: 1, size, ...times }
}
