// What a day of checks costs, one every 2 minutes: started by cron each time, or by a program that stays.
import type { Spread } from './figures.ts'
import type { Row } from './measure-cases.ts'
import type { Stay } from './resident.ts'

export interface Day {
  readonly who: string
  readonly mode: 'cron' | 'resident'
  /** How far apart the checks were that were measured, and how many. */
  readonly intervalSeconds: number
  readonly checks: number
  /** Of one check; of a program that stays also what it did until the next one. */
  readonly checkMs: Spread
  readonly cpuSeconds: number
  /** What is held between checks, in MB: resident, and what of that is no page of a file. */
  readonly residentMb: number
  readonly privateMb: number
}

/** The default of `check_interval_minutes`, in seconds. */
export const INTERVAL_SECONDS = 120
export const checksADay = 86_400 / INTERVAL_SECONDS

/** Each side of the steady case, so often; without what cron and its shell take. */
export function cronDays({ pairs, agent, peer, floor }: Row): readonly Day[] {
  const sides = [
    { who: 'idle-agent', cost: agent },
    { who: 'peer', cost: peer },
    ...(floor === undefined ? [] : [{ who: 'floor', cost: floor }]),
  ]
  return sides.map(({ who, cost: { cpuMs } }) => {
    const cpuSeconds = (cpuMs.median * checksADay) / 1000
    const measured = { intervalSeconds: INTERVAL_SECONDS, checks: pairs, checkMs: cpuMs }
    return { who, mode: 'cron', ...measured, cpuSeconds, residentMb: 0, privateMb: 0 }
  })
}

/** The greatest figure of `idle-agent run`, at whatever interval it was followed. Throws where it was not. */
export function mostResident(days: readonly Day[], figure: 'residentMb' | 'cpuSeconds'): number {
  const ours = days.filter(({ who, mode }) => who === 'idle-agent' && mode === 'resident')
  if (ours.length === 0) throw new TypeError('the resident mode was not measured')
  return Math.max(...ours.map((day) => day[figure]))
}

/** So often what it took on average from one check to the next. */
export function residentDay(who: string, intervalSeconds: number, stay: Stay): Day {
  const { checks, cpuMs, totalCpuMs, residentMb, privateMb } = stay
  const cpuSeconds = (totalCpuMs / checks / 1000) * checksADay
  return { who, mode: 'resident', intervalSeconds, checks, checkMs: cpuMs, cpuSeconds, residentMb, privateMb }
}
