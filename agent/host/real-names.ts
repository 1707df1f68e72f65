/** Names of files are bytes: those that are no UTF-8 as text that leads back to the very same bytes. */

const STRAY = 0xdc00

/** The name as text; every byte of one that is no UTF-8 stands as itself or as a lone surrogate (as Python's surrogateescape has it). */
export function nameOf(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (!text.includes('\ufffd') || Buffer.from(text).equals(bytes)) return text
  return Array.from(bytes, (byte) => String.fromCharCode(byte < 0x80 ? byte : STRAY + byte)).join('')
}

/** The path for a system call. */
export function pathOf(path: string): string | Buffer {
  if (path.isWellFormed()) return path
  const parts = Array.from(path, (letter) => {
    const code = letter.codePointAt(0) ?? 0
    return code >= STRAY + 0x80 && code <= STRAY + 0xff ? Buffer.from([code - STRAY]) : Buffer.from(letter)
  })
  return Buffer.concat(parts)
}
