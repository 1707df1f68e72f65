/** What `doctor` says of who else owns the instance: the same question that is asked when an action is due. */
import type { Parts } from '../check/parts.ts'
import { beforeActing } from '../check/preflight.ts'
import { type Finding, fault, ok } from '../doctor/finding.ts'

/** A fault where a due action would be refused. Whether it could hibernate is another finding's question. */
export async function ownershipFinding(parts: Parts): Promise<Finding> {
  const { refusal, note } = await beforeActing(parts, { kind: 'act', method: 'stop' })
  if (refusal !== undefined) return fault('owner', refusal.message, refusal.advice ?? refusal.code)
  return ok('owner', `nobody else owns this instance${note === undefined ? '' : `; ${note}`}`)
}
