// The page docs/soak.md: everything on it comes from the two lives that a soak is.
import { cpus, release, totalmem } from 'node:os'
import { table } from '../accuracy/page.ts'
import { spreadOf } from '../figures.ts'
import { answerOf, type Cost, costOf, type FaultName, waits } from './faults.ts'
import { type Flat, linesOf, notFlat, type Sample } from './figures.ts'
import { MINUTE } from './owner.ts'
import type { Call } from './promises.ts'
import type { SoakResult } from './result.ts'

/** How the executable as cron runs it compares with the resident agent, check by check. */
export interface Agreement {
  readonly checks: number
  readonly same: number
  readonly deeds: number
  readonly sameDeeds: boolean
  readonly stops: number
  readonly problems: readonly string[]
}

export interface SoakReport {
  readonly at: string
  /** What the resident agent and the executable beside it say that they are. */
  readonly agent: string
  readonly beside: string
  readonly seed: number
  readonly sampleEvery: number
  readonly long: Omit<SoakResult, 'verdicts' | 'deeds'>
  readonly agreement: Agreement
}

/** What does not hold, a line each. */
export function wrongIn({ long, agreement }: SoakReport): readonly string[] {
  const { checks, same, sameDeeds, problems } = agreement
  const apart = same < 0.99 * checks || !sameDeeds ? ['cron and resident do not agree'] : []
  return [...long.problems, ...problems, ...notFlat(linesOf(long.samples)), ...apart]
}

const [width, height] = [90, 7]

/** A line over the days of checks, from 0 to a little more than the most it ever was. */
export function chart(title: string, figures: readonly number[]): string {
  const most = Math.max(...figures, Number.MIN_VALUE) * 1.1
  const columns = Array.from(
    { length: width },
    (_, column) => figures[Math.floor((column * figures.length) / width)] ?? 0,
  )
  const rows = Array.from({ length: height }, (_, row) => {
    const line = height - 1 - row
    const body = columns.map((figure) =>
      Math.min(height - 1, Math.floor((figure / most) * height)) === line ? '*' : ' ',
    )
    const label = (((line + 0.5) / height) * most).toPrecision(3)
    return `${label.padStart(9)} |${body.join('').trimEnd()}`
  })
  return [title, ...rows, `${' '.repeat(9)} +${'-'.repeat(width)}`].join('\n')
}

function shown(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(1))) : 'bounded'
}

function flatTable(lines: readonly Flat[]): string {
  const rows = lines.map(({ what, unit, first, last, most, rise, mayRise, mayBe }) => {
    return [unit === '' ? what : `${what}, ${unit}`, ...[first, last, most, mayBe, rise, mayRise].map(shown)]
  })
  return table(['', 'after warming up', 'at the end', 'most', 'at most', 'rise', 'may rise'], rows)
}

function charts(samples: readonly Sample[]): string {
  const drawn: readonly (readonly [string, (sample: Sample) => number])[] = [
    ['resident memory, MB', ({ rssBytes }) => rssBytes / 1e6],
    ['objects, MB', ({ heapBytes }) => heapBytes / 1e6],
    ['compiled code, MB', ({ codeBytes }) => codeBytes / 1e6],
    ['open descriptors', ({ descriptors }) => descriptors],
    ['state file, kB', ({ stateBytes }) => stateBytes / 1e3],
    ['all files of the agent, kB', ({ folderBytes }) => folderBytes / 1e3],
  ]
  return drawn.map(([title, of]) => chart(title, samples.map(of))).join('\n\n')
}

function hostLine(): string {
  return `${cpus().length} cores of ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 1e9)} GB, Linux ${release()}`
}

const costs: Readonly<Record<Cost, string>> = {
  unsent: 'its end',
  unseen: 'the threshold, from the first check after it',
  turned: 'the threshold, from the first check after it began',
  forgotten: 'grace and threshold, from the first check after it began',
}

function costInWords(name: FaultName): string {
  const answer = answerOf(name)
  if (answer === undefined) return costs[costOf(name)]
  const minutes = [1, 2, 3, 4].map((count) => waits[answer](count)).join(', ')
  return `${costs.unsent}; after each call ${minutes} min${answer === 'denied' ? '' : ', and one interval for a moment of its own'}`
}

/** How many stops came later for a fault, and how long after the machine was due at most, in minutes. */
function waitedFor(name: FaultName, calls: readonly Call[]): readonly string[] {
  const late = calls.filter(({ fault }) => fault === name).map(({ lateMs }) => lateMs)
  return [String(late.length), late.length === 0 ? '' : (Math.max(...late) / MINUTE).toFixed(1)]
}

/** What else the machine had to do. */
function loadIn(samples: readonly Sample[]): string {
  const { median, max } = spreadOf(samples.map(({ load }) => load))
  return `Load of the machine (/proc/loadavg, 1 min): ${median.toFixed(1)} in the median, ${max.toFixed(1)} at most; the soak itself is about 1, the rest is other work beside it. The clocks
are turned, so that this makes the minutes longer that it takes, and nothing else, unless a deadline of real time is missed.`
}

/** The page. */
export function page(report: SoakReport): string {
  const { at, agent, beside, seed, sampleEvery, long, agreement } = report
  const wrong = wrongIn(report)
  const faults = Object.entries(long.faults).sort(([, one], [, other]) => other - one)
  const free = long.calls.filter(({ fault }) => fault === undefined)
  const late = spreadOf(free.length === 0 ? [0] : free.map(({ lateMs }) => lateMs / 1000))
  const count = (value: number): string => value.toLocaleString('en')
  return `# Soak

Generated by \`make soak\`; do not edit. ${at.slice(0, 10)}, ${hostLine()}. Seed ${seed}.
\`${agent}\`. ${loadIn(long.samples)}

A resident agent, in one process from the first check to the last: an executable that \`tools/build.ts\` makes of
\`test/bench/soak/resident.ts\`, which has the check of \`idle-agent run\`, the AWS driver, all sensors and vetoes and the real
store, and differs in its clocks, which the soak turns. Each check makes its requests to metadata and to EC2 over real HTTP, to the
loopback cloud. Sensors read a folder that stands for the machine, which the soak writes as time passes; state, journal, history and
log lie on a file system of 8 MB, which is really full when it is. Nothing of the system is run for such a folder; a command of the
operator's is, for a tenth of the time. A cold boot would end the process; here it goes on, so that its
lines are of all the checks. It compiles for speed and never begins anew, as \`run\` does where it holds too much: these lines say how memory
rises; what \`run\` holds is in docs/benchmarks.md.

${count(long.checks)} checks, one every two minutes: as many as in ${Math.round(long.checks / 720)} days on a machine that is always up; with the time that this one was off, ${long.days} days of
its calendar. ${count(long.requests.metadata)} requests to metadata, ${count(long.requests.api)} to EC2. ${count(long.stops)} stops, ${long.resumes} resumes, ${long.boots} boots. ${Math.round(long.seconds / 60)} minutes.

## Flat lines

Measured every ${sampleEvery} checks, when the garbage is collected and V8 has given back what it holds in reserve; between two real checks it has minutes for that. Warming up: the first tenth. Rise: of the line of least squares, from the first
to the last measurement after that. What may rise may do so by less than the smallest thing would come to that stays at each check, or at each stop;
of what is counted, by less than one. An object of 16 bytes at each check would be ${((long.checks * 16) / 1e6).toFixed(1)} MB. Compiled code rises as V8 compiles, again and again, what has run
often enough. History and log grow until they are rolled up; their bounds, the state's and the journal's are the product's.

${flatTable(linesOf(long.samples))}

\`\`\`
${charts(long.samples)}
${' '.repeat(11)}0${`${count(long.checks)} checks`.padStart(width - 1)}
\`\`\`

## What went wrong, and how often

${table(
  ['fault', 'times', 'what the machine may have to wait for', 'stops that did', 'at most, min'],
  faults.map(([name, times]) => [name, String(times), costInWords(name), ...waitedFor(name, long.calls)]),
)}

"processes killed": each check of that time is one of a process of its own that is killed by SIGKILL, at a random change of its files or
a random moment: ${long.killed} were. What hangs is waited for a twentieth of its time.

## Every action accounted for

What is asked (what does not hold is at the end of this page): each call that stops the machine is counted at the cloud and held against the
log after every check, over ${long.rewritings} rewritings of the log; where the process was killed, the disk full or the log just rewritten, against the outcome that
follows. Of ${count(long.stops)} accepted stops each has its intent on disk before and its outcome in the log after; of ${count(long.auditLines)} lines, those of the last 90 days
are there at the end, what was done one by one, the rest at least summed up. Never a stop while the owner typed, a job worked or a lease held. Never up longer
than threshold and one check without a fault that explains it; where none came before (${free.length} stops), the call came ${late.median.toFixed(0)} s after the
machine was due, at most ${late.max.toFixed(0)} s.

## Beside the executable as cron runs it

The same owner without faults, ${agreement.checks} checks of \`dist/idle-agent check --act\`, unmodified${beside === agent ? '' : ` (\`${beside}\`)`}, a process each, under clocks that run ahead by
\`test/e2e/clocks.c\`: ${agreement.same} of ${agreement.checks} verdicts as those of the resident agent, ${agreement.stops} stops, ${agreement.deeds} lines in the log, ${agreement.sameDeeds ? 'the same in the same order' : 'not the same'}.

## What does not hold

${wrong.length === 0 ? 'Nothing.' : wrong.map((problem) => `- ${problem}`).join('\n')}
`
}
