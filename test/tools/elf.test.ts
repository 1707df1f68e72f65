// What tools/elf.ts makes of a small ELF file, read back with readelf's rules; and what it refuses.
import { describe, expect, test } from 'vitest'
import { withBlob } from '../../tools/elf.ts'

interface Row {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly fileSize: number
  readonly memorySize: number
}

const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:0'
const [load, note, self, stack] = [1, 4, 6, 0x6474e551]
const sectionOffset = 4000

/** Two loaded segments; the second takes more memory than file, and symbols follow it. */
const usual: readonly Row[] = [
  { type: self, offset: 64, address: 0x40_0040, fileSize: 280, memorySize: 280 },
  { type: load, offset: 0, address: 0x40_0000, fileSize: 1000, memorySize: 1000 },
  { type: load, offset: 1000, address: 0x41_03e8, fileSize: 500, memorySize: 0x2_0000 },
  { type: note, offset: 600, address: 0x40_0258, fileSize: 8, memorySize: 8 },
  { type: stack, offset: 0, address: 0, fileSize: 0, memorySize: 0 },
]

function elf(rows: readonly Row[] = usual, content = fuse): Buffer {
  const file = Buffer.alloc(5000, 0xee)
  file.fill(0, 0, 64)
  file.writeUInt32BE(0x7f454c46, 0)
  file.writeUInt16LE(0x0102, 4)
  file.writeBigUInt64LE(64n, 32)
  file.writeBigUInt64LE(BigInt(sectionOffset), 40)
  for (const [index, value] of [56, rows.length, 64, 9, 8].entries()) file.writeUInt16LE(value, 54 + 2 * index)
  for (const [index, { type, offset, address, fileSize, memorySize }] of rows.entries()) {
    const at = 64 + index * 56
    file.writeUInt32LE(type, at)
    file.writeUInt32LE(5, at + 4)
    for (const [word, value] of [offset, address, address, fileSize, memorySize, 0x1000].entries()) {
      file.writeBigUInt64LE(BigInt(value), at + 8 + 8 * word)
    }
  }
  file.write(content, 400)
  return file
}

function rowsOf(file: Buffer): readonly Row[] {
  const table = Number(file.readBigUInt64LE(32))
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = table + index * 56
    const word = (number: number) => Number(file.readBigUInt64LE(at + 8 + 8 * number))
    return { type: file.readUInt32LE(at), offset: word(0), address: word(1), fileSize: word(3), memorySize: word(4) }
  })
}

const blob = Buffer.from('thirteen byte')

describe('a blob in an ELF file', () => {
  const file = withBlob(elf(), blob)
  const rows = rowsOf(file)
  const added = rows.filter(({ offset }) => offset >= 1500)

  test('every segment stays what it was, but for the table itself', () => {
    const kept = rows.filter((row) => !added.includes(row))
    expect(kept).toEqual(usual.filter(({ type }) => type !== self))
  })

  test('the table, the segment and the note lie behind everything, as far from their offsets as the first segment', () => {
    expect(added.map(({ type }) => type)).toEqual([self, load, note])
    for (const { offset, address, fileSize, memorySize } of added) {
      expect(address - offset).toBe(0x40_0000)
      expect(address).toBeGreaterThanOrEqual(0x41_03e8 + 0x2_0000)
      expect(memorySize).toBe(fileSize)
      expect(offset + fileSize).toBeLessThanOrEqual(file.length)
    }
  })

  test('segments are in the order of their addresses, and congruent to pages of 64 KiB', () => {
    const loads = rows.filter(({ type }) => type === load)
    expect(loads.map(({ address }) => address)).toEqual(loads.map(({ address }) => address).toSorted((a, b) => a - b))
    expect(loads.at(-1)?.offset).toBe((loads.at(-1)?.address ?? 1) & 0xf_ffff)
    expect((loads.at(-1)?.offset ?? 1) % 0x1_0000).toBe(0)
  })

  test('the note holds the blob under the name that Node looks for', () => {
    const { offset = 0, fileSize = 0 } = rows.findLast(({ type }) => type === note) ?? {}
    const bytes = file.subarray(offset, offset + fileSize)
    expect([bytes.readUInt32LE(0), bytes.readUInt32LE(4)]).toEqual([14, blob.length])
    expect(bytes.subarray(12, 26).toString()).toBe('NODE_SEA_BLOB\0')
    expect(bytes.subarray(28, 28 + blob.length)).toEqual(blob)
    expect(fileSize % 4).toBe(0)
  })

  test('the fuse is set, nothing is left of sections and symbols, and the rest is as it was', () => {
    expect(file.subarray(400, 448).toString()).toBe(`${fuse.slice(0, -1)}1`)
    expect([file.readBigUInt64LE(40), file.readUInt16LE(60), file.readUInt16LE(62)]).toEqual([0n, 0, 0])
    expect(file.subarray(1500, added[0]?.offset).every((byte) => byte === 0)).toBe(true)
    expect(file.subarray(448, 1500)).toEqual(elf().subarray(448, 1500))
  })
})

test.each([
  ['something else', Buffer.alloc(5000), 'not a 64-bit little-endian ELF file'],
  ['nothing', Buffer.alloc(0), 'not a 64-bit little-endian ELF file'],
  ['32 bits', elf().fill(1, 4, 5), 'not a 64-bit little-endian ELF file'],
  ['the other byte order', elf().fill(2, 5, 6), 'not a 64-bit little-endian ELF file'],
  ['headers of another size', elf().fill(32, 54, 55), 'not a 64-bit little-endian ELF file'],
  ['an object file', elf(usual.filter(({ type }) => type !== load)), 'nothing of it is loaded'],
  ['no Node', elf(usual, 'hello'), 'no fuse'],
  ['two fuses', elf(usual, `${fuse} ${fuse}`), 'or several'],
  ['a blob in it', elf(usual, fuse.replace(/0$/, '1')), 'holds a blob already'],
])('refuses %s', (_, file, words) => {
  expect(() => withBlob(file, blob)).toThrow(words)
})
