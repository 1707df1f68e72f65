// Puts a blob into a Node binary as a note of ELF; what only linkers and debuggers read (sections, symbols) is left out.

/** A program header: which part of the file is found where in memory. Numbers are bytes. */
interface Segment {
  readonly type: number
  readonly flags: number
  readonly offset: number
  readonly address: number
  readonly fileSize: number
  readonly memorySize: number
  readonly align: number
}

// System V gABI, "ELF Header" and "Program Header", 64 bits.
const segmentBytes = 56
const [load, noteType, self] = [1, 4, 6]
const readable = 4
// What the kernel maps must be congruent to its page, which on arm64 may be of 64 KiB.
const page = 0x1_0000

function readNumber(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at))
}

function readSegments(file: Buffer): readonly Segment[] {
  const known = file.length > 64 && file.readUInt32BE(0) === 0x7f454c46 && file.readUInt16LE(4) === 0x0102
  if (!known || file.readUInt16LE(54) !== segmentBytes) throw new Error('not a 64-bit little-endian ELF file')
  const table = readNumber(file, 32)
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = table + index * segmentBytes
    return {
      type: file.readUInt32LE(at),
      flags: file.readUInt32LE(at + 4),
      offset: readNumber(file, at + 8),
      address: readNumber(file, at + 16),
      fileSize: readNumber(file, at + 32),
      memorySize: readNumber(file, at + 40),
      align: readNumber(file, at + 48),
    }
  })
}

function segmentTable(segments: readonly Segment[]): Buffer {
  const table = Buffer.alloc(segments.length * segmentBytes)
  for (const [index, { type, flags, offset, address, fileSize, memorySize, align }] of segments.entries()) {
    const at = index * segmentBytes
    table.writeUInt32LE(type, at)
    table.writeUInt32LE(flags, at + 4)
    for (const [word, value] of [offset, address, address, fileSize, memorySize, align].entries()) {
      table.writeBigUInt64LE(BigInt(value), at + 8 + word * 8)
    }
  }
  return table
}

/** Owner and content, each padded to four bytes (gABI, "Note Section"). */
function noteOf(owner: string, content: Buffer): Buffer {
  const name = Buffer.from(`${owner}\0`)
  const sizes = Buffer.alloc(12)
  sizes.writeUInt32LE(name.length, 0)
  sizes.writeUInt32LE(content.length, 4)
  const padding = (bytes: Buffer) => Buffer.alloc(-bytes.length & 3)
  return Buffer.concat([sizes, name, padding(name), content, padding(content)])
}

/** Where a page begins that lies behind everything in the file and, at `base` above its offset, in memory. */
function freeOffset(loads: readonly Segment[], base: number): number {
  const ends = loads.flatMap((one) => [one.offset + one.fileSize, one.address + one.memorySize - base])
  return Math.ceil(Math.max(...ends) / page) * page
}

/** Node looks for a blob only if this is followed by `:1` (postject's convention; src/node_sea.cc). */
const fuse = Buffer.from('NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:')

function setFuse(file: Buffer): void {
  const at = file.indexOf(fuse)
  if (at === -1 || file.indexOf(fuse, at + 1) !== -1)
    throw new Error('not a Node that takes a blob: no fuse, or several')
  if (file[at + fuse.length] !== 0x30) throw new Error('this Node holds a blob already')
  file.write('1', at + fuse.length)
}

/**
 * The Node binary with the blob in it, as src/node_sea.cc finds it: a note `NODE_SEA_BLOB` that a program header names.
 * The table of program headers cannot grow where it lies, so it moves to the end of the file, with the blob behind it,
 * into a segment of its own. That one is as far from its offset as the first, since kernels before 5.18 compute the
 * address of the table from that (fs/binfmt_elf.c). Throws if `node` is not such a binary, or holds a blob already.
 */
export function withBlob(node: Buffer, blob: Buffer): Buffer {
  const segments = readSegments(node)
  const loads = segments.filter(({ type }) => type === load)
  const [first, last] = [loads[0], loads.at(-1)]
  if (first === undefined || last === undefined) throw new Error('not a program: nothing of it is loaded')
  const base = first.address - first.offset
  const offset = freeOffset(loads, base)
  const note = noteOf('NODE_SEA_BLOB', blob)
  const tableBytes = (segments.length + 2) * segmentBytes
  const placed = (type: number, start: number, size: number) => {
    return { type, flags: readable, offset: start, address: base + start, fileSize: size, memorySize: size }
  }
  const table = segmentTable([
    ...segments.flatMap((one) => {
      if (one.type === self) return [{ ...placed(self, offset, tableBytes), align: 8 }]
      return one === last ? [one, { ...placed(load, offset, tableBytes + note.length), align: page }] : [one]
    }),
    { ...placed(noteType, offset + tableBytes, note.length), align: 4 },
  ])
  const file = Buffer.alloc(offset + tableBytes + note.length)
  node.copy(file, 0, 0, Math.max(...loads.map((one) => one.offset + one.fileSize)))
  table.copy(file, offset)
  note.copy(file, offset + tableBytes)
  file.writeBigUInt64LE(BigInt(offset), 32)
  file.writeUInt16LE(segments.length + 2, 56)
  file.fill(0, 40, 48) // no sections: their offset, and below their count and the one that names them
  file.fill(0, 60, 64)
  setFuse(file)
  return file
}
