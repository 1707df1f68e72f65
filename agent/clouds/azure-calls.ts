/** One call to Azure with all that leads up to it: may it be sent, who is this VM, its token, and what came of it. */
import { CloudError } from '../errors.ts'
import type { Outcome } from '../types/outcome.ts'
import type { Clocks, Method } from '../types.ts'
import { errorOf, outcomeOf, outcomeOfUnsent } from './azure-errors.ts'
import { type CallKind, keepWaiting, lastOperation, rememberOperation, rememberWait } from './azure-memory.ts'
import { managerOf, placeOf, readVm } from './azure-metadata.ts'
import { metadata, type Parts, patience } from './azure-parts.ts'
import { type Api, type Deallocating, openApi, type Sent } from './azure-send.ts'
import { readToken } from './azure-token.ts'
import { isLoopback, parted, runChanged } from './reach.ts'

/** One call to be made. */
export interface Call<T> {
  readonly kind: CallKind
  readonly send: (api: Api, signal: AbortSignal) => Promise<Sent<T>>
  /** When it was decided on; now unless told. */
  readonly began?: Clocks
}

/** Makes one call, once. Throws CloudError only where nothing was sent. */
export async function call<T>(parts: Parts, wanted: Call<T>, signal: AbortSignal): Promise<Sent<T>> {
  const { host, options } = parts
  const { kind, send, began = host.clocks() } = wanted
  refuseVendor(parts)
  const memory = { host, stateDir: options.stateDir }
  await keepWaiting(memory, kind)
  const imds = metadata(parts)
  const vm = await readVm(imds, patience(host, signal))
  const place = placeOf(vm)
  const manager = managerOf(vm)
  const token = await readToken({ imds, manager, nowMs: host.clocks().wallMs }, patience(host, signal))
  const now = (): number => host.clocks().wallMs
  const api = await openApi({ endpoint: options.apiUrl ?? manager, place, token, now })
  if (signal.aborted) throw new CloudError('stopped before anything was sent', { code: 'aborted', retryable: true })
  if (parted(began, host.clocks())) throw runChanged()
  const sent = await send(api, signal)
  if ('failure' in sent && sent.failure.kind === 'answered' && sent.failure.retryAfterMs !== undefined)
    await rememberWait(memory, kind, sent.failure.retryAfterMs)
  return sent
}

/** A demo's metadata on this machine, or another machine's files, must never lead to the vendor's real API. */
function refuseVendor({ host, options: { metadataUrl, apiUrl } }: Parts): void {
  if (apiUrl !== undefined) return
  const why = host.root !== '/' ? 'below --root' : 'with metadata on this machine itself'
  if (host.root === '/' && (metadataUrl === undefined || !isLoopback(metadataUrl))) return
  throw new CloudError(`nothing is sent to Azure ${why}; set AZURE_RESOURCE_MANAGER_ENDPOINT to say where the API is`, {
    code: 'no-endpoint',
    retryable: false,
  })
}

/** Writes the tags, and leaves all others alone. Throws CloudError. */
export async function mergeTags(
  parts: Parts,
  tags: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  answerOf(await call(parts, { kind: 'tags', send: (api, inTime) => api.mergeTags(tags, inTime) }, signal), 'tags')
}

/** All tags as they are now. Throws CloudError. */
export async function readTags(parts: Parts, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  return answerOf(await call(parts, { kind: 'read', send: (api, inTime) => api.readTags(inTime) }, signal), 'tags')
}

function answerOf<T>(sent: Sent<T>, action: string): T {
  if ('answer' in sent) return sent.answer
  throw errorOf(sent.failure, action)
}

/** What is to be deallocated: how, since when that is decided, and what a lock already refused. */
interface Deallocation {
  readonly method: Method
  readonly began: Clocks
  readonly locked: CloudError | undefined
}

/**
 * Deallocates this VM, its memory kept or not: the only way to stop it, since one that is shut down from inside is paid for.
 * A sleep since `began` keeps it from being sent.
 */
export async function deallocate(
  parts: Parts,
  { method, began, locked }: Deallocation,
  signal: AbortSignal,
): Promise<Outcome> {
  if (locked !== undefined) return outcomeOfUnsent(locked)
  try {
    const send: Call<Deallocating>['send'] = (api, inTime) => api.deallocate(method === 'hibernate', inTime)
    const sent = await call(parts, { kind: 'deallocate', send, began }, signal)
    if ('failure' in sent) return outcomeOf(sent.failure, { method, uptimeMs: parts.host.clocks().bootMs })
    const { operation, path } = sent.answer
    if (operation === undefined)
      return { result: 'unknown', message: 'an answer that is not of Azure Resource Manager' }
    await rememberOperation({ host: parts.host, stateDir: parts.options.stateDir }, path)
    return { result: 'accepted', detail: `deallocating, operation ${operation}` }
  } catch (error) {
    if (error instanceof CloudError) return outcomeOfUnsent(error) // thrown only before anything is sent
    throw error
  }
}

/**
 * Why the last deallocation failed, by Azure's own account: a machine that was shut down all the same stayed allocated, and
 * was paid for. `undefined` where it did not, or Azure does not tell. Asked once. Throws CloudError.
 */
export async function stopFailure(parts: Parts, signal: AbortSignal): Promise<string | undefined> {
  const memory = { host: parts.host, stateDir: parts.options.stateDir }
  const path = await lastOperation(memory)
  if (path === undefined) return undefined
  const ended = answerOf(
    await call(parts, { kind: 'read', send: (api, inTime) => api.operation(path, inTime) }, signal),
    'operation',
  )
  await rememberOperation(memory, undefined)
  return ended.status === 'failed'
    ? `${ended.code}: the VM was not deallocated, so it stayed allocated and was paid for`
    : undefined
}
