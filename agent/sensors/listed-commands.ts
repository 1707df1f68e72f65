/** The commands sensor: an operator's own probes, run at every check; exit code 0 means that the machine is needed. */
import { messageOf } from '../errors.ts'
import type { CommandResult, Host } from '../host/host.ts'
import { type JsonObject, listAt, numberAt, optional, textAt } from '../parse.ts'
import type { ListOption } from '../types/options.ts'
import type { Reading } from '../types.ts'
import type { Sensor } from './sensor.ts'
import { doubtAbout } from './trusted.ts'

export const commandsOption = {
  type: 'blocks',
  most: 8,
  about:
    'Commands that root runs at every check, side by side, to tell whether this machine is needed: exit code 0 is yes, 1 is no; ' +
    'anything else, and one that does not end in time, is unknown, and the machine stays up. ' +
    'Refused unless the file and the folders that it lies in are writable by root alone',
  fields: {
    argv: {
      type: 'texts',
      required: true,
      most: 32,
      pattern: '^[^\\0]{0,256}$',
      rule: 'at most 256 characters',
      first: {
        pattern: '^/[^\\0]{1,199}$',
        rule: 'a program, by its whole path',
      },
      about: 'The program, by its whole path, and its arguments; no shell reads them',
    },
    name: {
      type: 'text',
      pattern: '^[!-~]([ -~]{0,38}[!-~])?$',
      rule: '1 to 40 printable characters',
      about:
        "What to call it; without one, the program's name. Arguments are never shown; the first line of what it prints is, to every user, where it says yes",
    },
    timeout_seconds: {
      type: 'number',
      default: 5,
      min: 0.1,
      max: 7,
      unit: 'seconds',
      about: 'After so long it is ended, with what it started, and counts as unknown',
    },
  },
} as const satisfies ListOption

/** One command as configured. */
interface Probe {
  readonly name: string
  readonly argv: readonly string[]
  readonly timeoutMs: number
}

/** What one command came to: its exit code and what it says, or why there is none. */
interface Outcome {
  readonly name: string
  readonly status?: number
  readonly line?: string
  readonly problem?: string
}

interface CommandsSample {
  readonly outcomes: readonly Outcome[]
}

/** Longest output that is read, in bytes; whoever prints more is ended. */
const mostBytes = 65_536
const mostShown = 100

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error('a word of a command is no text')
  return value
}

function probeOf(entry: JsonObject): Probe {
  const argv = listAt(entry, 'argv', textOf)
  const { name = argv[0]?.split('/').at(-1) ?? '' } = optional(entry, 'name', textAt)
  const { timeout_seconds: seconds = commandsOption.fields.timeout_seconds.default } = optional(
    entry,
    'timeout_seconds',
    numberAt,
  )
  return { name, argv, timeoutMs: Math.round(seconds * 1000) }
}

/** The beginning of the first line, as far as it can be printed. */
export function firstLine(stdout: string): string {
  const [line = ''] = stdout.trimStart().split('\n', 1)
  const clean = [...line.slice(0, 4 * mostShown).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')].slice(0, mostShown)
  return clean.join('').trim()
}

async function outcomeOf(host: Host, { name, argv, timeoutMs }: Probe, signal: AbortSignal): Promise<Outcome> {
  const [program = ''] = argv
  try {
    const doubt = host.root === '/' ? await doubtAbout(host, program) : undefined
    if (doubt !== undefined) return { name, problem: `is not run: ${doubt}` }
    const result: CommandResult | undefined = await host.run(argv, { timeoutMs, maxBytes: mostBytes, signal })
    if (result === undefined) return { name, problem: 'is not there, or cannot be executed' }
    return { name, status: result.status, line: firstLine(result.stdout) }
  } catch (error) {
    signal.throwIfAborted()
    return { name, problem: `cannot be asked: ${messageOf(error)}` }
  }
}

/** Pure: one that says yes outweighs everything, one that cannot be understood outweighs those that say no. */
export function judgeCommands({ outcomes }: CommandsSample): Reading {
  const needing = outcomes.find(({ status }) => status === 0)
  if (needing !== undefined) {
    const says = needing.line === undefined || needing.line === '' ? '' : `: ${needing.line}`
    return { kind: 'active', reason: `the command ${needing.name} says that this machine is needed${says}` }
  }
  const unclear = outcomes.find(({ status }) => status !== 1)
  if (unclear !== undefined) {
    const why = unclear.problem ?? `ended with ${unclear.status}, which is neither 0 nor 1`
    return { kind: 'unknown', reason: `the command ${unclear.name} ${why}` }
  }
  const names = outcomes.map(({ name }) => name).join(', ')
  return { kind: 'idle', reason: `not needed, says ${names}` }
}

/** The sensor for these entries of the configuration. */
export function listedCommands(entries: readonly JsonObject[]): Sensor<CommandsSample> {
  const probes = entries.map(probeOf)
  return {
    name: 'commands',
    sampleVersion: 1,
    options: {},
    // The longest time-out, and the half second in which one is made to end.
    readMs: 7_800,
    async read(host, signal) {
      signal.throwIfAborted()
      return { outcomes: await Promise.all(probes.map((probe) => outcomeOf(host, probe, signal))) }
    },
    judge: judgeCommands,
  }
}
