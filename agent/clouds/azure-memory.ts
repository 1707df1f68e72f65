/** What the driver keeps from one check to the next: how long Azure asked to wait, and where it tells what became of a deallocation. */
import { CloudError, HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { isObject, numberAt, optional, parseObject, textAt } from '../parse.ts'

/** Each kind of call has a bucket of its own: a tag that was refused must not keep a deallocation waiting. */
export type CallKind = 'deallocate' | 'tags' | 'read'

/** No wait is longer, in milliseconds, whatever an answer says, or this file. */
export const longestWaitMs = 3_600_000

/** A call that comes too early begins the wait anew (cloud.md 2.6). */
interface Wait {
  readonly bootId: string
  /** Boot-time milliseconds. */
  readonly untilBootMs: number
}

interface Memory {
  readonly waits: { readonly [K in CallKind]?: Wait }
  /** Path and query of the last deallocation's operation; it is signed. */
  readonly operation?: string
}

const nothing: Memory = { waits: {} }

/** The driver's file, in the agent's state folder. */
export interface Place {
  readonly host: Host
  readonly stateDir: string
}

/** Throws CloudError `throttled` while Azure's last answer to such a call asks to wait. */
export async function keepWaiting(place: Place, kind: CallKind): Promise<void> {
  const { host } = place
  const wait = (await readMemory(place)).waits[kind]
  if (wait === undefined || wait.bootId !== host.self.bootId) return
  const retryAfterMs = wait.untilBootMs - host.clocks().bootMs
  if (retryAfterMs <= 0 || retryAfterMs > longestWaitMs) return
  const message = `Azure asked to wait: not sent for another ${Math.ceil(retryAfterMs / 1000)} s`
  throw new CloudError(message, { code: 'throttled', retryable: true, retryAfterMs })
}

/** Remembers to wait for `ms` milliseconds from now. */
export async function rememberWait(place: Place, kind: CallKind, ms: number): Promise<void> {
  const { host } = place
  const wait: Wait = { bootId: host.self.bootId, untilBootMs: host.clocks().bootMs + ms }
  const memory = await readMemory(place)
  await write(place, { ...memory, waits: { ...memory.waits, [kind]: wait } })
}

/** Remembers where the end of a deallocation is told; `undefined` forgets it. */
export async function rememberOperation(place: Place, operation: string | undefined): Promise<void> {
  const { waits } = await readMemory(place)
  await write(place, { waits, ...(operation === undefined ? {} : { operation }) })
}

export async function lastOperation(place: Place): Promise<string | undefined> {
  return (await readMemory(place)).operation
}

function pathOf({ stateDir }: Place): string {
  return `${stateDir}/azure.json`
}

/** A disk that does not take it costs a call too early, or an answer that nobody hears: no more. */
async function write(place: Place, memory: Memory): Promise<void> {
  try {
    await place.host.store.replace(pathOf(place), `${JSON.stringify(memory)}\n`, 0o600)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
}

async function readMemory(place: Place): Promise<Memory> {
  try {
    const text = await place.host.store.read(pathOf(place))
    if (text === undefined) return nothing
    const file = parseObject(text)
    const waits = Object.entries(isObject(file['waits']) ? file['waits'] : {}).map(([kind, one]) => [kind, waitOf(one)])
    return { waits: Object.fromEntries(waits), ...optional(file, 'operation', textAt) }
  } catch (error) {
    if (error instanceof Error) return nothing // torn, or of another version
    throw error
  }
}

function waitOf(value: unknown): Wait {
  if (!isObject(value)) throw new Error('a wait is no object')
  return { bootId: textAt(value, 'bootId'), untilBootMs: numberAt(value, 'untilBootMs') }
}
