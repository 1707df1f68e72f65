/** The answers of a host by question, as frames hold them: laid over one another, compared, and turned into what the host returns or throws. */
import { HostError } from '../errors.ts'
import type { Answer, Failure, Frame, StatFacts } from './frame.ts'
import type { CommandResult, FileStat, HttpAnswer } from './host.ts'
import { codeOf, ownError, tooLarge } from './real-errors.ts'

type Part = Pick<Frame, 'files' | 'folders' | 'stats' | 'links' | 'commands' | 'http' | 'displays'>
type Given<K extends keyof Part> = NonNullable<Part[K]>[string]

/** Answers of each kind by question. */
export interface Answers {
  readonly files: Map<string, Given<'files'>>
  readonly folders: Map<string, Given<'folders'>>
  readonly stats: Map<string, Given<'stats'>>
  readonly links: Map<string, Given<'links'>>
  readonly commands: Map<string, Given<'commands'>>
  readonly http: Map<string, Given<'http'>>
  readonly displays: Map<string, Given<'displays'>>
}

export const kinds = ['files', 'folders', 'stats', 'links', 'commands', 'http', 'displays'] as const

export function noAnswers(): Answers {
  return {
    files: new Map(),
    folders: new Map(),
    stats: new Map(),
    links: new Map(),
    commands: new Map(),
    http: new Map(),
    displays: new Map(),
  }
}

/** The same answers, to lay others over them. */
export function copyOf(answers: Answers): Answers {
  return {
    files: new Map(answers.files),
    folders: new Map(answers.folders),
    stats: new Map(answers.stats),
    links: new Map(answers.links),
    commands: new Map(answers.commands),
    http: new Map(answers.http),
    displays: new Map(answers.displays),
  }
}

function lay<T>(under: Map<string, T>, over: Readonly<Record<string, T>> = {}): void {
  for (const [key, value] of Object.entries(over)) under.set(key, value)
}

/** Lays the answers of a frame over those that there are. */
export function overlay(under: Answers, part: Part): void {
  lay(under.files, part.files)
  lay(under.folders, part.folders)
  lay(under.stats, part.stats)
  lay(under.links, part.links)
  lay(under.commands, part.commands)
  lay(under.http, part.http)
  lay(under.displays, part.displays)
}

/** Takes away what holds no longer. */
export function forget(under: Answers, gone: NonNullable<Frame['forget']>): void {
  for (const kind of kinds) for (const key of gone[kind] ?? []) under[kind].delete(key)
}

function changed<T>(now: ReadonlyMap<string, T>, before: ReadonlyMap<string, T>): Record<string, T> | undefined {
  const found = [...now].filter(([key, value]) => {
    const was = before.get(key)
    return was === undefined || (was !== value && JSON.stringify(was) !== JSON.stringify(value))
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

/** What of `now` is new or other than before: what a frame has to say. */
export function changes(now: Answers, before: Answers): Part {
  const files = changed(now.files, before.files)
  const folders = changed(now.folders, before.folders)
  const stats = changed(now.stats, before.stats)
  const links = changed(now.links, before.links)
  const commands = changed(now.commands, before.commands)
  const http = changed(now.http, before.http)
  const displays = changed(now.displays, before.displays)
  return {
    ...(files && { files }),
    ...(folders && { folders }),
    ...(stats && { stats }),
    ...(links && { links }),
    ...(commands && { commands }),
    ...(http && { http }),
    ...(displays && { displays }),
  }
}

/** What of `before` nobody asked for again. */
export function gone(now: Answers, before: Answers): NonNullable<Frame['forget']> {
  const lists = kinds.map((kind) => [kind, [...before[kind].keys()].filter((key) => !now[kind].has(key))] as const)
  return Object.fromEntries(lists.filter(([, list]) => list.length > 0))
}

function isFailure(answer: unknown): answer is Failure {
  return typeof answer === 'object' && answer !== null && 'error' in answer
}

/** What a failed question is kept as; `hide` takes out of the text what must not be recorded. */
export function failureOf(error: unknown, hide: (text: string) => string): Failure {
  const message = hide(error instanceof Error ? error.message : String(error))
  const code = codeOf(error instanceof HostError ? error.cause : error)
  return { error: message, ...(code === undefined ? {} : { code }) }
}

/** The answer as the host gives it. Throws HostError for one that failed, with the errno name where there is one. */
export function told<T>(answer: Answer<T>): T | undefined {
  if (answer === null) return undefined
  if (!isFailure(answer)) return answer
  const code = answer.code ?? /^(E[A-Z\d]{2,14})\b/.exec(answer.error)?.[1]
  const cause = code === undefined ? undefined : Object.assign(new Error(code), { code })
  throw new HostError(answer.error, { cause })
}

/** The text as a host gives it to somebody who wants at most so many bytes. Throws HostError. */
export function toldText(path: string, answer: Answer<string>, maxBytes: number): string | undefined {
  const text = told(answer)
  // No character of a JavaScript string has more than three bytes a unit.
  if (text !== undefined && text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)
    throw ownError(tooLarge, `cannot read ${path}: it is larger than ${maxBytes} bytes`)
  return text
}

/** The facts of a file, those that were not given as 0. */
export function toldStat(answer: Answer<StatFacts>): FileStat | undefined {
  const facts = told(answer)
  if (facts === undefined) return undefined
  const { kind, dev = 0, ino = 0, rdev = 0, uid = 0, mode = 0, nlink = 1, size = 0 } = facts
  const { atimeMs = 0, mtimeMs = 0, ctimeMs = 0 } = facts
  return { kind, dev, ino, rdev, uid, mode, nlink, size, atimeMs, mtimeMs, ctimeMs }
}

export function toldCommand(answer: Given<'commands'>): CommandResult | undefined {
  const result = told(answer)
  if (result === undefined) return undefined
  return { status: result.status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' }
}

export function toldHttp(answer: Given<'http'>): HttpAnswer | undefined {
  const result = told(answer)
  return result === undefined
    ? undefined
    : { status: result.status, headers: result.headers ?? {}, body: result.body ?? '' }
}
