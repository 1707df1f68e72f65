/** `version`: which build this is. */
import { UsageError } from '../errors.ts'
import type { CommandContext } from './context.ts'

export async function version({ flags, args, out }: CommandContext): Promise<number> {
  if (args.length > 0) throw new UsageError(`version takes no arguments, got ${args.join(' ')}`)
  const build =
    typeof __VERSION__ === 'string'
      ? { version: __VERSION__, commit: __COMMIT__, date: __COMMIT_DATE__ }
      : { version: 'source', commit: '', date: '' }
  if (flags.json) out(JSON.stringify({ schema: 'idle-agent.version.v1', ...build }))
  else out(`idle-agent ${build.version} (commit ${build.commit}, ${build.date})`)
  return 0
}
