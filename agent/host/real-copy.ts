/** Puts a large file, the executable, in its place: whole or not at all. */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { posix } from 'node:path'
import { isAbsent } from './real-errors.ts'
import { unlessAbsent } from './real-files.ts'

const BLOCK = 1_048_576

/** Copies `from` over `to` through a temporary file beside it; false if `to` is the same already. Throws what node:fs throws. */
export function copyFile(from: string, to: string, mode: number): boolean {
  if (same(from, to)) {
    chmodSync(to, mode)
    return false
  }
  const temporary = posix.join(posix.dirname(to), `.${posix.basename(to)}.new`)
  unlessAbsent({ what: 'remove', path: temporary, absent: isAbsent }, () => unlinkSync(temporary))
  try {
    copyFileSync(from, temporary, constants.COPYFILE_EXCL)
    chmodSync(temporary, mode)
    sync(temporary, constants.O_RDONLY)
    renameSync(temporary, to)
  } catch (error) {
    unlessAbsent({ what: 'remove', path: temporary, absent: isAbsent }, () => unlinkSync(temporary))
    throw error
  }
  sync(posix.dirname(to), constants.O_RDONLY | constants.O_DIRECTORY)
  return true
}

function sync(path: string, flags: number): void {
  const descriptor = openSync(path, flags)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function same(one: string, other: string): boolean {
  const there = unlessAbsent({ what: 'read', path: other, absent: isAbsent }, () => statSync(other))
  if (there === undefined || !there.isFile() || there.size !== statSync(one).size) return false
  const descriptors = [openSync(one, constants.O_RDONLY), openSync(other, constants.O_RDONLY)]
  try {
    return sameBytes(descriptors)
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor)
  }
}

function sameBytes([one = -1, other = -1]: readonly number[]): boolean {
  const blocks = [Buffer.alloc(BLOCK), Buffer.alloc(BLOCK)] as const
  for (;;) {
    const length = readSync(one, blocks[0], 0, BLOCK, null)
    if (length !== readSync(other, blocks[1], 0, BLOCK, null)) return false
    if (blocks[0].compare(blocks[1], 0, length, 0, length) !== 0) return false
    if (length === 0) return true
  }
}
