/** Empties a folder that somebody else has filled, for root: whatever its names, however deep, and with its owner at work in it. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'

/** Entries that one call takes out of a folder and all below it; the next call goes on. As many as may lie among the leases. */
const MOST_ENTRIES = 10_000

/** Made root's own first, and its entries are reached through it: whoever it was of can put nothing in their place, nor more beside them. */
function takeOver(path: Buffer | string): number {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    fchownSync(descriptor, 0, 0)
    fchmodSync(descriptor, 0o700)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

function entriesOf(descriptor: number): readonly Buffer[] {
  const folder = Buffer.from(`/proc/self/fd/${descriptor}/`)
  return readdirSync(folder, { encoding: 'buffer' }).map((name) => Buffer.concat([folder, name]))
}

/** A name that nobody can have guessed. */
function freshEntry(descriptor: number): string {
  return `/proc/self/fd/${descriptor}/lifted-${process.hrtime.bigint()}`
}

/** Takes the files out of a folder and lifts the folders in it to the top, so that no depth is too deep. */
function clearOne(path: Buffer, top: number, left: { entries: number }): void {
  const descriptor = takeOver(path)
  try {
    for (const entry of entriesOf(descriptor)) {
      if (left.entries === 0) return
      left.entries -= 1
      if (lstatSync(entry).isDirectory()) renameSync(entry, freshEntry(top))
      else unlinkSync(entry)
    }
  } finally {
    closeSync(descriptor)
  }
}

/** Removes one entry of the top folder; a folder only if one call may so much. */
function removeEntry(entry: Buffer, top: number, left: { entries: number }): void {
  left.entries -= 1
  if (!lstatSync(entry).isDirectory()) return void unlinkSync(entry)
  clearOne(entry, top, left)
  if (left.entries > 0) rmdirSync(entry)
}

/** Until nothing is left, since more is lifted to it while it is emptied. */
function clearTop(top: number, left: { entries: number }): void {
  for (let entries = entriesOf(top); entries.length > 0 && left.entries > 0; entries = entriesOf(top)) {
    for (const entry of entries) if (left.entries > 0) removeEntry(entry, top, left)
  }
}

/** Removes what is in the folder, at most so much as one call may; follows no link. Throws the error of a system call. */
export function clearFolder(path: Buffer | string): void {
  const left = { entries: MOST_ENTRIES }
  const top = takeOver(path)
  try {
    clearTop(top, left)
  } finally {
    closeSync(top)
  }
}
