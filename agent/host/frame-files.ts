/** Captures as files: read line by line whatever their size, and written so that what is there is always whole frames. */
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip, gzipSync, constants as zlib } from 'node:zlib'
import { HostError, messageOf, UsageError } from '../errors.ts'
import { codeOf, hostError, isAbsent } from './real-errors.ts'

/** More than a frame of ten thousand processes takes. */
const LONGEST_LINE = 64 * 1_048_576

/** A line and its number, from 1. */
export interface Line {
  readonly number: number
  readonly text: string
}

function isGzip(chunk: Buffer): boolean {
  return chunk[0] === 0x1f && chunk[1] === 0x8b
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const source = path === '-' ? process.stdin : createReadStream(path)
  try {
    for await (const chunk of source) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
  } catch (error) {
    throw new UsageError(isAbsent(error) ? `${path}: no such file` : messageOf(hostError('read', path, error)), {
      cause: error,
    })
  }
}

/** The first chunk has two bytes at least, which tell whether it is compressed. */
async function* plainBytes(path: string): AsyncGenerator<Buffer> {
  const source = bytesOf(path)
  let first = Buffer.alloc(0)
  while (first.length < 2) {
    const { done, value } = await source.next()
    if (done === true) break
    first = Buffer.concat([first, value])
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield first
    yield* source
  }
  if (!isGzip(first)) return yield* all()
  // A capture that was cut off ends in the middle of the compressed data: what is before that is there all the same.
  const gunzip = createGunzip({ finishFlush: zlib.Z_SYNC_FLUSH, chunkSize: 262_144 })
  const input = Readable.from(all())
  input.on('error', (error) => gunzip.destroy(error))
  try {
    for await (const chunk of input.pipe(gunzip)) yield Buffer.from(chunk)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path}: the compressed data is damaged: ${messageOf(error)}`, { cause: error })
  } finally {
    input.destroy()
  }
}

/** The lines of a file, or of stdin for `-`, without blank ones; compressed or not. Throws UsageError where it cannot be read. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  const decoder = new TextDecoder()
  let rest = ''
  let number = 1
  for await (const chunk of plainBytes(path)) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n')
    pieces[0] = rest + (pieces[0] ?? '')
    rest = pieces.pop() ?? ''
    for (const text of pieces) {
      if (text.trim() !== '') yield { number, text }
      number += 1
    }
    if (rest.length > LONGEST_LINE)
      throw new UsageError(`${path}: line ${number} is longer than ${LONGEST_LINE} characters`)
  }
  rest += decoder.decode()
  if (rest.trim() !== '') yield { number, text: rest }
}

/** A capture that is being written. */
export interface FrameFile {
  readonly path: string
  /** Bytes on the disk. */
  readonly size: number
  /** Appends the line and flushes it. Throws HostError, and leaves whole lines only. */
  write(line: string): void
  close(): void
}

/** Makes the file, for its owner alone; a name that ends in `.gz` is compressed. Throws UsageError where something is there and `force` is not given, or where it cannot be made. */
export function createFrameFile(name: string, { force }: { readonly force: boolean }): FrameFile {
  const path = posix.resolve(name)
  const descriptor = openNew(path, force)
  const compressed = path.endsWith('.gz')
  let size = 0
  return {
    path,
    get size() {
      return size
    },
    write(line) {
      const text = Buffer.from(`${line}\n`)
      // Each frame is compressed by itself (RFC 1952 allows many members), so that a file ends well wherever it ends.
      const bytes = compressed ? gzipSync(text) : text
      try {
        writeAll(descriptor, bytes)
        fsyncSync(descriptor)
      } catch (error) {
        cutBack(descriptor, size)
        throw new HostError(`${messageOf(hostError('write', path, error))}; the frames before are kept`, {
          cause: error,
        })
      }
      size += bytes.length
    },
    close: () => closeSync(descriptor),
  }
}

function openNew(path: string, force: boolean): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  try {
    if (force) removeOld(path)
    return openSync(path, flags, 0o600)
  } catch (error) {
    const why =
      codeOf(error) === 'EEXIST'
        ? `${path} is there already${force ? ', and no file; give another name with --out' : '; give another name with --out, or --force to replace it'}`
        : messageOf(hostError('create', path, error))
    throw new UsageError(why, { cause: error })
  }
}

/** A file, or a link to one; not a device, which root would take away from everybody. */
function removeOld(path: string): void {
  try {
    const stat = lstatSync(path)
    if (stat.isFile() || stat.isSymbolicLink()) unlinkSync(path)
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done)
}

/** Takes away what was written of a frame that did not get on the disk whole. */
function cutBack(descriptor: number, size: number): void {
  if (fstatSync(descriptor).size > size) ftruncateSync(descriptor, size)
}
