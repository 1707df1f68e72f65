/** The journal of intents: written and fsynced before the call, apart from the state, so that a lost state does not lose it. */
import { appendLine, isInTheWay } from './host/aside.ts'
import type { Host } from './host/host.ts'
import { booleanAt, clocksAt, isObject, type JsonObject, oneOf, textAt } from './parse.ts'
import { parseIdentity } from './state.ts'
import type { Intent } from './types.ts'

/** Above this size the journal is rewritten with its open intent only; the audit log keeps the history. */
const REWRITE_AT = 32_768

const phases: readonly Intent['phase'][] = ['intended', 'accepted', 'withdrawn']

/** The last intent that has no end yet, or `undefined`. Lines that cannot be read (torn by a crash) are passed over. */
export async function openIntent(
  host: Host,
  path: string,
  mode: 'keep' | 'read-only' = 'keep',
): Promise<Intent | undefined> {
  const text = await readJournal(host, path)
  if (text === '') return undefined
  const open = fold(text)
  if (mode === 'keep' && text.length > REWRITE_AT)
    await host.store.replace(path, open === undefined ? '' : line(open), 0o600)
  return open
}

/** Something else in its place holds no intent; the next line puts it aside. */
async function readJournal(host: Host, path: string): Promise<string> {
  try {
    return (await host.store.read(path)) ?? ''
  } catch (error) {
    if (isInTheWay(error)) return ''
    throw error
  }
}

/** Records an intent before anything is sent. Throws HostError; then nothing may be sent. */
export async function recordIntent(host: Host, path: string, intent: Intent): Promise<void> {
  await appendLine(host, { path, mode: 0o600 }, line(intent))
}

/** Records that the cloud accepted the call. */
export async function recordAccepted(host: Host, path: string, id: string): Promise<void> {
  await appendLine(host, { path, mode: 0o600 }, `${JSON.stringify({ id, phase: 'accepted' })}\n`)
}

/** Records that the call is not to be sent again, whatever became of it. */
export async function recordWithdrawn(host: Host, path: string, id: string): Promise<void> {
  await appendLine(host, { path, mode: 0o600 }, `${JSON.stringify({ id, phase: 'withdrawn' })}\n`)
}

/** Records how an intent ended: `hibernated`, `stopped`, `failed`, `refused`, `abandoned`. */
export async function closeIntent(
  host: Host,
  path: string,
  end: { readonly id: string; readonly result: string },
): Promise<void> {
  await appendLine(host, { path, mode: 0o600 }, `${JSON.stringify({ ...end, phase: 'closed' })}\n`)
}

function line(intent: Intent): string {
  return `${JSON.stringify(intent)}\n`
}

function fold(text: string): Intent | undefined {
  let open: Intent | undefined
  for (const entry of text.split('\n')) {
    const object = parseLine(entry)
    if (object === undefined) continue
    if (object['at'] !== undefined) open = parseIntent(object) ?? open
    else if (object['id'] === open?.id && open !== undefined) {
      const phase = phases.find((one) => one === object['phase'])
      open = phase === undefined ? undefined : { ...open, phase }
    }
  }
  return open
}

function parseLine(text: string): JsonObject | undefined {
  if (text === '') return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function parseIntent(object: JsonObject): Intent | undefined {
  try {
    return {
      id: textAt(object, 'id'),
      runId: textAt(object, 'runId'),
      ...parseIdentity(object),
      method: oneOf(object, 'method', ['hibernate', 'stop']),
      at: clocksAt(object, 'at'),
      phase: oneOf(object, 'phase', phases),
      personSeen: booleanAt(object, 'personSeen'),
    }
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}
