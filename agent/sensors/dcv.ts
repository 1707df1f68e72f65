/** How many clients Amazon DCV has: over QUIC they have no connection that the kernel knows of. */
import type { Host } from '../host/host.ts'
import { isObject, listAt, numberAt, parseObject } from '../parse.ts'

/** Clients of all sessions in the output of `dcv list-sessions --json`: a list of objects with num-of-connections. Throws if it is something else. */
export function parseSessions(text: string): number {
  if (text.trim() === '') return 0
  const counts = listAt(parseObject(`{"sessions":${text}}`), 'sessions', (one) => {
    if (!isObject(one)) throw new Error('a session of dcv is no object')
    return numberAt(one, 'num-of-connections')
  })
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Clients of DCV; none where the command is not installed. Throws if it fails, hangs, or says what is not understood. */
export async function readDcvClients(host: Host, signal: AbortSignal): Promise<number> {
  const limits = { timeoutMs: 2000, maxBytes: 262_144, signal }
  const result = await host.run(['dcv', 'list-sessions', '--json'], limits)
  if (result === undefined) return 0
  if (result.status !== 0) throw new Error(`dcv list-sessions ended with ${result.status}`)
  return parseSessions(result.stdout)
}
