/** `help`: what each command is for and takes. */
import type { CommandName } from '../cli.ts'
import { nearest } from '../config/problems.ts'
import { UsageError } from '../errors.ts'

interface Usage {
  readonly form: string
  readonly about: string
  readonly more?: readonly string[]
  /** The flags of all commands that mean something to this one. */
  readonly flags: readonly Flag[]
}

type Flag = keyof typeof flagLines

const flagLines = {
  json: '  --json            one JSON object on stdout',
  config: '  --config FILE     configuration (default /etc/idle-agent/config.yaml, IDLE_AGENT_CONFIG)',
  stateDir: '  --state-dir DIR   state, run and log files below DIR (IDLE_AGENT_STATE_DIR)',
  root: '  --root DIR        the observed system lies below DIR instead of /; install and uninstall write there',
} as const

const all: readonly Flag[] = ['json', 'config', 'stateDir', 'root']

/** In the order of a machine's life. */
const usages: Readonly<Record<CommandName, Usage>> = {
  check: {
    form: 'check [--act] [--json]',
    about: 'judge this machine now and show the evidence; with --act (what cron runs) also record and act',
    flags: all,
  },
  status: {
    form: 'status [--json]',
    about: 'the last verdict and why, idle since when, what happens next, and your leases; all leases for root',
    flags: ['json', 'stateDir'],
  },
  why: {
    form: 'why [--at TIME] [--json]',
    about: 'why it is still up, or why it stopped, in one sentence, with the evidence; as root also what came before',
    more: ['  --at 14:02        what it was then, and why; also 14:02:30, "2026-11-20 14:02", or 90m (so long ago)'],
    flags: ['json', 'stateDir'],
  },
  history: {
    form: 'history [--since 7d | DATE] [--until DATE] [--plot] [--json]',
    about: 'what it was when, why, and what was done, for 90 days; as root',
    more: [
      '  --since 7d        so long ago, or a date and time: 2026-11-20, "2026-11-20 14:02"; a week unless given',
      '  --until DATE      the same; now unless given',
      '  --plot            a row a day, a cell an hour',
    ],
    flags: ['json', 'stateDir'],
  },
  keep: {
    form: 'keep --for 4h | --until 18:00 | --pid PID | -- COMMAND …  [--reason TEXT] | --list',
    about: 'keep this machine up for a time, until a time, or as long as a process runs; or list your leases',
    more: [
      '  --for 4h          from now on: 90s, 10m, 4h, 1d or 1h30m',
      '  --until 18:00     local time, today or tomorrow; with a date "2030-11-28 18:00", in UTC 2030-11-28T18:00Z',
      '  --pid PID         as long as that process of yours runs; -- COMMAND runs one, and ends as it ends',
      '  --reason TEXT     why; you and root see it',
      '  Each makes a lease, called UID-NUMBER (1000-0): "keep --list" shows yours, and root all; "release 1000-0" gives one back.',
      "  A user's leases together hold for at most 24 hours without input of that user (keep.ceiling_hours), root's as long as they say.",
    ],
    flags: ['json', 'config', 'stateDir'],
  },
  release: {
    form: 'release [ID | --all]',
    about:
      'give a lease back: the only one, the one called ID (such as 1000-0), or all of yours; for root any, or all there are',
    flags: ['json', 'stateDir'],
  },
  run: {
    form: 'run',
    about: '`check --act` on the configured interval, resident, for hosts with neither cron nor systemd; as root',
    flags: ['config', 'stateDir', 'root'],
  },
  doctor: {
    form: 'doctor [--json]',
    about: 'check everything that could make it fail later, and say what to do; as root',
    flags: all,
  },
  install: {
    form: 'install [--schedule cron | timer] [--config FILE]',
    about: 'put the executable, its configuration and its schedule on this machine; as root',
    more: [
      '  --schedule        what runs "check --act" every check_interval_minutes; cron where there is one, unless given',
    ],
    flags: ['config', 'root'],
  },
  uninstall: {
    form: 'uninstall',
    about: 'take it off again, with configuration, state and logs; as root',
    flags: ['root'],
  },
  config: {
    form: 'config check | show | schema',
    about: 'is the configuration right, what does it come to, what may it say',
    more: [
      '  check             every mistake in it, each with its line',
      '  show              every setting with the value that is in force, and where that comes from',
      '  schema            the JSON Schema, for an editor',
    ],
    flags: ['json', 'config'],
  },
  capture: {
    form: 'capture [--checks N | --for 2h] [--every 2m] [--out FILE] [--force] [--arguments]',
    about:
      'record what each check sees and print its verdict, acting on nothing; "replay" gives the same again; root sees all',
    more: [
      '  --checks N        end after so many checks; --for 2h: after so long; else with Ctrl-C',
      '  --every 2m        how often (default: idle_detection.check_interval_minutes)',
      '  --out FILE        where to, for root only (0600); compressed where the name ends in .gz (default: a name with the time, in the current folder)',
      '  --force           replace a file that is there',
      '  --arguments       keep the arguments of programs; without it a capture has none, and no environments and tokens ever',
    ],
    flags: all,
  },
  replay: {
    form: 'replay FILE [--from TIME] [--until TIME] [--json]',
    about: 'judge a capture again, check by check, with the configuration given; acts on nothing and contacts nobody',
    more: [
      '  FILE              as "capture" or another program wrote it (docs/captures.md), compressed or not; - is stdin',
      '  --from, --until   show only the checks from and until then, such as 2030-11-28T18:00Z',
    ],
    flags: ['json', 'config'],
  },
  provision: {
    form: 'provision --template FILE [--cloud aws | azure] [--format NAME] (--check | --out DIR | --diff DIR)',
    about: 'launch template, role and user data for machines with the agent, from a template; contacts no cloud',
    more: [
      '  --template FILE   what the machines are to be, in YAML (docs/templates.md)',
      '  --cloud           instead of the one in the template',
      '  --format NAME     for which tool: launch-template (AWS CLI), cloudformation, terraform; arm, bicep, terraform; or parts of it: user-data, image, config',
      '  --check           say everything that is wrong with it at once, and what cannot work; writes nothing',
      '  --out DIR         write the files there, and say what to do next',
      '  --diff DIR        say what would change in the files that were written there before',
    ],
    flags: ['json'],
  },
  version: { form: 'version [--json]', about: 'version, commit and date', flags: ['json'] },
}

/** Commands of two words. */
const longer: Readonly<Record<string, Usage>> = {
  'config check': {
    form: 'config check [--config FILE]',
    about: 'find every mistake in the configuration at once, each with its line; exit code 2 where there is one',
    flags: ['json', 'config'],
  },
  'config show': {
    form: 'config show [--config FILE]',
    about: 'every setting with the value that is in force, and where it comes from',
    flags: ['json', 'config'],
  },
  'config schema': {
    form: 'config schema',
    about: 'the JSON Schema of the configuration, for an editor',
    flags: ['json'],
  },
}

const exitCodes = [
  'exit codes (`keep -- COMMAND` ends with that of the command):',
  '  0  done, whatever the verdict',
  '  1  a bug; please report it',
  '  2  the arguments or the configuration are wrong, or it must run as root',
  '  3  the cloud refused or could not be reached; the next check tries again',
  '  4  another check is running',
  '  5  this machine prevented it (a full disk, a missing permission), or doctor found a fault on it',
]

/** What `help` prints: of all commands, or of the one that is asked for; `strict` allows no word besides. Throws UsageError. */
export function helpLines(asked: { readonly words: readonly string[]; readonly strict?: boolean }): readonly string[] {
  const [name, second, ...more] = asked.words
  if (name === undefined || (name === 'help' && second === undefined)) return overview()
  const two = lookUp(longer, `${name} ${second}`)
  const one = lookUp(usages, name)
  if (one === undefined) throw unknownCommand(name)
  if (asked.strict === true && (more.length > 0 || (second !== undefined && two === undefined)))
    throw new UsageError(`help takes one command, got ${asked.words.join(' ')}`)
  const { form, about, more: details = [], flags } = two ?? one
  return [`usage: idle-agent ${form}`, about, ...details, ...flags.map((flag) => flagLines[flag])]
}

/** For a command line without a command. */
export function noCommand(): UsageError {
  return new UsageError(`say what to do: ${Object.keys(usages).join(', ')}, help (idle-agent help tells more)`)
}

/** For a name that is no command's: the one that was probably meant, or all. */
export function unknownCommand(name: string): UsageError {
  const names = [...Object.keys(usages), 'help']
  const near = nearest(name, names)
  const instead = near === undefined ? names.join(', ') : `did you mean ${near}? (idle-agent help tells all)`
  return new UsageError(`there is no command "${printable(name)}": ${instead}`)
}

function overview(): readonly string[] {
  return [
    'idle-agent: stops this machine when nobody and nothing needs it, and says why',
    '',
    ...Object.values(usages).flatMap(({ form, about }) => [`  idle-agent ${form}`, `      ${about}`]),
    '  idle-agent help [COMMAND]',
    '      this, or what one command takes',
    '',
    ...all.map((flag) => flagLines[flag]),
    '',
    ...exitCodes,
  ]
}

function lookUp(table: Readonly<Record<string, Usage>>, name: string): Usage | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?').slice(0, 60)
}
