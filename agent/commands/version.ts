/** `version`: which build this is. */
import type { CommandContext } from './context.ts'

export async function version({ flags, out }: CommandContext): Promise<number> {
  const build =
    typeof __VERSION__ === 'string'
      ? { version: __VERSION__, commit: __COMMIT__, date: __COMMIT_DATE__ }
      : { version: 'source', commit: '', date: '' }
  if (flags.json) out(JSON.stringify({ schema: 'idle-agent.version.v1', ...build }))
  else out(`idle-agent ${build.version} (commit ${build.commit}, ${build.date})`)
  return 0
}
