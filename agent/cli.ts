/** The command table: which commands there are, what they take, and how errors become messages and exit codes. */
import type { Command, CommandContext, GlobalFlags } from './commands/context.ts'
import { messageOf, UsageError } from './errors.ts'
import type { Host } from './host/host.ts'

/** Where a run of the program reads and writes. */
export interface Terminal {
  host(root: string): Host
  out(line: string): void
  err(line: string): void
  readonly colour: boolean
}

interface Entry {
  readonly usage: string
  readonly about: string
  load(): Promise<Command>
}

/** Each command is loaded only when it runs: a steady check pays for none of the others. */
const commands: Readonly<Record<string, Entry>> = {
  check: {
    usage: 'check [--act] [--json]',
    about: 'judge this machine now and show the evidence; with --act (what cron runs) also record and act',
    load: async () => (await import('./commands/check.ts')).check,
  },
  status: {
    usage: 'status [--json]',
    about: 'the last verdict and why, idle since when, what happens next, and your leases',
    load: async () => (await import('./commands/status.ts')).status,
  },
  keep: {
    usage: 'keep --for 4h | --until 18:00 | --pid PID | -- COMMAND …  [--reason TEXT] | --list',
    about: 'keep this machine up for a time, until a time, or as long as a process runs; or list your leases',
    load: async () => (await import('./commands/keep.ts')).keep,
  },
  release: {
    usage: 'release [ID | --all]',
    about: 'give a lease back',
    load: async () => (await import('./commands/release.ts')).release,
  },
  run: {
    usage: 'run',
    about: '`check --act` on the configured interval, resident, for hosts without cron',
    load: async () => (await import('./commands/run.ts')).run,
  },
  doctor: {
    usage: 'doctor [--json]',
    about: 'check everything that could make it fail later, and say what to do; as root',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  install: {
    usage: 'install [--schedule cron | timer] [--config FILE]',
    about: 'put the executable, its configuration and its schedule on this machine',
    load: async () => (await import('./commands/install.ts')).install,
  },
  uninstall: {
    usage: 'uninstall',
    about: 'take it off again, with configuration, state and logs',
    load: async () => (await import('./commands/uninstall.ts')).uninstall,
  },
  config: {
    usage: 'config check | show | schema',
    about: 'is the configuration right, what does it come to, what may it say',
    load: async () => (await import('./commands/config.ts')).config,
  },
  provision: {
    usage: 'provision --template FILE [--cloud aws | azure] [--format NAME] (--check | --out DIR | --diff DIR)',
    about: 'launch template, role and user data for machines with the agent, from a template; contacts no cloud',
    load: async () => (await import('./commands/provision.ts')).provision,
  },
  version: {
    usage: 'version [--json]',
    about: 'version, commit and date',
    load: async () => (await import('./commands/version.ts')).version,
  },
}

const globalHelp = [
  '  --json            one JSON object on stdout',
  '  --config FILE     configuration (default /etc/idle-agent/config.yaml, IDLE_AGENT_CONFIG)',
  '  --state-dir DIR   state, run and log files below DIR (IDLE_AGENT_STATE_DIR)',
  '  --root DIR        read the observed system below DIR instead of /',
]

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
  return line.replace(acting, (one) => {
    if (colour && one.startsWith('\u001b[')) return one
    return one.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  })
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { name, args, flags, help } = split(argv)
  if (name === 'help' || (help && name === undefined)) return tellUsage(args, terminal)
  if (name === undefined) {
    throw new UsageError(`say what to do: ${Object.keys(commands).join(', ')} (idle-agent help tells more)`)
  }
  const entry = commandOf(name)
  if (help) return oneUsage(entry, terminal)
  const host = terminal.host(flags.root ?? '/')
  const stateDir = flags.stateDir ?? (host.env('IDLE_AGENT_STATE_DIR') || undefined)
  const context: CommandContext = {
    host,
    flags: { ...flags, stateDir },
    args,
    out: terminal.out,
    colour: terminal.colour,
  }
  return (await entry.load())(context)
}

/** Throws UsageError where there is no such command. */
function commandOf(name: string): Entry {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (entry !== undefined) return entry
  throw new UsageError(`there is no command "${printable(name)}": ${Object.keys(commands).join(', ')}`)
}

/** `help`, or `help COMMAND`. */
function tellUsage([name, ...more]: readonly string[], terminal: Terminal): number {
  if (name === undefined) return usage(terminal)
  if (more.length > 0) throw new UsageError(`help takes one command, got ${name} ${more.join(' ')}`)
  return oneUsage(commandOf(name), terminal)
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

function usage({ out }: Terminal): number {
  out('idle-agent: stops this machine when nobody and nothing needs it, and says why')
  out('')
  for (const { usage: form, about } of Object.values(commands)) {
    out(`  idle-agent ${form}`)
    out(`      ${about}`)
  }
  out('')
  for (const line of globalHelp) out(line)
  return 0
}

function oneUsage({ usage: form, about }: Entry, { out }: Terminal): number {
  out(`usage: idle-agent ${form}`)
  out(about)
  for (const line of globalHelp) out(line)
  return 0
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

function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?').slice(0, 60)
}
