/** When it acts: thresholds 5/10 min, cron every 2 min with jitter, never early, never later than one interval + 30 s. */
import { describe, expect, it } from 'vitest'
import type { Checked } from '../../agent/agent.ts'
import { type Happening, type History, MINUTE, SECOND, type Setup } from './histories.ts'
import { createRandom } from './random.ts'
import { type Judge, type Process, World } from './world.ts'

const HISTORIES = 1_000

const setup: Setup = {
  intervalMs: 2 * MINUTE,
  idleMs: 5 * MINUTE,
  actMs: 10 * MINUTE,
  graceMs: 10 * MINUTE,
  notReadyMs: 10 * MINUTE,
  wanted: 'hibernate',
  tellsStart: true,
  hook: true,
  rtc: true,
  canHibernate: true,
  operatorTags: 'required',
  connectionMs: 60 * MINUTE,
  outputMs: 120 * MINUTE,
}

/** Somebody types, or a program works, up to twelve times within the first hour; then nobody. */
function makeUse(seed: number): History {
  const random = createRandom(seed)
  const count = random.whole(0, 12)
  const happenings = Array.from({ length: count }, (): Happening => {
    const at = random.whole(0, 60 * MINUTE)
    if (random.chance(0.5)) return { kind: 'input', at }
    return { kind: 'busy', at, until: at + random.whole(1, random.pick([5, 300])) * SECOND }
  })
  return { seed, setup, calmFrom: 66 * MINUTE, happenings: happenings.sort((a, b) => a.at - b.at) }
}

/** Computes by itself what the rule of kernel.md 5.2 names, and notes when the call came. */
class Clock implements Judge {
  call: number | undefined
  readonly looks: number[] = []
  #firstLook: number | undefined
  /** When a request that changes something was sent. */
  readonly #sent: number[] = []
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }
  looked(): void {
    this.#firstLook ??= this.#world.tau
  }
  called(): void {
    this.call = this.#world.tau
    this.#sent.push(this.#world.tau)
  }
  tagsWritten(): void {
    this.#sent.push(this.#world.tau)
  }
  finished(_: Process, { look }: Checked): void {
    this.looks.push(this.#world.tauOf(look.sampledAt.monoMs))
  }
  over(): boolean {
    return this.call !== undefined
  }
  answered(): void {}
  deciding(): void {}
  decided(): void {}
  async crashed(): Promise<void> {}
  threw(error: unknown): void {
    throw error
  }

  lastActivity(): number {
    const { tau, lastInputTau, lastBusyTau } = this.#world
    return Math.min(tau, Math.max(lastInputTau, lastBusyTau, (this.#firstLook ?? 0) + setup.graceMs))
  }

  /** Requests from the last activity to the call, both included. */
  requests(): number {
    return this.#sent.filter((tau) => tau >= this.lastActivity()).length
  }

  /** The end of grace, the last input, or the first look that was stored after the last work: whichever is last. */
  idleSince(): number {
    const { history, tau, lastInputTau } = this.#world
    const marks = [(this.#firstLook ?? 0) + setup.graceMs, lastInputTau]
    for (const one of history.happenings) {
      if (one.kind !== 'busy' || one.at > tau) continue
      marks.push(this.looks.find((look) => look >= one.until) ?? tau)
    }
    return Math.max(...marks)
  }
}

async function live(seed: number): Promise<{ late: number; sinceUse: number; requests: number }> {
  const world = new World(makeUse(seed))
  const clock = new Clock(world)
  await world.live(clock)
  const call = clock.call ?? Number.NaN
  const due = clock.idleSince() + setup.actMs
  return { late: call - due, sinceUse: call - clock.lastActivity() - setup.actMs, requests: clock.requests() }
}

function figures(name: string, values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => ((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) / 1000).toFixed(1)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length / 1000
  return `${name}: mean ${mean.toFixed(1)} s, p95 ${at(0.95)} s, max ${at(1)} s`
}

describe(`the acting minute over ${HISTORIES} histories`, () => {
  it('is never early, and never later than one interval + 30 s after the moment that the rule names', async () => {
    const lived: ({ seed: number } & Awaited<ReturnType<typeof live>>)[] = []
    for (let seed = 0; seed < HISTORIES; seed += 1) lived.push({ seed, ...(await live(seed)) })
    console.log(
      figures(
        'after the due time',
        lived.map(({ late }) => late),
      ),
    )
    console.log(
      figures(
        'after last use + threshold',
        lived.map(({ sinceUse }) => sinceUse),
      ),
    )
    const wrong = lived.filter(({ late }) => !(late >= 0 && late <= setup.intervalMs + 30 * SECOND))
    expect(wrong).toEqual([])
    const byUse = lived.filter(({ sinceUse }) => !(sinceUse >= 0 && sinceUse <= 2 * setup.intervalMs + 30 * SECOND))
    expect(byUse).toEqual([])
    expect(lived.filter(({ requests }) => requests > 4)).toEqual([])
  }, 120_000)
})
