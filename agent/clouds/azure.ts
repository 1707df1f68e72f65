/** Azure: identity, tags and hibernation from metadata; tags and deallocation through Azure Resource Manager, loaded only when there is something to send. */
import { CloudError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { createAzureImds } from './azure-imds.ts'
import { readVm, type Vm } from './azure-metadata.ts'
import { type AzureOptions, metadata, type Parts, patience } from './azure-parts.ts'
import type { Cloud, OperatorTags } from './cloud.ts'
import { withDeadline } from './reach.ts'

const CALL_MS = 10_000

/** What metadata said is as good as an answer now for so long: five requests a second are answered. */
const FRESH_MS = 1000

/** A driver for the Azure VM whose metadata is at `metadataUrl`. Contacts nothing yet. */
export function createAzure(host: Host, options: AzureOptions): Cloud {
  const { metadataUrl, callMs = CALL_MS } = options
  const imds = metadataUrl === undefined ? undefined : createAzureImds(host, metadataUrl)
  const parts: Parts = { host, options, imds }
  const within = <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withDeadline(host, { ms: callMs, signal }, work)
  const seen = createMemory(parts)
  return {
    name: 'azure',
    defaultAction: 'hibernate',
    tellsStart: false,
    async identify(signal) {
      const { id, region } = await seen.ask(signal)
      return { id, region }
    },
    canHibernate: async (signal) => (await seen.ask(signal)).hibernation,
    async operatorTags(prefix, signal) {
      const { tags, scaleSet } = await seen.ask(signal)
      const { operatorTagsOf } = await import('./azure-tags.ts')
      const shown = operatorTagsOf(prefix, tags)
      return scaleSet === 'none' ? shown : within(signal, (inTime) => freshTags(parts, { prefix, shown }, inTime))
    },
    async ownership(asked, signal) {
      const vm = seen.recent() ?? (await seen.ask(signal))
      const { judgeOwnership, readOwnership } = await import('./azure-ownership.ts')
      const sources = { host, imds: metadata(parts), patience: patience(host, signal) }
      return judgeOwnership(await readOwnership(sources, vm, asked), asked)
    },
    async writeTags(tags, signal) {
      const { mergeTags } = await import('./azure-calls.ts')
      await seen.lock(within(signal, (inTime) => mergeTags(parts, tags, inTime)))
    },
    givenConfig: () => seen.userData(),
    help: async () => (await import('./azure-help.ts')).help,
    async permissions(_prefix, signal) {
      const { askPermissions } = await import('./azure-permissions.ts')
      return within(signal, (inTime) => askPermissions(parts, inTime))
    },
    async act(method, signal) {
      // Before anything is loaded or read for it: the machine may sleep meanwhile.
      const began = host.clocks()
      const { deallocate } = await import('./azure-calls.ts')
      return within(signal, (inTime) => deallocate(parts, { method, began, locked: seen.locked() }, inTime))
    },
    async stopFailure(signal) {
      const { stopFailure } = await import('./azure-calls.ts')
      return within(signal, (inTime) => stopFailure(parts, inTime))
    },
  }
}

/** What one check has learnt of the VM. */
interface Memory {
  ask(signal: AbortSignal): Promise<Vm>
  /** User data as it was told last, '' without any; `undefined` before. */
  userData(): string | undefined
  /** What was asked a moment ago. */
  recent(): Vm | undefined
  /** Notes whether writing was refused for a lock: that refuses everything else, too. */
  lock(writing: Promise<void>): Promise<void>
  locked(): CloudError | undefined
}

function createMemory(parts: Parts): Memory {
  const { host } = parts
  let last: { readonly vm: Vm; readonly monoMs: number } | undefined
  let locked: CloudError | undefined
  return {
    async ask(signal) {
      const vm = await readVm(metadata(parts), patience(host, signal))
      last = { vm, monoMs: host.clocks().monoMs }
      return vm
    },
    userData: () => last?.vm.userData,
    recent: () => (last !== undefined && host.clocks().monoMs - last.monoMs < FRESH_MS ? last.vm : undefined),
    async lock(writing) {
      locked = undefined
      try {
        await writing
      } catch (error) {
        if (error instanceof CloudError && error.code === 'ScopeLocked') locked = error
        throw error
      }
    },
    locked: () => locked,
  }
}

/** The metadata of a member of a scale set shows the tags that it had when it was started (cloud.md 2.1). */
async function freshTags(
  parts: Parts,
  { prefix, shown }: { readonly prefix: string; readonly shown: OperatorTags },
  signal: AbortSignal,
): Promise<OperatorTags> {
  const { readTags } = await import('./azure-calls.ts')
  const { operatorTagsOf } = await import('./azure-tags.ts')
  try {
    return operatorTagsOf(prefix, await readTags(parts, signal))
  } catch (error) {
    // Old tags that forbid acting are heeded; where they do not, nobody knows what the new ones say.
    if (error instanceof CloudError && Object.keys(shown).length > 0) return shown
    throw error
  }
}
