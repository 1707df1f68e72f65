/** `provision`: from a template to what launches machines that look after themselves. */
import { parseArgs } from 'node:util'
import { messageOf, UsageError } from '../errors.ts'
import type { CommandContext } from './context.ts'

const usage =
  'provision takes --template FILE; one of --check, --out DIR and --diff DIR; --cloud aws or azure, and --format NAME'

interface Wanted {
  readonly template: string
  readonly cloud: 'aws' | 'azure' | undefined
  readonly format: string | undefined
  /** Folder to write to. */
  readonly out: string | undefined
  /** Folder to compare with. */
  readonly diff: string | undefined
}

/** `idle-agent provision …`. Contacts no cloud; writes below --out only. Throws UsageError with all problems, HostError. */
export async function provision(context: CommandContext): Promise<number> {
  const { out: folder, diff, ...wish } = readArguments(context.args)
  const { provision: generate } = await import('../../provisioning/main.ts')
  const made = generate(wish)
  if (folder !== undefined) made.write(folder)
  const { cloud, size, hibernation, diskGib } = made.spec
  const { format, warnings } = made
  const files = made.files.map(({ name }) => name)
  const next = folder === undefined ? [] : made.commands(folder)
  const differences = diff === undefined ? undefined : made.differences(diff, context.colour && !context.flags.json)
  if (context.flags.json) {
    const machine = { size: size.name, architecture: size.architecture, hibernation, diskGib }
    context.out(
      JSON.stringify({ schema: 'idle-agent.provision.v1', cloud, format, machine, files, warnings, next, differences }),
    )
    return 0
  }
  if (differences !== undefined) {
    for (const line of differences.length === 0 ? [`${diff}: nothing would change`] : differences) context.out(line)
  } else {
    context.out(
      `${wish.template}: valid; ${size.name} (${size.architecture}) on ${cloud}, ${diskGib === undefined ? '' : `${diskGib} GiB, `}${made.end}`,
    )
  }
  for (const warning of warnings) context.out(`warning: ${warning}`)
  if (folder === undefined) return 0
  context.out(`written to ${folder}: ${files.join(', ')}`)
  if (next.length > 0) context.out('next:')
  for (const line of next) context.out(`  ${line}`)
  return 0
}

function readArguments(args: readonly string[]): Wanted {
  const { template, cloud, check, out, diff, format } = parse(args)
  const ends = [check, out, diff].filter((one) => one !== undefined)
  if (template === undefined || ends.length !== 1) throw new UsageError(usage)
  if (cloud !== undefined && cloud !== 'aws' && cloud !== 'azure')
    throw new UsageError(`--cloud must be aws or azure, got "${cloud}"`)
  return { template, cloud, format, out, diff }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const options = {
    template: text,
    cloud: text,
    format: text,
    out: text,
    diff: text,
    check: { type: 'boolean' },
  } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError(`${messageOf(error)}; ${usage}`, { cause: error })
  }
}
