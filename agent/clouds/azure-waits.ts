/** How long Azure asked to wait, kept from one check to the next: a call that comes too early begins the wait anew (cloud.md 2.6). */
import { CloudError, HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { isObject, numberAt, objectAt, parseObject, textAt } from '../parse.ts'

/** Each kind of call has a bucket of its own: a tag that was refused must not keep a deallocation waiting. */
export type CallKind = 'deallocate' | 'tags' | 'read'

interface Wait {
  readonly bootId: string
  /** Boot-time milliseconds. */
  readonly untilBootMs: number
}

type Waits = { readonly [K in CallKind]?: Wait }

const FILE = 'azure.json'

/** Throws CloudError `throttled` while Azure's last answer to such a call asks to wait. */
export async function keepWaiting(host: Host, stateDir: string, kind: CallKind): Promise<void> {
  const wait = (await readWaits(host, stateDir))[kind]
  if (wait === undefined || wait.bootId !== host.self.bootId) return
  const seconds = Math.ceil((wait.untilBootMs - host.clocks().bootMs) / 1000)
  if (seconds <= 0) return
  throw new CloudError(`Azure asked to wait: not sent for another ${seconds} s`, { code: 'throttled', retryable: true })
}

/** Remembers to wait. A disk that does not take it costs a call too early, no more. */
export async function rememberWait(
  host: Host,
  stateDir: string,
  { kind, ms }: { kind: CallKind; ms: number },
): Promise<void> {
  const wait: Wait = { bootId: host.self.bootId, untilBootMs: host.clocks().bootMs + ms }
  try {
    const waits: Waits = { ...(await readWaits(host, stateDir)), [kind]: wait }
    await host.store.replace(`${stateDir}/${FILE}`, `${JSON.stringify({ waits })}\n`, 0o600)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
}

async function readWaits(host: Host, stateDir: string): Promise<Waits> {
  try {
    const waits = objectAt(parseObject((await host.store.read(`${stateDir}/${FILE}`)) ?? '{"waits":{}}'), 'waits')
    return Object.fromEntries(Object.entries(waits).map(([kind, wait]) => [kind, waitOf(wait)]))
  } catch (error) {
    if (error instanceof Error) return {} // torn, or of another version: at worst a call too early
    throw error
  }
}

function waitOf(value: unknown): Wait {
  if (!isObject(value)) throw new Error('a wait is no object')
  return { bootId: textAt(value, 'bootId'), untilBootMs: numberAt(value, 'untilBootMs') }
}
