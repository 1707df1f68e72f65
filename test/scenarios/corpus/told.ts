/** What `why` tells of a scenario: while it is played, of its moments afterwards, and of the stop once the machine is back. */
import { why } from '../../../agent/commands/why.ts'
import type { Host } from '../../../agent/host/host.ts'
import { isObject, type JsonObject, objectAt, parseObject } from '../../../agent/parse.ts'
import type { Scenario } from './scenario.ts'

/** `why --json`, as root runs it. */
export async function askWhy(host: Host, args: readonly string[] = []): Promise<JsonObject> {
  const lines: string[] = []
  const flags = { json: true, root: undefined, stateDir: undefined, config: undefined }
  await why({ host, flags, args, out: (line) => lines.push(line), colour: false })
  return parseObject(lines.join(''))
}

/** What a verdict rests on: its kind and the sensor or veto, as `active cpu`, `veto lease`, `grace`; `nobody` where there is none. */
export function idOf(cause: unknown): string {
  if (!isObject(cause)) return 'nobody'
  const { sensor = '', veto = sensor, kind } = cause
  return `${kind} ${veto}`.trimEnd()
}

/** One answer of `why`. */
export interface Told {
  /** Minute of the scenario. */
  readonly at: number
  readonly answer: unknown
  readonly sentence: string
  readonly id: string
  /** The check vouches for the time before it. */
  readonly follows?: boolean
}

export function toldOf(object: JsonObject, at: number): Told {
  const { answer, sentence, cause } = object
  return { at, answer, sentence: String(sentence), id: idOf(cause) }
}

/** The last use before the stop that the machine has come back from, by id. */
export function beforeStop(object: JsonObject): string {
  if (object['answer'] !== 'stopped') return `no stop is told: ${String(object['sentence'])}`
  return idOf(objectAt(object, 'stopped')['before'])
}

/** The same machine, back from a stop at that minute and fourteen hours. */
export function comesBack(scenario: Scenario, acted: number): Scenario {
  const turn = { kind: 'turn', at: acted + 1, slept: 840, started: true, hook: true } as const
  return { ...scenario, happens: [...scenario.happens, turn] }
}
