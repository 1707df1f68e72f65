/** A Host around a Host that keeps what it was asked and told, as frames; it writes nothing and tells nobody. */
import { HostError } from '../errors.ts'
import { changes, gone } from './answers.ts'
import { type Facts, type Frame, frameSchemaName } from './frame.ts'
import type { Host } from './host.ts'
import { notBefore } from './look.ts'
import type { Mask } from './mask.ts'
import { type Look, newLook, type Questions, recordQuestions } from './record-questions.ts'

/** The host, and the frames that come of it. */
export interface Recorder {
  readonly host: Host
  /** Begins a check: everything is asked anew. */
  begin(): void
  /** What the cloud said of the machine in this check; stays until it says something else. */
  setFacts(facts: Facts): void
  /** What was asked since the check began, as far as it differs from the check before. */
  frame(): Frame
}

interface RecorderOptions {
  readonly mask: Mask
  /** See own-files.ts. */
  isInput(path: string): boolean
  /** Where an input of the store is on this machine. */
  realPath(path: string): string
  /** Ends every wait. */
  readonly signal: AbortSignal
}

/** What is kept from one question, look and check to the next. */
interface Tape {
  readonly real: Host
  /** Of this check; the first one is what the next frame is compared with. */
  looks: Look[]
  facts: Facts
  before: Look
  factsBefore: Facts
  selfBefore: string
}

function lookOf(tape: Tape): Look {
  return tape.looks.at(-1) ?? tape.before
}

/** One that passes is remembered by who had it: a replay knows nothing of how long an answer took. */
function deadline(tape: Tape, ms: number, what: string): ReturnType<Host['deadline']> {
  const look = lookOf(tape)
  const name = look.names(what)
  const limit = tape.real.deadline(ms, what)
  limit.signal.addEventListener('abort', () => look.late.push(name), { once: true })
  return limit
}

/** After a wait the machine is looked at anew, by clocks that have gone on by no less than was asked for. */
async function sleep(tape: Tape, ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return tape.real.sleep(0, signal)
  const until = lookOf(tape).clocks.monoMs + ms
  await tape.real.sleep(ms, signal)
  tape.looks.push(newLook(notBefore(tape.real.clocks(), until)))
}

/** Facts as a frame tells them: what is no longer one is taken away. */
function changedFacts({ facts, factsBefore }: Tape): Pick<Frame, 'host'> {
  if (JSON.stringify(facts) === JSON.stringify(factsBefore)) return {}
  const ended = Object.keys(factsBefore).map((name) => [name, null] as const)
  return { host: { ...Object.fromEntries(ended), ...facts } }
}

function selfOf({ real, selfBefore }: Tape, { cpuMs }: Look): { readonly told: string; readonly part: Frame['self'] } {
  const { pid, startTicks, bootId, uid } = real.self
  const self = { pid, startTicks, bootId, uid }
  const told = JSON.stringify(self)
  const used = cpuMs === undefined ? {} : { cpuMs }
  return { told, part: { ...(told === selfBefore ? {} : self), ...used } }
}

function againOf(look: Look, first: Look): NonNullable<Frame['again']>[number] {
  const { clocks, cpuMs, late } = look
  return {
    clocks,
    ...(cpuMs === undefined ? {} : { self: { cpuMs } }),
    ...changes(look.answers, first.answers),
    ...(late.length === 0 ? {} : { late: [...late] }),
  }
}

function frameOf(tape: Tape): Frame {
  const [first = tape.before, ...rest] = tape.looks
  const { told, part } = selfOf(tape, first)
  const ended = gone(first.answers, tape.before.answers)
  const frame: Frame = {
    schema: frameSchemaName,
    clocks: first.clocks,
    ...changedFacts(tape),
    ...(Object.keys(part ?? {}).length === 0 ? {} : { self: part }),
    ...changes(first.answers, tape.before.answers),
    ...(Object.keys(ended).length === 0 ? {} : { forget: ended }),
    ...(first.late.length === 0 ? {} : { late: [...first.late] }),
    ...(rest.length === 0 ? {} : { again: rest.map((look) => againOf(look, first)) }),
  }
  tape.before = first
  tape.factsBefore = tape.facts
  tape.selfBefore = told
  return frame
}

/** The part of the host that is no question to the machine. */
function rest(tape: Tape, options: RecorderOptions): Omit<Host, keyof Questions> {
  const either = (signal?: AbortSignal) =>
    signal === undefined ? options.signal : AbortSignal.any([signal, options.signal])
  return {
    root: '/',
    env: () => undefined,
    clocks: () => lookOf(tape).clocks,
    sleep: (ms, signal) => sleep(tape, ms, either(signal)),
    deadline: (ms, what = '') => deadline(tape, ms, what),
    async spawnInherited() {
      throw new HostError('a recording runs nothing for others')
    },
  }
}

/** A recorder that waits for its first check. */
export function createRecorder(real: Host, options: RecorderOptions): Recorder {
  const nothing = newLook({ wallMs: 0, bootMs: 0, monoMs: 0 })
  const tape: Tape = { real, looks: [], facts: {}, before: nothing, factsBefore: {}, selfBefore: '' }
  const questions = recordQuestions(real, () => lookOf(tape), options)
  return {
    host: { ...rest(tape, options), ...questions },
    begin() {
      tape.looks = [newLook(real.clocks())]
    },
    setFacts(facts) {
      tape.facts = facts
    },
    frame: () => frameOf(tape),
  }
}
