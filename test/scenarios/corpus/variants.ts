/** The same scenario on other machines: cores, names, control groups, a signal missing, checks that come late, another user in the opposite state. */
import { ssh } from './base.ts'
import type { Acts, Happening, Says, Scenario, Variant } from './scenario.ts'
import type { Model } from './world.ts'

export const variants: readonly Variant[] = [
  ...(['base', '2-cores', '8-cores', '96-cores', 'jitter', 'other-user', 'other-names'] as const),
  ...([
    'cgroup-v1',
    'cgroup-hybrid',
    'no-cgroup',
    'no-ss',
    'no-systemd-answer',
    'no-disk-counters',
    'no-sysfs-net',
  ] as const),
]

/** A scenario as it is played. */
export interface Staged {
  readonly scenario: Scenario
  readonly variant: Variant
  readonly model: Model
  /** Minutes. */
  readonly lasts: number
  readonly seed?: number
}

const usual: Model = { cores: 2, nic: 'ens5', disk: 'nvme0n1', cgroup: 'v2', missing: new Set() }

const changes: Partial<Record<Variant, Partial<Model>>> = {
  '2-cores': { cores: 2 },
  '8-cores': { cores: 8 },
  '96-cores': { cores: 96 },
  'other-names': { nic: 'eth0', disk: 'xvda' },
  'cgroup-v1': { cgroup: 'v1' },
  'cgroup-hybrid': { cgroup: 'hybrid' },
  'no-cgroup': { cgroup: 'none' },
  'no-ss': { missing: new Set(['ss']) },
  'no-systemd-answer': { missing: new Set(['systemctl']) },
  'no-disk-counters': { missing: new Set(['diskstats']) },
  'no-sysfs-net': { missing: new Set(['sysfs-net']) },
}

/** Minutes in which it is at least looked at. */
function lengthOf({ acts, lasts, needed }: Scenario): number {
  const ends = needed.map(([, until]) => until)
  if (acts === 'never') return lasts ?? Math.max(60, ...ends)
  const latest = Math.max(acts.last + 10 + (acts.hold ?? 0), acts.heldAtMost ?? acts.heldUntil ?? 0)
  return lasts ?? Math.max(latest, ...ends) + 8
}

const hold = 55

/** An idle login holds from the end of what others do. */
function heldToo(acts: Acts): Acts {
  const longer = Math.max(acts.hold ?? 0, hold)
  const atMost = acts.heldAtMost === undefined ? {} : { heldAtMost: acts.heldAtMost + longer - (acts.hold ?? 0) }
  return { ...acts, hold: longer, ...atMost }
}

/** Somebody else is logged in: idle at a prompt where the scenario's people work, at work where they do not. */
function withOther(scenario: Scenario): Scenario {
  const { acts, says = [], needed, happens } = scenario
  const until = lengthOf(scenario) + 4
  const other = { id: 'other', uid: 1777, user: 'zoe' }
  const last = acts === 'never' ? until : acts.last
  if (last > 0) {
    // Forgotten at the prompt since before: weak evidence, which holds from the end of the others' work.
    const since = -Math.min(90, (scenario.up ?? 180) - 1)
    const idler: readonly Happening[] = ssh({ ...other, from: since, typed: [since + 0.5] })
    const held: Acts | 'never' = acts === 'never' ? 'never' : heldToo(acts)
    return { ...scenario, happens: [...happens, idler], acts: held, says: says.map(onlyStrong) }
  }
  const busy: readonly Happening[] = ssh({ ...other, from: -20, typed: [{ from: -19, every: 50, until: until + 30 }] })
  return {
    ...{ ...scenario, happens: [...happens, busy], needed: [...needed, [0, until]], acts: 'never', lasts: until },
    says: [{ from: 0, until, verdict: 'active' }],
  }
}

/** What holds is somebody's else too, then, and moves what is asked only when an action is due. */
function onlyStrong(says: Says): Says {
  if (says.verdict === 'active') return says
  const { by: _, because: __, state: ___, veto: ____, ...rest } = says
  return rest
}

/** Where a core signal cannot be read, nothing is idle and nothing is done. */
function blind(scenario: Scenario): Scenario {
  const says = (scenario.says ?? []).flatMap((one): readonly Says[] => {
    if (one.verdict === 'active')
      return one.by?.includes('disk') === true ? [] : [{ from: one.from, until: one.until, verdict: 'active' }]
    return one.verdict === 'idle' ? [{ from: one.from, until: one.until, verdict: 'unknown', by: ['disk'] }] : []
  })
  const ends = scenario.acts === 'never' ? {} : { lasts: Math.min(lengthOf(scenario), 240) }
  return { ...scenario, acts: 'never', says, ...ends }
}

/** The scenario as a variant plays it; `undefined` where it would be another scenario. */
export function stage(scenario: Scenario, variant: Variant, seed = 1): Staged | undefined {
  if (scenario.without?.[variant] !== undefined) return undefined
  // Nobody stays logged in over a boot.
  const boots = scenario.happens.flat().some((one) => one.kind === 'turn' && one.off !== undefined)
  if (variant === 'other-user' && boots) return undefined
  const changed =
    variant === 'other-user' ? withOther(scenario) : variant === 'no-disk-counters' ? blind(scenario) : scenario
  const model = { ...usual, cores: scenario.cores ?? usual.cores, ...scenario.model, ...changes[variant] }
  const late = variant === 'jitter' ? { seed } : {}
  return { scenario: changed, variant, model, lasts: lengthOf(changed), ...late }
}
