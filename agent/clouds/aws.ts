/** EC2: identity, hibernation and tags from metadata; tags and stop through the API, loaded only when there is something to send. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { readHibernation, readIdentity, readOperatorTags } from './aws-metadata.ts'
import { type AwsOptions, metadata, type Parts, patience } from './aws-parts.ts'
import type { Cloud } from './cloud.ts'
import { createImds } from './imds.ts'
import { withDeadline } from './reach.ts'

const CALL_MS = 10_000

/** A driver for the EC2 instance whose metadata is at `metadataUrl`. Contacts nothing yet. */
export function createAws(host: Host, options: AwsOptions): Cloud {
  const { metadataUrl, callMs = CALL_MS } = options
  const parts: Parts = { host, options, imds: metadataUrl === undefined ? undefined : createImds(host, metadataUrl) }
  const within = <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withDeadline(host, { ms: callMs, signal }, work)
  return {
    name: 'aws',
    defaultAction: 'hibernate',
    tellsStart: true,
    identify: async (signal) => readIdentity(metadata(parts), patience(host, signal)),
    canHibernate: async (signal) => readHibernation(metadata(parts), patience(host, signal)),
    async operatorTags(prefix, signal) {
      const shown = (await isXen(host))
        ? undefined
        : await readOperatorTags(metadata(parts), prefix, patience(host, signal))
      if (shown !== undefined) return shown
      const { describedTags } = await import('./aws-calls.ts')
      return within(signal, (inTime) => describedTags(parts, prefix, inTime))
    },
    async ownership(asked, signal) {
      const { judgeOwnership, readOwnership } = await import('./aws-ownership.ts')
      const sources = { host, imds: metadata(parts), patience: patience(host, signal) }
      return judgeOwnership(await readOwnership(sources, asked), asked)
    },
    async writeTags(tags, signal) {
      const { createTags } = await import('./aws-calls.ts')
      await within(signal, (inTime) => createTags(parts, tags, inTime))
    },
    help: async () => (await import('./aws-help.ts')).help,
    async permissions(prefix, signal) {
      const { askPermissions } = await import('./aws-permissions.ts')
      const { call } = await import('./aws-calls.ts')
      return askPermissions((wanted) => call(parts, wanted), prefix, signal)
    },
    async act(method, signal) {
      // Before anything is loaded for it: the machine may sleep meanwhile.
      const began = host.clocks()
      const { stop } = await import('./aws-calls.ts')
      return within(signal, (inTime) => stop(parts, { method, began }, inTime))
    },
  }
}

/** Xen refreshes the tags in metadata at the next start only (cloud.md 1.2). */
async function isXen(host: Host): Promise<boolean> {
  try {
    const type = (await host.readText('/sys/hypervisor/type', 4096))?.trim()
    return type !== undefined && (type === 'xen' || !/^[a-z]+$/.test(type))
  } catch (error) {
    if (error instanceof HostError) return true // then the API is asked, which is fresh everywhere
    throw error
  }
}
