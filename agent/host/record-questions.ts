/** The questions that a recording host passes on: each is asked once in a look, masked, kept, and answered from what is kept, as a replay answers it. */
import { HostError } from '../errors.ts'
import type { Clocks } from '../types.ts'
import { type Answers, failureOf, noAnswers, told, toldCommand, toldHttp, toldStat, toldText } from './answers.ts'
import type { Answer } from './frame.ts'
import type { Host, HttpRequest, Self, Store } from './host.ts'
import { commandKey, createNames, plainKey, requestKey, takesLines } from './look.ts'
import type { Mask } from './mask.ts'
import { createOwnFiles } from './own-files.ts'
import { tooLarge } from './real-errors.ts'
import { startTicksIn, uidIn } from './real-self.ts'

const DEFAULT_MAX_BYTES = 1_048_576

/** One look at the machine: of one moment, as in a replay, so nothing is asked twice in it. */
export interface Look {
  readonly clocks: Clocks
  readonly answers: Answers
  /** Questions under way or answered. */
  readonly asked: Map<string, Promise<void>>
  /** How much of each file was asked for at most. */
  readonly limits: Map<string, number>
  /** Whose deadlines passed. */
  readonly late: string[]
  readonly names: (what: string) => string
  cpuMs: number | undefined
}

export function newLook(clocks: Clocks): Look {
  return {
    clocks,
    answers: noAnswers(),
    asked: new Map(),
    limits: new Map(),
    late: [],
    names: createNames(),
    cpuMs: undefined,
  }
}

export type Questions = Pick<
  Host,
  'self' | 'store' | 'readText' | 'list' | 'stat' | 'readLink' | 'run' | 'http' | 'displayIdleMs' | 'writeTerminal'
>

interface Options {
  readonly mask: Mask
  isInput(path: string): boolean
  realPath(path: string): string
}

interface Asking extends Options {
  readonly real: Host
  look(): Look
}

interface Question<T> {
  readonly kind: keyof Answers
  readonly key: string
  readonly into: (answers: Answers) => Map<string, Answer<T>>
  ask(): Promise<T | undefined>
  /** Asks although it was asked before in this look. */
  readonly anew?: boolean
}

/** The answer of this look; what fails is kept as the reason why. */
async function once<T>({ look, mask }: Asking, question: Question<T>): Promise<Answer<T>> {
  const { asked, answers } = look()
  const { key, into, anew } = question
  const name = `${question.kind} ${key}`
  const keep = async () => {
    try {
      into(answers).set(key, (await question.ask()) ?? null)
    } catch (error) {
      into(answers).set(key, failureOf(error, mask.hide))
    }
  }
  const pending = anew === true ? undefined : asked.get(name)
  const settled = pending ?? keep()
  asked.set(name, settled)
  await settled
  return into(answers).get(key) ?? null
}

interface Wanted {
  readonly path: string
  readonly maxBytes: number
  read(): Promise<string | undefined>
}

/** A file that was too large for one caller may not be for the next. */
async function text(asking: Asking, { path, maxBytes, read }: Wanted): Promise<string | undefined> {
  const { limits } = asking.look()
  const ask = async () => {
    if (asking.mask.isHidden(path)) throw new HostError(`${path} is not recorded`)
    limits.set(path, maxBytes)
    const found = await read()
    return found === undefined ? undefined : asking.mask.file(path, found)
  }
  const question = { kind: 'files', key: path, into: ({ files }: Answers) => files, ask } as const
  const answer = await once(asking, question)
  const cut = typeof answer === 'object' && answer?.code === tooLarge && maxBytes > (limits.get(path) ?? 0)
  return toldText(path, cut ? await once(asking, { ...question, anew: true }) : answer, maxBytes)
}

function files(asking: Asking): Pick<Questions, 'readText' | 'list' | 'stat' | 'readLink'> {
  const { real } = asking
  return {
    readText: (path, maxBytes = DEFAULT_MAX_BYTES) =>
      text(asking, { path, maxBytes, read: () => real.readText(path, maxBytes) }),
    async list(path) {
      const ask = async () => (await real.list(path))?.slice()
      return told(await once(asking, { kind: 'folders', key: path, into: ({ folders }) => folders, ask }))
    },
    async stat(path) {
      const ask = () => real.stat(path)
      return toldStat(await once(asking, { kind: 'stats', key: path, into: ({ stats }) => stats, ask }))
    },
    async readLink(path) {
      const ask = () => real.readLink(path)
      return told(await once(asking, { kind: 'links', key: path, into: ({ links }) => links, ask }))
    },
  }
}

function others(asking: Asking): Pick<Questions, 'run' | 'http' | 'displayIdleMs'> {
  const { real, mask } = asking
  return {
    async run(argv, limits) {
      const ask = async () => {
        const result = await real.run(argv.map(mask.reveal), limits)
        if (result === undefined) return undefined
        return { ...result, stdout: mask.text(result.stdout), stderr: mask.text(result.stderr) }
      }
      const key = commandKey(argv)
      return toldCommand(await once(asking, { kind: 'commands', key, into: ({ commands }) => commands, ask }))
    },
    async http(request) {
      const key = requestKey(request)
      const answer = await once(asking, {
        kind: 'http',
        key,
        into: ({ http }) => http,
        ask: () => send(asking, request),
      })
      const found = toldHttp(answer)
      if (found === undefined) throw new HostError(`${key} failed: nothing answers there`)
      return found
    },
    async displayIdleMs(display, limits) {
      const ask = () => real.displayIdleMs(display, limits)
      const key = String(display.number)
      return told(await once(asking, { kind: 'displays', key, into: ({ displays }) => displays, ask }))
    },
  }
}

/** With what was taken out of the request put back, and of the answer's headers only what says how to read it. */
async function send({ real, mask }: Asking, request: HttpRequest) {
  const headers = Object.entries(request.headers ?? {}).map(([name, value]) => [name, mask.reveal(value)])
  const sent = { ...request, url: mask.reveal(request.url), headers: Object.fromEntries(headers) }
  const { status, headers: got, body } = await real.http(sent)
  const type = got['content-type']
  return { status, ...(type === undefined ? {} : { headers: { 'content-type': type } }), body: mask.text(body) }
}

function storeOf(asking: Asking): Store {
  const { real, realPath, isInput, mask } = asking
  const clocks = () => asking.look().clocks
  return createOwnFiles(
    { clocks, uid: real.self.uid },
    {
      isInput,
      readText: (path, maxBytes) => text(asking, { path, maxBytes, read: () => real.store.read(realPath(path)) }),
      async readPlain(path, maxBytes) {
        const key = plainKey(path)
        const { answers } = asking.look()
        const ask = async () => {
          if (mask.isHidden(path)) throw new HostError(`${path} is not recorded`)
          const found = await real.store.readPlain(realPath(path), maxBytes)
          if (found === undefined) return undefined
          answers.stats.set(key, found.stat)
          return mask.file(path, found.text)
        }
        const answer = await once(asking, { kind: 'files', key, into: (all) => all.files, ask })
        const stat = toldStat(answers.stats.get(key) ?? null)
        const found = told(answer)
        return found === undefined || stat === undefined ? undefined : { text: found, stat }
      },
      async list(path) {
        const ask = async () => (await real.store.list(realPath(path))).slice()
        return told(await once(asking, { kind: 'folders', key: path, into: ({ folders }) => folders, ask }))
      },
    },
  )
}

function selfOf({ real, look }: Asking, readText: Host['readText']): Self {
  const { self } = real
  return {
    pid: self.pid,
    startTicks: self.startTicks,
    bootId: self.bootId,
    uid: self.uid,
    executable: self.executable,
    startTicksOf: async (pid) => startTicksIn(await readText(`/proc/${pid}/stat`)),
    ownerOf: async (pid) => uidIn(await readText(`/proc/${pid}/status`)),
    cpuMs() {
      const now = look()
      now.cpuMs ??= self.cpuMs()
      return now.cpuMs
    },
  }
}

/** What a recording host answers; `look` is the one that is under way. */
export function recordQuestions(real: Host, look: () => Look, options: Options): Questions {
  const asking: Asking = { ...options, real, look }
  const reading = files(asking)
  return {
    self: selfOf(asking, reading.readText),
    store: storeOf(asking),
    ...reading,
    ...others(asking),
    writeTerminal: async (path) => takesLines(await reading.stat(path)),
  }
}
