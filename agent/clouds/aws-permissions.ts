/** Asks EC2 by dry run which of the agent's calls the role allows. */
import type { Call } from './aws.ts'
import type { Sent } from './aws-send.ts'
import type { Permission } from './cloud.ts'
import { tagKey } from './tags.ts'

/** One dry run for each permission that `aws-send.ts` declares. Throws CloudError where nothing could be sent. */
export async function askPermissions(
  call: (wanted: Call<true>) => Promise<Sent<true>>,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly Permission[]> {
  const { permissions } = await import('./aws-send.ts')
  const key = tagKey(prefix, 'IdleStatus')
  const answers: Permission[] = []
  for (const { action, reason } of permissions) {
    const sent = await call({ attempts: 1, signal, send: (api, id) => api.dryRun(action, { id, key }, signal) })
    const problem = problemOf(sent)
    answers.push({ action, reason, ...(problem === undefined ? {} : { problem }) })
  }
  return answers
}

/** DryRunOperation is the refusal that means "yes" (cloud.md 1.3). */
function problemOf(sent: Sent<true>): string | undefined {
  if ('answer' in sent) return 'the dry run was taken for a call'
  const { failure } = sent
  if (failure.kind === 'answered' && failure.code === 'DryRunOperation') return undefined
  return failure.kind === 'answered' ? `${failure.code}: ${failure.message}` : failure.message
}
