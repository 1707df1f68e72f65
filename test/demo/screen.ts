// What the demo prints: a line a check, and below it what changed in the cloud.
import type { Check } from './run-check.ts'

export interface Screen {
  title(text: string): void
  note(text: string): void
  gap(): void
  check(check: Check, atSeconds: number): void
  /** Something that happened in the simulated cloud. */
  cloud(text: string): void
}

const colours: Readonly<Record<string, number>> = {
  active: 32,
  counting: 36,
  idle: 33,
  held: 33,
  acting: 35,
  grace: 36,
}
const indent = ' '.repeat(18)

/** `active` is the state of a machine that stays up; where nothing could be told that is the word to show. */
function stateOf({ state, verdict }: Check): string {
  return state === 'active' && verdict === 'unknown' ? 'unknown' : state
}

/** A line for each thing that is said, by whoever says it; those with nothing to look at share the last. */
function evidenceLines({ readings }: Check): readonly string[] {
  const here = readings.filter(({ kind }) => kind !== 'absent')
  const said = Map.groupBy(here, ({ kind, reason }) => `${kind}: ${reason}`)
  const lines = [...said].map(([words, by]) => `${by.map(({ sensor }) => sensor).join(', ')} ${words}`)
  const absent = readings.filter(({ kind }) => kind === 'absent').map(({ sensor }) => sensor)
  return absent.length === 0 ? lines : [...lines, `nothing here for ${absent.join(', ')}`]
}

export function createScreen(): Screen {
  const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const say = (text: string): void => {
    process.stdout.write(`${text}\n`)
  }
  let evidence = ''
  return {
    title: (text) => say(paint(1, text)),
    note: (text) => say(`  ${text}`),
    gap: () => say(''),
    cloud: (text) => say(paint(34, `${indent}☁ ${text}`)),
    check(check, atSeconds) {
      const time = `${String(Math.floor(atSeconds)).padStart(4)} s`
      say(`${paint(2, time)}  ${paint(colours[stateOf(check)] ?? 0, stateOf(check).padEnd(9))} ${check.reason}`)
      const lines = [
        ...evidenceLines(check),
        ...check.vetoes.map(({ name, reason }) => `${name} forbids it: ${reason}`),
      ]
      const kinds = [
        ...check.readings.map(({ sensor, kind }) => `${sensor}${kind}`),
        ...check.vetoes.map(({ name }) => name),
      ].join()
      if (kinds !== evidence) for (const line of lines) say(paint(2, `${indent}${line}`))
      evidence = kinds
      for (const { action, result, detail } of check.actions) {
        if (action !== 'tag' || result !== 'done') say(`${indent}${paint(1, `→ ${action} ${result}`)}: ${detail}`)
      }
    },
  }
}
