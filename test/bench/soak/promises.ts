// The two promises, judged by what the soak knows of its machine and not by what the agent says: never in use, never long after.
import { isOfTheCall, type PlannedFault } from './faults.ts'
import type { SoakMachine } from './machine.ts'
import { HOUR, MINUTE } from './owner.ts'

export interface Limits {
  readonly thresholdMs: number
  readonly intervalMs: number
  readonly graceMs: number
}

/** The longest that a call which was refused waits (agent/decide/attempt.ts). */
const BACK_OFF_MS = HOUR
/** The second look, and what a check waits for within itself. */
const LOOK_MS = MINUTE

export class Promises {
  readonly problems: string[] = []
  /** From the moment when the machine was due to the call, in milliseconds; of stops that no fault came before. */
  readonly lateMs: number[] = []
  readonly #machine: SoakMachine
  readonly #limits: Limits
  /** Since when an idle machine may count as one, faults apart, and with them. */
  #clockFrom: number
  #faultUntil = 0
  #callFrom = 0

  constructor(machine: SoakMachine, limits: Limits) {
    this.#machine = machine
    this.#limits = limits
    this.#clockFrom = machine.now + limits.graceMs
  }

  /** A run of the machine begins: grace, twice as long for each stop of a run in which nobody was seen. */
  began(): void {
    this.#clockFrom = this.#machine.now + this.#limits.graceMs
    this.#faultUntil = 0
  }

  /** Before each check: what is going on that explains a machine that stays up. */
  before(fault: PlannedFault | undefined): void {
    const { intervalMs, graceMs } = this.#limits
    const now = this.#machine.now
    if (fault === undefined) return
    // A state that was lost begins with grace; one check more may be needed until it is seen.
    if (!isOfTheCall(fault.name)) this.#faultUntil = now + 2 * intervalMs + graceMs
    else this.#callFrom = now + BACK_OFF_MS
  }

  #needed(): number {
    const { lastInput, lastWork } = this.#machine
    return Math.max(lastInput, lastWork - this.#limits.intervalMs, this.#clockFrom)
  }

  /** The cloud accepts a stop at this moment. */
  stopped(): void {
    const now = this.#machine.now
    const { thresholdMs } = this.#limits
    const { lastInput, lastWork } = this.#machine
    const since = now - Math.max(lastInput, lastWork - this.#limits.intervalMs)
    if (since < thresholdMs) this.problems.push(`${this.#when()}: stopped ${seconds(since)} s after it was needed`)
    if (this.#machine.lastLeased === now) this.problems.push(`${this.#when()}: stopped under a lease`)
    const due = Math.max(this.#needed() + thresholdMs, this.#machine.lastLeased)
    if (Math.max(this.#faultUntil + thresholdMs, this.#callFrom) < due) this.lateMs.push(now - due)
  }

  /** After each check on a machine that is up, and not on its way down. */
  stillUp(): void {
    const { thresholdMs, intervalMs } = this.#limits
    const clock = Math.max(this.#needed(), this.#faultUntil, this.#machine.lastWork) + thresholdMs
    const latest = Math.max(clock, this.#machine.lastLeased, this.#callFrom) + intervalMs + LOOK_MS
    const over = this.#machine.now - latest
    if (over > 0) this.problems.push(`${this.#when()}: still up ${seconds(over)} s after the latest that explains it`)
  }

  #when(): string {
    return new Date(this.#machine.cloud.clock.now()).toISOString()
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(0)
}
