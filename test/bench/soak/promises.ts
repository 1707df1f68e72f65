// The two promises, judged by what the soak knows of its machine and not by what the agent says: never in use, never long after.
import type { LoggedRequest } from '../../clouds/aws.ts'
import { costOf, type FaultName, type PlannedFault, waits } from './faults.ts'
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

/** The second look, which needs half a minute for a rate, and what a check waits for besides. */
const LOOK_MS = 45_000
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
  #refusals = { count: 0, at: 0 }

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
    for (const { errorCode = '' } of calls) {
      const wait = waits[errorCode]
      if (wait === undefined) continue
      const count = this.#refusals.at < this.#needed() ? 1 : this.#refusals.count + 1
      this.#refusals = { count, at: now }
      this.#callFrom = Math.max(this.#callFrom, now + Math.min(wait.first * 2 ** (count - 1), wait.most) * MINUTE)
    }
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
