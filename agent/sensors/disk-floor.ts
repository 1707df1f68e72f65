/** What goes to and from the disks while nobody is there. Imports nothing that a steady check loads. */
import type { DiskSample } from './disk.ts'
import type { Learnable } from './learnable.ts'

/** Bytes of the disks that were there at both ends; this agent's own included, of which there are few. Throws when a counter went down. */
function bytesOf(now: DiskSample, before: DiskSample): number {
  let bytes = 0
  for (const one of now.disks ?? []) {
    const old = before.disks?.find(({ name, id }) => name === one.name && id === one.id)
    if (old === undefined) continue
    if (one.read < old.read || one.written < old.written) throw new Error('bytes of a disk went down')
    bytes += one.read - old.read + (one.written - old.written)
  }
  return bytes
}

export const diskFloor: Learnable<DiskSample> = {
  figures(now, before, ms) {
    if (now.of !== before.of || now.ino !== before.ino || (now.disks ?? []).length === 0) return {}
    return { bytes_per_second: (bytesOf(now, before) * 1000) / ms }
  },
  usual(_now, _before, { floor }) {
    const amount = floor['bytes_per_second'] ?? 0
    if (!(amount > 0)) return {}
    return { bytes_per_second: { amount, words: `${(amount / 1000).toFixed(1)} kB/s is usual here` } }
  },
}
