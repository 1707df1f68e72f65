// The naive peers, after what they are known to do; written here from their descriptions.
import { ACT_MINUTES, SHARE, SLOT_MINUTES, SWITCH_MINUTES, TIMEOUTS } from './constants.ts'
import type { Contender, Policy } from './policy.ts'
import type { Series } from './series.ts'

type Signal = (slot: number) => boolean

/** Stops after so many minutes without the signal. */
function timeout(minutes: number, active: Signal): Policy {
  let quiet = 0
  return {
    start: () => {
      quiet = 0
    },
    look: (slot) => {
      quiet = active(slot) ? 0 : quiet + SLOT_MINUTES
      return quiet >= minutes
    },
  }
}

/** What a CloudWatch alarm would look at: 5 % of the machine, or 10 kB/s. */
function simple(series: Series): Signal {
  const bytes = (slot: number) => (series.received?.[slot] ?? 0) + (series.sent?.[slot] ?? 0)
  return (slot) => (series.cpu[slot] ?? 0) / series.cores > 0.05 || bytes(slot) > 10_000
}

function signalOf(series: Series, typed: Uint8Array | undefined): Signal {
  return typed === undefined ? simple(series) : (slot) => typed[slot] === 1
}

/** Weighs the time-outs by what each would have cost in the gaps so far, and shares some weight among all. */
function share(active: Signal): Policy {
  const cost = SWITCH_MINUTES[0]
  let weights: readonly number[] = TIMEOUTS.map(() => 1 / TIMEOUTS.length)
  let quiet = 0
  const chosen = () => TIMEOUTS.reduce((sum, minutes, at) => sum + minutes * (weights[at] ?? 0), 0)
  const learn = (gap: number): void => {
    const losses = TIMEOUTS.map((minutes) => (gap > minutes ? minutes + cost : gap))
    const best = Math.min(gap, cost)
    const scale = Math.max(...TIMEOUTS) + cost
    const kept = weights.map((weight, at) => weight * Math.exp((-SHARE.eta * ((losses[at] ?? 0) - best)) / scale))
    const sum = kept.reduce((a, b) => a + b, 0)
    weights = kept.map((weight) => (1 - SHARE.alpha) * (weight / sum) + SHARE.alpha / TIMEOUTS.length)
  }
  return {
    start: () => {
      quiet = 0
    },
    regret: (minutes) => learn(quiet + minutes),
    look: (slot) => {
      if (active(slot)) {
        if (quiet > 0) learn(quiet)
        quiet = 0
      } else quiet += SLOT_MINUTES
      return quiet >= chosen()
    },
  }
}

/** One of the peers that look at the machine itself. */
const machinePeers: readonly Contender[] = [
  {
    name: 'load1 > 0.5 or a session',
    about: `the agent of the source description; load taken as busy cores; ${ACT_MINUTES} min`,
    over: ({ cpu }, typed) => timeout(ACT_MINUTES, (slot) => (cpu[slot] ?? 0) > 0.5 || typed?.[slot] === 1),
  },
  {
    name: 'machine CPU < 10 %',
    about: `${ACT_MINUTES} min`,
    over: ({ cpu, cores }, typed) =>
      timeout(ACT_MINUTES, (slot) => (cpu[slot] ?? 0) / cores > 0.1 || typed?.[slot] === 1),
  },
]

export const peers: readonly Contender[] = [
  ...machinePeers,
  ...TIMEOUTS.map(
    (minutes): Contender => ({
      name: `fixed ${minutes} min`,
      about: 'without 5 % CPU or 10 kB/s',
      over: (series, typed) => timeout(minutes, signalOf(series, typed)),
    }),
  ),
  {
    name: 'share algorithm',
    about: `over ${TIMEOUTS.join(', ')} min, the same signal`,
    over: (series, typed) => share(signalOf(series, typed)),
  },
]
