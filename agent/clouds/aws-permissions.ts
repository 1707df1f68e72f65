/** Asks EC2 by dry run which of the agent's calls the role allows. */
import { CloudError } from '../errors.ts'
import type { Call } from './aws-calls.ts'
import type { Sent } from './aws-send.ts'
import type { Permission } from './cloud.ts'
import { tagKey } from './tags.ts'

/** One dry run for each permission that `aws-send.ts` declares. Throws CloudError where one gets no answer: `no-api` if EC2 cannot be reached. */
export async function askPermissions(
  call: (wanted: Call<true>) => Promise<Sent<true>>,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly Permission[]> {
  const { permissions } = await import('./aws-send.ts')
  const key = tagKey(prefix, 'IdleStatus')
  const answers: Permission[] = []
  for (const { action, reason } of permissions) {
    let clockOffsetMs = 0
    const send: Call<true>['send'] = async (api, id) => {
      const answer = await api.dryRun(action, { id, key }, signal)
      clockOffsetMs = api.clockOffsetMs()
      return answer
    }
    const problem = problemOf(await call({ attempts: 2, signal, send }))
    answers.push({
      action,
      reason,
      ...(problem === undefined ? {} : { problem }),
      ...(clockOffsetMs === 0 ? {} : { clockOffsetMs }),
    })
  }
  return answers
}

/** DryRunOperation is the refusal that means "yes" (cloud.md 1.3). */
function problemOf(sent: Sent<true>): string | undefined {
  if ('answer' in sent) return 'the dry run was taken for a call'
  const { failure } = sent
  if (failure.kind !== 'answered') {
    throw new CloudError(`EC2 cannot be reached: ${failure.message}`, { code: 'no-api', retryable: true })
  }
  return failure.code === 'DryRunOperation' ? undefined : `${failure.code}: ${failure.message}`
}
