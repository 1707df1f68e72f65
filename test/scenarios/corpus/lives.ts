/** Boots, clocks and the lives of processes of a scenario: who runs when, as whose child, with which numbers. */
import type { Clocks } from '../../../agent/types.ts'
import type { Happening, Program, Scenario, Turn } from './scenario.ts'
import { total } from './times.ts'

const MINUTE = 60_000

/** The machine between two boots; moments are milliseconds of the scenario, awake time only. */
export interface Boot {
  readonly fromMs: number
  readonly untilMs: number
  readonly bootId: string
  /** Wall clock at the boot. */
  readonly wallMs: number
  /** Boot-time clock at `fromMs`. */
  readonly upMs: number
}

/** One process. */
export interface Life {
  readonly program: Program
  readonly pid: number
  readonly boot: Boot
  readonly fromMs: number
  readonly untilMs: number
}

function turnsOf(scenario: Scenario): readonly Turn[] {
  const turns = scenario.happens.flat().filter((one) => one.kind === 'turn')
  return turns.sort((a, b) => a.at - b.at)
}

/** When the scenario begins on the wall clock. */
function beginning({ begins = '2026-11-16T06:00:00Z' }: Scenario): number {
  return Date.parse(begins)
}

export class Clockwork {
  readonly boots: readonly Boot[]
  readonly #turns: readonly Turn[]
  readonly #wallMs: number

  constructor(scenario: Scenario) {
    this.#turns = turnsOf(scenario)
    this.#wallMs = beginning(scenario)
    const upMs = (scenario.up ?? 180) * MINUTE
    const starts = this.#turns.filter(({ off }) => off !== undefined).map(({ at }) => at * MINUTE)
    const all = [-upMs, ...starts]
    this.boots = all.map((fromMs, index) => ({
      fromMs,
      untilMs: all[index + 1] ?? Number.POSITIVE_INFINITY,
      bootId: `${String(index + 1).repeat(8)}-2222-4333-8444-555555555555`,
      wallMs: this.wallAt(fromMs),
      upMs: 0,
    }))
  }

  bootAt(atMs: number): Boot {
    const [only] = this.boots
    if (only !== undefined && this.boots.length === 1 && atMs >= only.fromMs) return only
    const boot = this.boots.findLast(({ fromMs }) => fromMs <= atMs)
    if (boot === undefined) throw new Error('the scenario looks at a machine before its boot')
    return boot
  }

  #sum(atMs: number, of: (turn: Turn) => number): number {
    return this.#turns.reduce((sum, turn) => (turn.at * MINUTE <= atMs ? sum + of(turn) : sum), 0)
  }

  wallAt(atMs: number): number {
    const ahead = ({ step = 0, slept = 0, unseen, off = 0 }: Turn) => step + (unseen === true ? 0 : slept) + off
    return this.#wallMs + atMs + this.#sum(atMs, ahead) * MINUTE
  }

  at(atMs: number): Clocks {
    const { fromMs } = this.bootAt(atMs)
    const slept = this.#sum(atMs, ({ at, slept: ms = 0, unseen }) => (at * MINUTE > fromMs && unseen !== true ? ms : 0))
    return { wallMs: this.wallAt(atMs), bootMs: atMs - fromMs + slept * MINUTE, monoMs: atMs - fromMs }
  }

  /** Boot-time clock in ticks, as a process started then has it. */
  ticksAt(atMs: number): number {
    return Math.floor(this.at(atMs).bootMs / 10)
  }

  /** The provider's start, and the stamp of the resume hook. */
  startedAt(atMs: number): string {
    const turn = this.#turns.findLast(
      ({ at, started, off }) => at * MINUTE <= atMs && (started === true || off !== undefined),
    )
    const wallMs = turn === undefined ? (this.boots[0]?.wallMs ?? 0) - 20_000 : this.wallAt(turn.at * MINUTE) - 20_000
    return new Date(wallMs).toISOString()
  }

  hookStamp(atMs: number): string | undefined {
    const turn = this.#turns.findLast(({ at, hook }) => at * MINUTE <= atMs && hook === true)
    return turn === undefined ? undefined : `${Math.floor(this.wallAt(turn.at * MINUTE) / 1000)}\n`
  }
}

/** All processes of a scenario, by the order of their beginnings. Those without a beginning are services: each boot starts them. */
export function livesOf(happens: readonly Happening[], { boots }: Clockwork): readonly Life[] {
  const programs = happens.filter((one) => one.kind === 'program')
  const drafts: Omit<Life, 'pid'>[] = []
  for (const program of programs) {
    for (const boot of boots) {
      const from = program.from === undefined ? boot.fromMs + 4000 : program.from * MINUTE
      if (from < boot.fromMs || from >= boot.untilMs) continue
      const until = program.until === undefined ? Number.POSITIVE_INFINITY : program.until * MINUTE
      drafts.push({ program, boot, fromMs: from, untilMs: Math.min(until, boot.untilMs) })
    }
  }
  const order = drafts.map((draft, index) => ({ draft, index }))
  order.sort((a, b) => a.draft.fromMs - b.draft.fromMs || a.index - b.index)
  const fixed = new Map([
    ['systemd', 1],
    ['kthreadd', 2],
  ])
  return order.map(({ draft }, index) => ({ ...draft, pid: fixed.get(draft.program.id) ?? 300 + index * 7 }))
}

/** CPU milliseconds that a process used itself, and its children that came and went, up to a moment. */
export function usedMs({ program, fromMs, untilMs }: Life, atMs: number): { own: number; ended: number } {
  const end = Math.min(atMs, untilMs)
  if (end <= fromMs) return { own: 0, ended: 0 }
  return {
    own: total(program.cpu ?? 0, fromMs, end) * 1000,
    ended: total(program.children ?? 0, fromMs, end) * 1000,
  }
}
