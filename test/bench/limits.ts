// What must hold, checked against what was measured.
import type { EpisodeCalls, SteadyCalls } from './calls.ts'
import { type Day, mostResident } from './days.ts'
import type { CaseName, Row } from './measure-cases.ts'

export interface Limit {
  readonly what: string
  readonly measured: number
  readonly atMost: number
  readonly unit: string
}

/** A limit that holds exactly is held. */
export function holds({ measured, atMost }: Limit): boolean {
  return measured <= atMost
}

/** What the limits are compared with. */
export interface Measured {
  readonly rows: readonly Row[]
  readonly days: readonly Day[]
  readonly calls: { readonly steady: SteadyCalls; readonly episodes: readonly EpisodeCalls[] }
}

/** Throws if a case that has a limit was not measured. */
export function limitsOf({ rows, days, calls }: Measured): readonly Limit[] {
  const row = (name: CaseName): Row => {
    const found = rows.find((one) => one.name === name)
    if (found === undefined) throw new TypeError(`no case ${name} was measured`)
    return found
  }
  const [steady, writing] = [row('steady'), row('writing')]
  const { steady: quiet, episodes } = calls
  return [
    { what: 'steady check: CPU beside the peer', measured: steady.peer.cpuRatio.median, atMost: 0.1, unit: 'of it' },
    {
      what: 'steady check: wall time beside the peer',
      measured: steady.peer.wallRatio.median,
      atMost: 0.1,
      unit: 'of it',
    },
    { what: 'steady check: CPU', measured: steady.agent.cpuMs.median, atMost: 80, unit: 'ms' },
    { what: 'steady check: peak memory', measured: steady.agent.peakMb.median, atMost: 80, unit: 'MB' },
    { what: 'writing check: CPU beside the peer', measured: writing.peer.cpuRatio.median, atMost: 0.25, unit: 'of it' },
    ...rows
      .filter(({ name }) => name === 'crowded')
      .flatMap(({ agent }) => [
        { what: 'steady check on a crowded machine: CPU', measured: agent.cpuMs.median, atMost: 500, unit: 'ms' },
        {
          what: 'steady check on a crowded machine: peak memory',
          measured: agent.peakMb.median,
          atMost: 120,
          unit: 'MB',
        },
      ]),
    { what: 'resident: memory between checks', measured: mostResident(days, 'residentMb'), atMost: 60, unit: 'MB' },
    { what: 'resident: CPU a day', measured: mostResident(days, 'cpuSeconds'), atMost: 20, unit: 's' },
    { what: `EC2 calls in ${quiet.checks} steady checks`, measured: quiet.ec2, atMost: 0, unit: 'calls' },
    { what: 'metadata requests in a steady check', measured: quiet.metadataAtMost, atMost: 2, unit: 'requests' },
    ...episodes.map(({ metadataTags, ec2 }) => ({
      what: `EC2 calls from last activity to stopped, tags in metadata ${metadataTags ? 'on' : 'off'}`,
      measured: ec2,
      atMost: 4,
      unit: 'calls',
    })),
  ]
}
