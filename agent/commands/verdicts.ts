/** The checks of a capture as lines for a person. */
import type { Replayed } from '../check/replay.ts'
import { notRecorded } from '../host/replay.ts'
import { iso, stateInWords } from '../words.ts'

const colours = { active: 32, idle: 36, unknown: 31 } as const

/** Time, verdict and reason; below it what was done, but for tags. */
export function verdictLines(
  { checked, object }: Pick<Replayed, 'checked' | 'object'>,
  colour: boolean,
): readonly string[] {
  const { decision, deeds, look } = checked
  const { verdict, phase, reason } = decision
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const time = typeof object['at'] === 'string' ? iso(Date.parse(object['at'])) : ''
  // The verdict's reason is often a veto's own.
  const others = look.vetoes.map((veto) => veto.reason).filter((one) => !reason.includes(one))
  const held = [...new Set(others)].map((one) => `; ${one}`).join('')
  const done = toldDeeds(deeds)
  return [
    `${time}  ${paint(colours[verdict], verdict)}${stateInWords({ verdict, state: phase, reason })}: ${reason}${held}`,
    ...done.map(
      ({ action, result, detail }) => `${' '.repeat(time.length)}  ${paint(1, `→ ${action} ${result}`)}: ${detail}`,
    ),
  ]
}

/** What is news: not tags, and not that the machine runs on after a stop, since the cloud in memory stops nothing. */
function toldDeeds(deeds: Replayed['checked']['deeds']): Replayed['checked']['deeds'] {
  return deeds.filter(({ action, result, detail }) => {
    if (action === 'alert') return !detail.startsWith('still running ')
    return action !== 'tag' && !(action === 'reconcile' && result === 'failed')
  })
}

/** Does the verdict rest on something that the machine was not asked when it was recorded? */
function lacks({ checked: { decision, look } }: Replayed): boolean {
  if (decision.verdict === 'active') return false
  const unknown = look.readings.filter(({ kind }) => kind === 'unknown')
  return [...unknown, ...look.vetoes].some(({ reason }) => reason.includes(notRecorded))
}

function lackingWords(count: number): string {
  const checks = count === 1 ? '1 check asks' : `${count} checks ask`
  return `${checks} for what is not in the recording`
}

/** Tells the checks that say something new; of the others only how many there were. */
export interface Timeline {
  add(one: Replayed): readonly string[]
  /** The last line: how many checks there were, and how they went. */
  end(): readonly string[]
}

/** Reasons that differ in figures alone say the same. */
function kindOf({ checked: { decision, look } }: Replayed): string {
  const vetoes = look.vetoes.map(({ name }) => name)
  return JSON.stringify([decision.verdict, decision.phase, decision.reason.replace(/\d+/g, '#'), vetoes])
}

export function createTimeline(colour: boolean): Timeline {
  const counts = { active: 0, idle: 0, unknown: 0 }
  let last = ''
  let same = 0
  let acted = 0
  let lacking = 0
  const skipped = () => (same === 0 ? [] : [`  … ${same} more ${same === 1 ? 'check' : 'checks'} alike`])
  return {
    add(one) {
      const { decision, deeds } = one.checked
      counts[decision.verdict] += 1
      const told = toldDeeds(deeds)
      if (lacks(one)) lacking += 1
      acted += told.filter(({ action, result }) => result === 'done' && /^(hibernate|stop)$/.test(action)).length
      const kind = kindOf(one)
      if (kind === last && told.length === 0) {
        same += 1
        return []
      }
      const before = skipped()
      last = kind
      same = 0
      return [...before, ...verdictLines(one, colour)]
    },
    end() {
      const { active, idle, unknown } = counts
      const all = active + idle + unknown
      const stops = acted === 0 ? 'nothing would have been stopped' : `${acted} ${acted === 1 ? 'stop' : 'stops'}`
      return [
        ...skipped(),
        `${all} ${all === 1 ? 'check' : 'checks'}: ${active} active, ${idle} idle, ${unknown} unknown; ${stops}`,
        ...(lacking === 0
          ? []
          : [`${lackingWords(lacking)}, so this says little of it; capture with this configuration`]),
      ]
    },
  }
}
