/** A command's context that keeps what is printed. */
import type { CommandContext, GlobalFlags } from '../../agent/commands/context.ts'
import type { Host } from '../../agent/host/host.ts'

/** The context of `idle-agent config ARGS`, and the lines that the command prints. */
export function contextFor(host: Host, flags: Partial<GlobalFlags> = {}, args: readonly string[] = []) {
  const lines: string[] = []
  const context: CommandContext = {
    host,
    flags: { json: false, root: undefined, stateDir: undefined, config: undefined, ...flags },
    args,
    out: (line) => lines.push(line),
    colour: false,
  }
  return { context, lines }
}
