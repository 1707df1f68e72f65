/** The agent's own files on the real host: changes are whole or not there, and on the disk when they return. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { posix } from 'node:path'
import { HostError } from '../errors.ts'
import type { Self, Store } from './host.ts'
import { codeOf, hostError, isAbsent, notRegular, ownError } from './real-errors.ts'
import { fileStat, makeDir, READ_FLAGS, readAtMost, readRegular, syncFolder, unlessAbsent } from './real-files.ts'
import { nameOf, pathOf } from './real-names.ts'

const READ_MAX_BYTES = 16 * 1_048_576
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

function writeAll(descriptor: number, bytes: Buffer): void {
  let done = 0
  while (done < bytes.length) done += writeSync(descriptor, bytes, done)
}

/** A new file with exactly this text and mode. Leaves nothing behind when it fails. */
function writeNew(path: string, text: string, { mode, sync }: { readonly mode: number; readonly sync: boolean }): void {
  const descriptor = openSync(path, NEW_FILE, 0o600)
  try {
    writeAll(descriptor, Buffer.from(text))
    // Not by open, where the umask would take bits away.
    fchmodSync(descriptor, mode)
    if (sync) fsyncSync(descriptor)
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(descriptor)
  }
}

/** Removes what killed processes left of earlier replacements of `path`. */
async function removeLeftovers(path: string, self: Self): Promise<void> {
  const folder = posix.dirname(path)
  const prefix = `.${posix.basename(path)}.`
  for (const name of readdirSync(folder)) {
    const parts = name.startsWith(prefix) ? /^(\d+)-(\d+)-\d+\.tmp$/.exec(name.slice(prefix.length)) : null
    if (parts === null) continue
    if ((await self.startTicksOf(Number(parts[1]))) === Number(parts[2])) continue
    unlessAbsent({ what: 'remove', path: `${folder}/${name}`, absent: isAbsent }, () => unlinkSync(`${folder}/${name}`))
  }
}

/** Distinguishes replacements of one target that this process makes at the same time. */
let replacements = 0

async function replace(
  self: Self,
  target: { readonly path: string; readonly mode: number },
  text: string,
): Promise<void> {
  const { path, mode } = target
  try {
    await removeLeftovers(path, self)
    const name = `.${posix.basename(path)}.${self.pid}-${self.startTicks}-${replacements++}.tmp`
    const temporary = posix.join(posix.dirname(path), name)
    writeNew(temporary, text, { mode, sync: true })
    try {
      renameSync(temporary, path)
    } catch (error) {
      unlinkSync(temporary)
      throw error
    }
    syncFolder(path)
  } catch (error) {
    throw hostError('write', path, error)
  }
}

/** True when the file ends inside a line: a crash or a full disk cut the last write. */
function isTorn(descriptor: number, size: number): boolean {
  if (size === 0) return false
  const last = Buffer.alloc(1)
  readSync(descriptor, last, 0, 1, size - 1)
  return last[0] !== 0x0a
}

function append(path: string, line: string, mode: number): number {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
  const descriptor = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw ownError(notRegular, `cannot append to ${path}: it is not a regular file`)
    if (stats.size === 0) fchmodSync(descriptor, mode)
    const bytes = Buffer.from(`${isTorn(descriptor, stats.size) ? '\n' : ''}${line}${line.endsWith('\n') ? '' : '\n'}`)
    // One call, so that lines of two processes do not mix. What is cut short is healed by the next append.
    if (writeSync(descriptor, bytes) < bytes.length) {
      throw new HostError(`cannot append to ${path}: no space left on the device; free some space`)
    }
    fsyncSync(descriptor)
    if (stats.size === 0) syncFolder(path)
    return stats.size + bytes.length
  } finally {
    closeSync(descriptor)
  }
}

function create(path: string, text: string, mode: number): boolean {
  try {
    // Not synced, which would cost every check some milliseconds: locks and leases need not survive a power cut.
    writeNew(path, text, { mode, sync: false })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw hostError('create', path, error)
  }
}

function overwrite(path: string, text: string): boolean {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile() || stats.nlink !== 1 || stats.uid !== process.geteuid?.()) return false
    ftruncateSync(descriptor)
    writeAll(descriptor, Buffer.from(text))
    return true
  } finally {
    closeSync(descriptor)
  }
}

function give(path: string, uid: number, text: string): void {
  const temporary = posix.join(posix.dirname(path), `.given-${process.hrtime.bigint()}`)
  writeNew(temporary, text, { mode: 0o600, sync: false })
  try {
    lchownSync(temporary, uid, uid)
    renameSync(temporary, path)
  } catch (error) {
    unlinkSync(temporary)
    throw error
  }
}

/** Absent, a link, or nothing that can be opened as a file. */
function isNotPlain(error: unknown): boolean {
  return isAbsent(error) || codeOf(error) === 'ELOOP' || codeOf(error) === 'ENXIO'
}

function readPlain(
  path: string,
  maxBytes: number,
): ReturnType<Store['readPlain']> extends Promise<infer T> ? T : never {
  const descriptor = openSync(path, READ_FLAGS | constants.O_NOFOLLOW)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile() || stats.size > maxBytes) return undefined
    const text = readAtMost(descriptor, maxBytes)
    return text === undefined ? undefined : { text, stat: fileStat(stats) }
  } finally {
    closeSync(descriptor)
  }
}

/** `clear` empties a folder first. */
function remove(path: string | Buffer, clear: (path: string | Buffer) => void): void {
  if (lstatSync(path).isDirectory()) {
    clear(path)
    rmdirSync(path)
  } else unlinkSync(path)
}

function isFolder(path: string): boolean {
  const found = unlessAbsent({ what: 'look at', path, absent: isAbsent }, () => lstatSync(pathOf(path)))
  return found?.isDirectory() === true
}

function list(path: string): readonly string[] {
  return readdirSync(path, { encoding: 'buffer' }).map(nameOf)
}

function strictly<T>(what: string, path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw hostError(what, path, error)
  }
}

/** The store of the real host; every method throws HostError with the path, the reason in words and what to do. */
export function createStore(self: Self): Store {
  return {
    read: async (path) =>
      unlessAbsent({ what: 'read', path, absent: isAbsent }, () => readRegular(path, READ_MAX_BYTES)),
    replace: (path, text, mode) => replace(self, { path, mode }, text),
    append: async (path, line, mode) => strictly('append to', path, () => append(path, line, mode)),
    create: async (path, text, mode) => create(path, text, mode),
    readPlain: async (path, maxBytes) =>
      unlessAbsent({ what: 'read', path, absent: isNotPlain }, () => readPlain(path, maxBytes)),
    async remove(path, options) {
      // Loaded here: hardly any check meets a folder among its files.
      const clear = options?.whole === true && isFolder(path) ? (await import('./real-clear.ts')).clearFolder : () => {}
      unlessAbsent({ what: 'remove', path, absent: isAbsent }, () => remove(pathOf(path), clear))
    },
    overwrite: async (path, text) =>
      unlessAbsent({ what: 'write', path, absent: isNotPlain }, () => overwrite(path, text)) === true,
    give: async (path, uid, text) => strictly('write', path, () => give(path, uid, text)),
    rename: async (from, to) =>
      strictly('rename', from, () => {
        renameSync(from, to)
        syncFolder(to)
      }),
    async link(target, path) {
      const { makeLink } = await import('./real-link.ts')
      return makeLink(target, path)
    },
    async copy(from, to, mode) {
      const { copyFile } = await import('./real-copy.ts')
      return strictly('write', to, () => copyFile(from, to, mode))
    },
    list: async (path) => unlessAbsent({ what: 'list', path, absent: isAbsent }, () => list(path)) ?? [],
    makeDir: async (path, mode) => strictly('create', path, () => makeDir(path, mode)),
  }
}
