/** The distribution's own units: the CPU time of those that run by their control groups, of those that ended by what systemd remembers; and which fetched. */
import type { Host } from '../host/host.ts'
import type { Instant } from '../types.ts'
import { type Group, groupGrowth } from './groups.ts'
import { fetchingUnits, housekeepingUnit, housekeepingUnits } from './known-agents.ts'

const folder = 'system.slice/'

function isHousekeeping([path, , , mark]: Group): boolean {
  if (mark !== undefined) return true
  return path.startsWith(folder) && housekeepingUnit.test(path.slice(folder.length))
}

/** CPU time in the interval of the units that are there at its end, in milliseconds. Throws if a counter went down. */
export function runningMs(now: readonly Group[], before: readonly Group[]): number {
  const units = now.filter(isHousekeeping)
  return units.reduce((sum, unit) => sum + groupGrowth(unit, before), 0) / 1000
}

/** The most that units which have ended can have used in the interval, in milliseconds: what their slice grew by, less those that still run. */
export function endedAtMostMs(now: readonly Group[], before: readonly Group[]): number {
  const slice = now.find(([path]) => path === 'system.slice')
  // A slice made anew would count whole; it never is while systemd runs.
  if (slice === undefined || !before.some(([path, ino]) => path === slice[0] && ino === slice[1])) return 0
  return Math.max(0, groupGrowth(slice, before) / 1000 - runningMs(now, before))
}

/** The last run of a unit, as systemd tells it, on the monotonic clock. */
export interface UnitRun {
  readonly unit: string
  readonly began: Instant
  /** Not there while it runs. */
  readonly ended?: Instant
  /** CPU time of all its processes in microseconds, where it was counted. */
  readonly usedUs?: number
}

const properties = ['Id', 'CPUUsageNSec', 'InactiveExitTimestampMonotonic', 'InactiveEnterTimestampMonotonic']

/**
 * Parses `systemctl show`: blocks of KEY=VALUE. A unit that never ran is left out, and so is what is not understood: then
 * it excuses nothing. CPU time that was not counted is `[not set]`, or 2^64 - 1 in older versions.
 */
export function parseRuns(text: string): readonly UnitRun[] {
  return text.split(/\n\n+/).flatMap((block) => {
    const fields = new Map(block.split('\n').map((line) => [line.replace(/=.*/, ''), line.replace(/^[^=]*=/, '')]))
    const [used, began, ended] = properties.slice(1).map((name) => number(fields.get(name)))
    if (began === undefined || ended === undefined || began === 0) return []
    const end = ended < began ? {} : { ended: ended / 1000 }
    const cpu = used === undefined ? {} : { usedUs: used / 1000 }
    return [{ unit: fields.get('Id') ?? '', began: began / 1000, ...end, ...cpu }]
  })
}

function number(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

/** Two moments of the monotonic clock, and the groups at them. */
export interface Between {
  readonly from: Instant
  readonly to: Instant
  readonly before: readonly Group[]
  readonly now: readonly Group[]
}

/** CPU time between the moments of units that ended between them, in milliseconds. Of one that began earlier, what came on top of the earlier sample. */
export function endedMs(
  runs: readonly UnitRun[],
  { from, to, before, now }: Between,
  counts = (unit: string): boolean => housekeepingUnit.test(unit),
): number {
  let us = 0
  for (const { unit, began, ended, usedUs } of runs) {
    const path = `${folder}${unit}`
    if (ended === undefined || usedUs === undefined || !counts(unit)) continue
    if (ended <= from || ended > to || now.some(([name]) => name === path)) continue
    // One that ran already and is in no earlier sample may have used all its time before the interval.
    const base = began >= from ? 0 : (before.find(([name]) => name === path)?.[2] ?? usedUs)
    us += Math.max(0, usedUs - base)
  }
  return us / 1000
}

const ASK_MS = 7_000

/** Asks systemd about the last runs of units. No systemd: none. Throws HostError past its time. */
export async function askRuns(host: Host, units: readonly string[], signal: AbortSignal): Promise<readonly UnitRun[]> {
  const argv = ['systemctl', 'show', `--property=${properties.join(',')}`, '--', ...units]
  const answer = await host.run(argv, { timeoutMs: ASK_MS, signal })
  return answer?.status === 0 ? parseRuns(answer.stdout) : []
}

/** An answer belongs to the Host object it was asked through: every look of the loop has a Host object of its own. */
const answers = new WeakMap<Host, Promise<readonly UnitRun[]>>()

/** Asks systemd once a look; it keeps the figures of a unit's last run after its control group is gone. No systemd: none. Throws HostError past its time. */
export function unitRuns(host: Host, signal: AbortSignal): Promise<readonly UnitRun[]> {
  const units = housekeepingUnits.map((name) => `${name}.service`)
  const answer = answers.get(host) ?? askRuns(host, units, signal)
  answers.set(host, answer)
  return answer
}

/** What has run for longer is a service that waits, or hangs, and excuses nothing. */
const LONGEST_MS = 2 * 3_600_000

/** Units that ran at some time between the two moments, without their suffix. */
export function ranBetween(runs: readonly UnitRun[], from: Instant, to: Instant): readonly string[] {
  return runs
    .filter(({ began, ended }) => began < to && (ended === undefined || ended > from) && from - began < LONGEST_MS)
    .map(({ unit }) => unit.replace(/\.service$/, ''))
}

/** A unit that fetches and ran at some time between the two moments, without its suffix. */
export function fetcher(runs: readonly UnitRun[], from: Instant, to: Instant): string | undefined {
  return ranBetween(runs, from, to).find((name) => fetchingUnits.has(name))
}
