/** Asks Azure which of the agent's calls the VM's identity may make, without making them. */
import { CloudError } from '../errors.ts'
import { call } from './azure-calls.ts'
import type { Failure } from './azure-errors.ts'
import type { Parts } from './azure-parts.ts'
import { type Grant, permissions } from './azure-send.ts'
import type { Permission } from './cloud.ts'

/** One answer for each permission that `azure-send.ts` declares. Throws CloudError where Azure gives none: `no-api` if it cannot be reached. */
export async function askPermissions(parts: Parts, signal: AbortSignal): Promise<readonly Permission[]> {
  const sent = await call(parts, { kind: 'read', send: (api, inTime) => api.grants(inTime) }, signal)
  if ('answer' in sent) return permissions.map((one) => ({ ...one, ...problemIn(sent.answer, one.action) }))
  throw errorOf(sent.failure)
}

function problemIn(grants: readonly Grant[], action: string): { readonly problem?: string } {
  if (grants.some((grant) => allows(grant, action))) return {}
  return {
    problem:
      grants.length === 0 ? 'no role is assigned to its identity here' : 'no role that is assigned here allows it',
  }
}

/** Within one assignment what is taken off counts more; what another one gives is given. */
function allows({ actions, notActions }: Grant, action: string): boolean {
  return actions.some((one) => covers(one, action)) && !notActions.some((one) => covers(one, action))
}

/** `*` stands for any text; case does not count. */
function covers(pattern: string, action: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[^\w/]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(action)
}

function errorOf(failure: Failure): CloudError {
  if (failure.kind !== 'answered')
    return new CloudError(`Azure cannot be reached: ${failure.message}`, { code: 'no-api', retryable: true })
  const { status, code, message } = failure
  if (status === 403) {
    const text = `its identity may not ask what it may do (${code}); what is not allowed shows when it is refused`
    return new CloudError(text, { code: 'not-told', retryable: false })
  }
  return new CloudError(`Azure does not tell what is allowed (${code}: ${message})`, {
    code: 'not-told',
    retryable: true,
  })
}
