/** What is asked only when an action is due: the operator's tags, who else owns the instance, and whether hibernation is configured. */
import type { OperatorTags, Ownership } from '../clouds/cloud.ts'
import { isProtected, keepAwakeUntil } from '../clouds/tags.ts'
import { CloudError, messageOf } from '../errors.ts'
import type { Refused } from '../types/outcome.ts'
import type { Action, Veto } from '../types.ts'
import { timeInWords } from '../words.ts'
import type { Parts } from './parts.ts'
import { within } from './within.ts'

/** What is known right before an action. */
export interface Preflight {
  /** What the operator's tags forbid. */
  readonly vetoes: readonly Veto[]
  readonly canHibernate: boolean
  /** Why nothing may be sent, whatever the operator's tags say. */
  readonly refusal?: Refused
  /** What the audit log should have beside the call. */
  readonly note?: string
}

/** Asks all of it; throws nothing that the cloud throws. */
export async function beforeActing(parts: Parts, action: Extract<Action, { kind: 'act' }>): Promise<Preflight> {
  const [{ vetoes, owners }, told] = await Promise.all([
    askOperator(parts),
    action.method === 'stop' ? false : canHibernate(parts),
  ])
  // Where it cannot be told, the call itself will: the cloud refuses what it cannot do.
  const configured = told ?? true
  // An open intent goes on as it was: what the machine lacks now says nothing of the call that was sent then.
  const hibernate = configured && action.intentId === undefined
  const { stopOnly, refusal, note } = await askOwnership(parts, { owners, hibernate })
  return {
    vetoes,
    canHibernate: configured && !stopOnly,
    ...(refusal === undefined ? {} : { refusal }),
    ...(note === undefined ? {} : { note }),
  }
}

interface Asked {
  readonly owners: readonly string[] | undefined
  readonly hibernate: boolean
}

/** Not being able to tell is a reason not to act, and one that may pass. */
async function askOwnership({ cloud, host, settings }: Parts, { owners, hibernate }: Asked): Promise<Ownership> {
  const question = { allow: settings.allow, hibernate, ...(owners === undefined ? {} : { owners }) }
  try {
    const limit = { ms: 4_000, what: 'ownership' }
    return (await within(host, limit, async (signal) => cloud.ownership?.(question, signal))) ?? { stopOnly: false }
  } catch (error) {
    const refusal: Refused = {
      result: 'refused',
      why: 'unreachable',
      code: 'OwnershipUnknown',
      message: `who else owns this instance cannot be told: ${messageOf(error)}`,
      advice: 'see "sudo idle-agent doctor"',
    }
    return { stopOnly: false, refusal }
  }
}

interface Operator {
  readonly vetoes: readonly Veto[]
  readonly owners: readonly string[] | undefined
}

async function askOperator(parts: Parts): Promise<Operator> {
  const { tagPrefix, operatorTags } = parts.settings
  try {
    const limit = { ms: 8_000, what: 'operator tags' }
    const tags = await within(parts.host, limit, (signal) => parts.cloud.operatorTags(tagPrefix, signal))
    return { vetoes: operatorVetoes(parts, tags), owners: tags.owners ?? [] }
  } catch (error) {
    if (operatorTags === 'optional' && isRefusal(error)) return { vetoes: [], owners: undefined }
    const reason = `the operator's tags cannot be read: ${messageOf(error)}`
    return { vetoes: [{ name: 'operator-tags', reason }], owners: undefined }
  }
}

function operatorVetoes({ host, settings: { tagPrefix } }: Parts, tags: OperatorTags): readonly Veto[] {
  const now = host.clocks()
  const vetoes: Veto[] = []
  if (isProtected(tags.Protected)) vetoes.push({ name: 'protected', reason: `the tag ${tagPrefix}:Protected is set` })
  const until = keepAwakeUntil(tags.KeepAwakeUntil)
  if (until === 'unreadable') {
    vetoes.push({ name: 'keep-awake', reason: `the date in the tag ${tagPrefix}:KeepAwakeUntil cannot be read` })
  } else if (until !== undefined && until > now.wallMs) {
    vetoes.push({
      name: 'keep-awake',
      reason: `the tag ${tagPrefix}:KeepAwakeUntil says ${timeInWords(until, now.wallMs)}`,
      until: now.monoMs + until - now.wallMs,
    })
  }
  return vetoes
}

/** A role that may not read tags is the operator's choice; a time-out or a throttled call tells nothing of what the tags say. */
function isRefusal(error: unknown): boolean {
  return error instanceof CloudError && !error.retryable
}

/** Was the machine launched with hibernation? `undefined` where that cannot be told now. */
export async function canHibernate(parts: Parts): Promise<boolean | undefined> {
  try {
    return await within(parts.host, { ms: 3_000, what: 'hibernation flag' }, (signal) =>
      parts.cloud.canHibernate(signal),
    )
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}
