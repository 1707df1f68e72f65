// The two promises, judged by what the soak knows of its machine and not by what the agent says: never in use, never long after.
import type { LoggedRequest } from '../../clouds/aws.ts'
import { type Answer, answerOf, costOf, type FaultName, type PlannedFault, waits } from './faults.ts'
import type { SoakMachine } from './machine.ts'
import { MINUTE } from './owner.ts'

export interface Limits {
  readonly thresholdMs: number
  readonly intervalMs: number
  readonly graceMs: number
}

/** An accepted stop: how long after the machine was due, and the fault that it had to wait for. */
export interface Call {
  readonly lateMs: number
  readonly fault?: FaultName
}

/** What the check that acts takes: its second look comes 6 s after the first. */
const LOOK_MS = 15_000
/** A job that ended so soon after a check is not seen by the next one: it is not busy for the tenth of an interval that counts. */
const UNSEEN_SHARE = 0.12

export class Promises {
  readonly problems: string[] = []
  readonly calls: Call[] = []
  readonly #machine: SoakMachine
  readonly #limits: Limits
  /** Since when an idle machine may count as one, faults apart; and because of faults. */
  #clockFrom: number
  #faultUntil = 0
  /** Until when a call is not sent. */
  #callFrom = 0
  #fault: FaultName | undefined
  /** The calls in a row that did not stop it, the last of them at that moment. */
  #answers: { readonly at: number; readonly kinds: readonly Answer[] } = { at: 0, kinds: [] }

  constructor(machine: SoakMachine, limits: Limits) {
    this.#machine = machine
    this.#limits = limits
    this.#clockFrom = machine.now + limits.graceMs
  }

  /** A run of the machine begins: with grace. */
  began(): void {
    this.#clockFrom = this.#machine.now + this.#limits.graceMs
    this.#faultUntil = 0
    this.#callFrom = 0
  }

  /** Something more is to be looked at: the next check has no earlier sample of it, and cannot tell. */
  configured(): void {
    this.#clockFrom = Math.max(this.#clockFrom, this.#machine.now + this.#limits.intervalMs)
  }

  /** Whenever time has passed: what goes on that explains a machine that stays up. */
  during({ name, from }: PlannedFault): void {
    const { intervalMs, graceMs } = this.#limits
    const { now } = this.#machine
    this.#fault = name
    const cost = costOf(name)
    if (cost === 'unsent') this.#callFrom = Math.max(this.#callFrom, now)
    else {
      const check = (cost === 'unseen' ? now : from) + intervalMs
      this.#faultUntil = Math.max(this.#faultUntil, check + (cost === 'forgotten' ? graceMs : 0))
    }
  }

  /** After each check: the calls that it sent to stop the machine. */
  sent(calls: readonly LoggedRequest[]): void {
    const { now } = this.#machine
    const answer = this.#fault === undefined ? undefined : answerOf(this.#fault)
    if (answer === undefined || calls.every(({ fault }) => fault === undefined)) return
    const { at, kinds } = this.#answers
    this.#answers = { at: now, kinds: [...(at < this.#needed() ? [] : kinds), answer] }
    // What is refused for good counts on with what is throttled; an answer that does not come is counted apart.
    const count = this.#answers.kinds.filter((one) => (one === 'silent') === (answer === 'silent')).length
    // Within the interval each machine has a moment of its own.
    const ownMs = answer === 'denied' ? 0 : this.#limits.intervalMs
    this.#callFrom = Math.max(this.#callFrom, now + waits[answer](count) * MINUTE + ownMs)
  }

  /** The cloud accepts a stop at this moment. */
  stopped(): void {
    const { now, lastInput, lastWork, lastLeased } = this.#machine
    const { thresholdMs, intervalMs } = this.#limits
    const since = now - Math.max(lastInput, lastWork - UNSEEN_SHARE * intervalMs)
    if (since < thresholdMs) this.problems.push(`${this.#when()}: stopped ${seconds(since)} s after it was needed`)
    if (lastLeased === now) this.problems.push(`${this.#when()}: stopped under a lease`)
    const due = Math.max(this.#needed() + thresholdMs, lastLeased)
    const waited = Math.max(this.#faultUntil + thresholdMs, this.#callFrom) > due
    const fault = waited ? this.#fault : undefined
    this.calls.push({ lateMs: now - due, ...(fault === undefined ? {} : { fault }) })
  }

  /** After each check on a machine that is up, and not on its way down. */
  stillUp(): void {
    const { thresholdMs, intervalMs } = this.#limits
    const { now, lastLeased } = this.#machine
    const clock = Math.max(this.#needed(), this.#faultUntil) + thresholdMs
    const latest = Math.max(clock, lastLeased, this.#callFrom) + intervalMs + LOOK_MS
    const over = now - latest
    if (over > 0) this.problems.push(`${this.#when()}: still up ${seconds(over)} s after the latest that explains it`)
  }

  #needed(): number {
    const { lastInput, lastWork } = this.#machine
    return Math.max(lastInput, lastWork, this.#clockFrom)
  }

  #when(): string {
    return new Date(this.#machine.cloud.clock.now()).toISOString()
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(0)
}
