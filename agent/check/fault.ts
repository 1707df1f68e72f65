/** What the status says of what keeps the agent from its work. */
import { isObject, type JsonObject, parseObject } from '../parse.ts'
import type { Parts } from './parts.ts'

/** What can be in the way: the agent's files, a check that hangs, a configuration that cannot be used. */
const kinds = ['files', 'check', 'config'] as const

/** What the status says of it. */
export interface Fault {
  readonly kind: (typeof kinds)[number]
  readonly reason: string
  readonly since: string
  /** The tag says so, too. */
  readonly tagged: boolean
}

/** Did the check before tell a fault? Then the cloud may show another tag than the state knows. */
export async function toldFault(parts: Parts): Promise<boolean> {
  return faultOf(await readStatus(parts)) !== undefined
}

/** The status that the check before left; nothing where it cannot be used. */
export async function readStatus({ host, paths }: Parts): Promise<JsonObject> {
  try {
    return parseObject((await host.store.read(paths.status)) ?? '{}')
  } catch (error) {
    if (error instanceof Error) return {} // damaged or unreadable: it is written anew
    throw error
  }
}

/** The fault in a status. */
export function faultOf(status: JsonObject): Fault | undefined {
  const fault = status['fault']
  if (!isObject(fault)) return undefined
  const { reason, since, tagged } = fault
  const kind = kinds.find((one) => one === fault['kind'])
  if (kind === undefined || typeof reason !== 'string' || typeof since !== 'string') return undefined
  return { kind, reason, since, tagged: tagged === true }
}
