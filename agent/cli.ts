/** The command table: which commands there are, what they take, and how errors become messages and exit codes. */
import type { Command, CommandContext, GlobalFlags } from './commands/context.ts'
import { messageOf, UsageError } from './errors.ts'
import type { Host } from './host/host.ts'
import { isPlainAscii } from './words.ts'

/** Where a run of the program reads and writes. */
export interface Terminal {
  host(root: string): Host
  out(line: string): void
  err(line: string): void
  readonly colour: boolean
}

/** Each command is loaded only when it runs, and what `help` says of it only when somebody asks: a steady check pays for neither. */
const commands = {
  check: async () => (await import('./commands/check.ts')).check,
  status: async () => (await import('./commands/status.ts')).status,
  why: async () => (await import('./commands/why.ts')).why,
  history: async () => (await import('./commands/history.ts')).history,
  keep: async () => (await import('./commands/keep.ts')).keep,
  release: async () => (await import('./commands/release.ts')).release,
  run: async () => (await import('./commands/run.ts')).run,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  install: async () => (await import('./commands/install.ts')).install,
  uninstall: async () => (await import('./commands/uninstall.ts')).uninstall,
  capture: async () => (await import('./commands/capture.ts')).capture,
  replay: async () => (await import('./commands/replay.ts')).replay,
  config: async () => (await import('./commands/config.ts')).config,
  provision: async () => (await import('./commands/provision.ts')).provision,
  version: async () => (await import('./commands/version.ts')).version,
} satisfies Readonly<Record<string, () => Promise<Command>>>

export type CommandName = keyof typeof commands

/** Runs one command line; resolves to the exit code (0 done, 2 input, 3 cloud, 4 locked, 5 host, 1 a bug). */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const safe: Terminal = {
    ...terminal,
    out: (line) => terminal.out(visible(line, terminal.colour)),
    err: (line) => terminal.err(visible(line.slice(0, LONGEST_MESSAGE), false)),
  }
  try {
    return await dispatch(argv, safe)
  } catch (error) {
    return explain(error, safe)
  }
}

/** Longest line on stderr, in characters: an argument or a path in it may be of any length. */
const LONGEST_MESSAGE = 2000

/** A character that acts on a terminal or hides what is written, with what makes it a colour if it is one of ours. */
const acting = /[^\P{Cc}\n](?:\[\d{1,2}m)?|[\p{Cf}\p{Zl}\p{Zp}]/gu

/** The line with such characters escaped, as JSON would; whoever wrote the text, only we speak to the terminal. */
function visible(line: string, colour: boolean): string {
  if (isPlainAscii(line)) return line
  return line.replace(acting, (one) => {
    if (colour && one.startsWith('\u001b[')) return one
    return one.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  })
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { name, args, flags, help } = split(argv)
  if (help || name === 'help') {
    const { helpLines } = await import('./commands/help.ts')
    const asked = name === 'help' ? { words: args, strict: true } : { words: name === undefined ? [] : [name, ...args] }
    for (const line of helpLines(asked)) terminal.out(line)
    return 0
  }
  if (name === undefined) throw (await import('./commands/help.ts')).noCommand()
  if (!isCommand(name)) throw (await import('./commands/help.ts')).unknownCommand(name)
  const host = terminal.host(flags.root ?? '/')
  const stateDir = flags.stateDir ?? (host.env('IDLE_AGENT_STATE_DIR') || undefined)
  const context: CommandContext = {
    host,
    flags: { ...flags, stateDir },
    args,
    out: terminal.out,
    err: terminal.err,
    colour: terminal.colour,
  }
  return (await commands[name]())(context)
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commands, name)
}

interface Line {
  readonly name: string | undefined
  readonly args: readonly string[]
  readonly flags: GlobalFlags
  readonly help: boolean
}

const valued = new Map([
  ['--root', 'root'],
  ['--state-dir', 'stateDir'],
  ['--config', 'config'],
] as const)

/** Takes the global flags out, wherever they stand before `--`; the rest belongs to the command. */
function split(argv: readonly string[]): Line {
  const flags = { json: false, root: undefined, stateDir: undefined, config: undefined } as {
    -readonly [K in keyof GlobalFlags]: GlobalFlags[K]
  }
  const rest: string[] = []
  let help = false
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? ''
    if (word === '--') {
      rest.push(...argv.slice(index))
      break
    }
    const [name, inline] = word.split(/=(.*)/s)
    const key = [...valued].find(([flag]) => flag === name)?.[1]
    if (key !== undefined) {
      flags[key] = inline ?? argv[index + 1]
      index += inline === undefined ? 1 : 0
      const value = flags[key] ?? ''
      // A forgotten value must not swallow the next flag; a name that does begin so can be given as --flag=VALUE.
      if (value === '' || (inline === undefined && value.startsWith('--')))
        throw new UsageError(`${name} needs a value`)
    } else if (word === '--json') flags.json = true
    else if (word === '--help' || word === '-h') help = true
    else rest.push(word === '--version' && rest.length === 0 ? 'version' : word)
  }
  const [first, ...args] = rest
  return { name: first, args, flags, help }
}

/** The other place where errors are handled, besides the loop: a message that says what to do, and the exit code. */
function explain(error: unknown, { err }: Terminal): number {
  if (error instanceof UsageError) {
    for (const problem of error.problems) err(`idle-agent: ${problem}`)
    return error.exitCode
  }
  const known =
    error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number' ? error.exitCode : undefined
  err(`idle-agent: ${messageOf(error)}`)
  if (known !== undefined) return known
  if (error instanceof Error && error.stack !== undefined) err(error.stack)
  err('idle-agent: this is a bug, please report it with the lines above')
  return 1
}
