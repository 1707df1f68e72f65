/** No cloud, or one without a driver: the identity comes from machine-id, tags live in a file, and nothing is stopped. */
import { CloudError, HostError, messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { parseObject } from '../parse.ts'
import type { Outcome } from '../types/outcome.ts'
import type { Cloud, Identity } from './cloud.ts'
import type { CloudName } from './detect.ts'
import { operatorTagNames, tagKey } from './tags.ts'

type Tags = Readonly<Record<string, string>>

/** A cloud without a driver of its own; `stateDir/tags.json` holds its tags, an operator's among them. Contacts nothing. */
export function createLocal(host: Host, { name, stateDir }: { name: CloudName; stateDir: string }): Cloud {
  const path = `${stateDir}/tags.json`
  return {
    name,
    defaultAction: 'report',
    tellsStart: false,
    async identify(signal) {
      stopIfAborted(signal)
      return identity(host, name)
    },
    async operatorTags(prefix, signal) {
      stopIfAborted(signal)
      const tags = await readTags(host, path)
      const found: { -readonly [K in (typeof operatorTagNames)[number]]?: string } = {}
      for (const tag of operatorTagNames) {
        const value = tags[tagKey(prefix, tag)]
        if (value !== undefined) found[tag] = value
      }
      return found
    },
    async canHibernate(signal) {
      stopIfAborted(signal)
      return false
    },
    async writeTags(tags, signal) {
      stopIfAborted(signal)
      await writeTags(host, path, tags)
    },
    async act(): Promise<Outcome> {
      return { result: 'refused', why: 'unsupported', code: 'NoDriver', message: noDriver(name) }
    },
  }
}

function noDriver(name: CloudName): string {
  const here = name === 'local' ? 'this machine is in none that it knows' : `it has no driver for ${name} yet`
  return `this version stops machines only through a cloud's API, and ${here}`
}

function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new CloudError('stopped before anything was read', { code: 'aborted', retryable: true })
}

/** The first 12 of machine-id's 32 digits: enough to tell machines apart, and not the whole, which machine-id(5) keeps private. */
async function identity(host: Host, name: CloudName): Promise<Identity> {
  const machine = await text(host, '/etc/machine-id')
  if (/^[0-9a-f]{32}$/.test(machine)) return { id: `${name}-${machine.slice(0, 12)}` }
  const boot = await text(host, '/proc/sys/kernel/random/boot_id')
  if (/^[0-9a-f-]{36}$/.test(boot)) return { id: `${name}-boot-${boot.slice(0, 8)}` }
  throw new CloudError('neither /etc/machine-id nor the boot id tells which machine this is', {
    code: 'no-identity',
    retryable: false,
  })
}

async function text(host: Host, path: string): Promise<string> {
  try {
    return ((await host.readText(path, 4096)) ?? '').trim()
  } catch (error) {
    if (error instanceof HostError) return '' // the next source is asked, or the caller throws
    throw error
  }
}

async function readTags(host: Host, path: string): Promise<Tags> {
  try {
    return parseTags(await host.store.read(path))
  } catch (error) {
    throw new CloudError(`tags in ${path} cannot be read: ${messageOf(error)}`, {
      code: 'unreadable',
      retryable: false,
      cause: error,
    })
  }
}

function parseTags(content: string | undefined): Tags {
  if (content === undefined) return {}
  const tags: Record<string, string> = {}
  for (const [key, value] of Object.entries(parseObject(content))) {
    if (typeof value !== 'string') throw new Error(`the value of ${key} is not text`)
    tags[key] = value
  }
  return tags
}

// A file that cannot be read is left as it is: an operator's Protected may be in it.
async function writeTags(host: Host, path: string, tags: Tags): Promise<void> {
  const all = { ...(await readTags(host, path)), ...tags }
  try {
    await host.store.replace(path, `${JSON.stringify(all, undefined, 2)}\n`, 0o600)
  } catch (error) {
    throw new CloudError(`tags were not written to ${path}: ${messageOf(error)}`, {
      code: 'unwritable',
      retryable: true,
      cause: error,
    })
  }
}
