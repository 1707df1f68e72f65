/** Bounded, non-blocking reads of files and their facts, and folders: the part of the real host that every check uses. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { posix } from 'node:path'
import type { FileStat } from './host.ts'
import { codeOf, hostError, notRegular, ownError, tooLarge } from './real-errors.ts'

/** Never waits for a FIFO's writer, never takes a terminal as its own. libuv adds O_CLOEXEC to every open. */
export const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/** The first read of every file goes here; all reads are synchronous, so nobody else uses it meanwhile. */
const shared = Buffer.allocUnsafe(65_536)

function kindOf(stats: Stats): FileStat['kind'] {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  if (stats.isSymbolicLink()) return 'link'
  return stats.isCharacterDevice() ? 'character' : 'other'
}

/** Node's facts in our form. */
export function fileStat(stats: Stats): FileStat {
  const { dev, ino, rdev, uid, mode, nlink, size, atimeMs, mtimeMs, ctimeMs } = stats
  return { kind: kindOf(stats), dev, ino, rdev, uid, mode, nlink, size, atimeMs, mtimeMs, ctimeMs }
}

function fill(descriptor: number, buffer: Buffer, from: number): number {
  let length = from
  while (length < buffer.length) {
    const count = readSync(descriptor, buffer, length, buffer.length - length, null)
    if (count === 0) break
    length += count
  }
  return length
}

/** Reads to the end, whatever the size says (0 in /proc, 4096 in /sys); `undefined` if there is more than `maxBytes`. */
export function readAtMost(descriptor: number, maxBytes: number): string | undefined {
  let buffer = shared
  let length = fill(descriptor, buffer, 0)
  while (length === buffer.length && length <= maxBytes) {
    const larger = Buffer.allocUnsafe(Math.min(buffer.length * 4, Math.max(maxBytes + 1, buffer.length + 1)))
    buffer.copy(larger)
    length = fill(descriptor, larger, length)
    buffer = larger
  }
  return length > maxBytes ? undefined : buffer.toString('utf8', 0, length)
}

/** The text of a regular file. Throws HostError if it is none, or larger; the error of `open` and `read` otherwise. */
export function readRegular(path: string, maxBytes: number): string {
  const descriptor = openSync(path, READ_FLAGS)
  try {
    if (!fstatSync(descriptor).isFile()) throw ownError(notRegular, `cannot read ${path}: it is not a regular file`)
    const text = readAtMost(descriptor, maxBytes)
    if (text === undefined) throw ownError(tooLarge, `cannot read ${path}: it is larger than ${maxBytes} bytes`)
    return text
  } finally {
    closeSync(descriptor)
  }
}

/** What `read` returns, or `undefined` where `absent` holds for its error; any other error as a HostError. */
export function unlessAbsent<T>(
  task: { readonly what: string; readonly path: string; readonly absent: (error: unknown) => boolean },
  read: () => T,
): T | undefined {
  try {
    return read()
  } catch (error) {
    if (task.absent(error)) return undefined
    throw hostError(task.what, task.path, error)
  }
}

/** Puts the names in the folder of `path` on the disk. */
export function syncFolder(path: string): void {
  const descriptor = openSync(posix.dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(descriptor)
  } catch (error) {
    // Some file systems cannot sync a folder; they say so with EINVAL and keep no order anyway.
    if (codeOf(error) !== 'EINVAL') throw error
  } finally {
    closeSync(descriptor)
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** Makes a folder, and those above it, so that they are on the disk when it returns; one that is there is left alone. */
export function makeDir(path: string, mode: number): void {
  // As nearly always; the rest would be four more system calls.
  if (isFolder(path)) return
  // No umask rather than a chmod afterwards: a crash in between would leave a folder with the wrong mode for good.
  const umask = process.umask(0)
  try {
    const first = makeParents(posix.dirname(path)) ?? path
    mkdirSync(path, mode)
    // What is synced in a folder is lost with it, as long as the folder's own name is not on the disk.
    for (let made = path; made.length >= first.length; made = posix.dirname(made)) syncFolder(made)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !isFolder(path)) throw error
  } finally {
    process.umask(umask)
  }
}

/** Makes a folder and those above it; gives back the first that was not there. One after the other: below some folders, as /proc, Node's own way never ends. */
export function makeParents(path: string): string | undefined {
  if (isFolder(path)) return undefined
  const first = makeParents(posix.dirname(path))
  mkdirSync(path, 0o755)
  return first ?? path
}
