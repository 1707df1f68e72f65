/** The arguments of `keep`: what is asked for, with everything that is wrong about it at once. */
import { UsageError } from '../errors.ts'
import type { LeaseRequest } from '../leases.ts'
import type { Clocks } from '../types.ts'
import { parseDuration, parseUntil } from './keep-time.ts'

/** A lease for an end, or for as long as a command runs. */
export type KeepRequest =
  | { readonly kind: 'lease'; readonly request: LeaseRequest }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly reason: string }

const FORMS =
  'keep --for 4h, keep --until 18:00, keep --pid 4242 or keep -- COMMAND, each with --reason TEXT if you like; keep --list shows yours'
const OPTIONS = ['--for', '--until', '--pid', '--reason']

interface Words {
  readonly given: ReadonlyMap<string, string>
  readonly argv: readonly string[] | undefined
  readonly problems: string[]
}

/** Splits `--name value`, `--name=value` and what follows `--`. */
function readWords(args: readonly string[]): Words {
  const end = args.indexOf('--')
  const words = end < 0 ? args : args.slice(0, end)
  const given = new Map<string, string>()
  const problems: string[] = []
  for (let index = 0; index < words.length; index += 1) {
    const [name = '', inline] = (words[index] ?? '').split(/=(.*)/s)
    if (!OPTIONS.includes(name)) {
      problems.push(
        name.startsWith('-') ? `there is no option ${name}: ${FORMS}` : `"${name}" is not understood: ${FORMS}`,
      )
      continue
    }
    const next = words[index + 1]
    const value = inline ?? (next !== undefined && OPTIONS.includes(next) ? undefined : next)
    if (inline === undefined && value !== undefined) index += 1
    if (given.has(name)) problems.push(`${name} is given twice`)
    if (value === undefined || value === '') problems.push(`${name} needs a value`)
    given.set(name, value ?? '')
  }
  return { given, argv: end < 0 ? undefined : args.slice(end + 1), problems }
}

function parsePid(text: string): number | string {
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0
  return pid > 0 ? pid : `"${text}" is no process number`
}

/** The end that one option asks for. Adds to `problems` what is wrong with its value. */
function readEnd(
  name: string,
  text: string,
  context: { readonly now: Clocks; readonly problems: string[] },
): LeaseRequest['until'] | undefined {
  const parsers: Readonly<Record<string, (text: string) => number | string>> = {
    '--for': parseDuration,
    '--until': (value) => parseUntil(value, context.now),
    '--pid': parsePid,
  }
  const value = parsers[name]?.(text) ?? ''
  if (typeof value === 'string') {
    context.problems.push(`${name}: ${value}`)
    return undefined
  }
  if (name === '--for') return { kind: 'for', ms: value }
  return name === '--until' ? { kind: 'until', wallMs: value } : { kind: 'pid', pid: value }
}

/** Only the program's name: arguments may hold secrets, and reasons are shown to everybody. */
function programOf(argv: readonly string[]): string {
  return (argv[0] ?? '').split('/').at(-1) ?? ''
}

/** What `keep` is asked for. Throws UsageError with all problems. */
export function readKeepRequest(args: readonly string[], now: Clocks): KeepRequest {
  const { given, argv, problems } = readWords(args)
  const ends = [...given].filter(([name]) => name !== '--reason')
  const forms = [...ends.map(([name]) => name), ...(argv === undefined ? [] : ['--'])]
  if (forms.length === 0 && problems.length === 0) problems.push(`say until when: ${FORMS}`)
  if (forms.length > 1) problems.push(`${forms.join(' and ')} exclude each other; give one of them`)
  if (argv?.length === 0 || argv?.[0] === '') problems.push('-- needs a command after it')
  let until: LeaseRequest['until'] | undefined
  for (const [name, text] of ends) if (text !== '') until = readEnd(name, text, { now, problems })
  if (problems.length > 0) throw new UsageError(problems)
  if (argv !== undefined) return { kind: 'command', argv, reason: given.get('--reason') ?? programOf(argv) }
  if (until === undefined) throw new UsageError(`say until when: ${FORMS}`)
  return { kind: 'lease', request: { reason: given.get('--reason') ?? '', until } }
}
