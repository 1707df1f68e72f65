/** The traffic that is there while nobody is. Imports nothing that a steady check loads. */
import type { Learnable, Usual } from './learnable.ts'
import type { NetworkSample } from './network.ts'

const options = [
  ['in_bytes_per_second', 'received', 'in'],
  ['out_bytes_per_second', 'sent', 'out'],
] as const

/** Bytes per second over the interfaces that were there at both ends. Throws when a counter went down. */
function total(
  now: NetworkSample,
  before: NetworkSample,
  { verb, ms }: { verb: 'received' | 'sent'; ms: number },
): number {
  let bytes = 0
  for (const one of now.interfaces) {
    const old = before.interfaces.find(({ name, index }) => name === one.name && index === one.index)
    if (old !== undefined && one[verb] < old[verb]) throw new Error('bytes of an interface went down')
    bytes += old === undefined ? 0 : one[verb] - old[verb]
  }
  return (bytes * 1000) / ms
}

export const networkFloor: Learnable<NetworkSample> = {
  figures(now, before, ms) {
    return Object.fromEntries(options.map(([key, verb]) => [key, total(now, before, { verb, ms })]))
  },
  usual(_now, _before, { floor }) {
    return Object.fromEntries(
      options.flatMap(([key, , way]): readonly (readonly [string, Usual])[] => {
        const amount = floor[key] ?? 0
        return amount > 0 ? [[key, { amount, words: `${(amount / 1000).toFixed(1)} kB/s ${way} is usual here` }]] : []
      }),
    )
  },
}
