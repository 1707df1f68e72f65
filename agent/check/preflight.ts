/** What is asked only when an action is due: the operator's tags, and whether hibernation is configured. */
import { isProtected, keepAwakeUntil } from '../clouds/tags.ts'
import { CloudError, messageOf } from '../errors.ts'
import type { Method, Veto } from '../types.ts'
import { within } from './observe.ts'
import type { Parts } from './parts.ts'

/** Asks both at once; throws nothing that the cloud throws. */
export async function beforeActing(
  parts: Parts,
  action: { readonly method: Method },
): Promise<{ vetoes: readonly Veto[]; canHibernate: boolean }> {
  const [vetoes, canHibernate] = await Promise.all([operatorVetoes(parts), hibernates(parts, action)])
  return { vetoes, canHibernate }
}

async function operatorVetoes(parts: Parts): Promise<readonly Veto[]> {
  const { tagPrefix, operatorTags } = parts.settings
  try {
    const limit = { ms: 8_000, what: 'operator tags' }
    const tags = await within(parts.host, limit, (signal) => parts.cloud.operatorTags(tagPrefix, signal))
    const now = parts.host.clocks()
    const vetoes: Veto[] = []
    if (isProtected(tags.Protected)) vetoes.push({ name: 'protected', reason: `the tag ${tagPrefix}:Protected is set` })
    const until = keepAwakeUntil(tags.KeepAwakeUntil)
    if (until === 'unreadable') {
      vetoes.push({ name: 'keep-awake', reason: `the date in the tag ${tagPrefix}:KeepAwakeUntil cannot be read` })
    } else if (until !== undefined && until > now.wallMs) {
      const end = new Date(until).toISOString().slice(0, 16)
      vetoes.push({
        name: 'keep-awake',
        reason: `the tag ${tagPrefix}:KeepAwakeUntil says ${end}Z`,
        until: now.monoMs + until - now.wallMs,
      })
    }
    return vetoes
  } catch (error) {
    if (operatorTags === 'optional' && isRefusal(error)) return []
    return [{ name: 'operator-tags', reason: `the operator's tags cannot be read: ${messageOf(error)}` }]
  }
}

/** A role that may not read tags is the operator's choice; a time-out or a throttled call tells nothing of what the tags say. */
function isRefusal(error: unknown): boolean {
  return error instanceof CloudError && !error.retryable
}

/** Where it cannot be told, the call itself will: the cloud refuses what it cannot do. */
async function hibernates(parts: Parts, action: { readonly method: Method }): Promise<boolean> {
  if (action.method === 'stop') return false
  try {
    return await within(parts.host, { ms: 3_000, what: 'hibernation flag' }, (signal) =>
      parts.cloud.canHibernate(signal),
    )
  } catch (error) {
    if (error instanceof Error) return true
    throw error
  }
}
