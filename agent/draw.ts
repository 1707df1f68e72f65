/** Chance that can be told again: what spreads many machines over a time, and is the same whenever one of them asks. */

/** A number from 0 up to 1, always the same for one text and as if drawn for another one. Nothing secret comes of it. */
export function drawn(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  // FNV-1a leaves texts that differ in their last letters close together; the last steps of MurmurHash3 part them.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
