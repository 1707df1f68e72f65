// `make bench`: what the executable costs, beside its peers, on this machine; writes build/bench.json, docs/benchmarks.md and what README.md quotes.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AwsCloud, startAws } from '../clouds/aws.ts'
import { createAgent, executable, expectEc2 } from './agent-side.ts'
import { countEpisode, countSteady } from './calls.ts'
import { createCases } from './cases.ts'
import { canCrowd, ownTree } from './crowd.ts'
import { cronDays } from './days.ts'
import { createFloor } from './floor-side.ts'
import { holds, limitsOf } from './limits.ts'
import { describeMachine, installed, installTools } from './machine.ts'
import { measureCase, type Row } from './measure-cases.ts'
import { inShort, page, withQuote } from './page.ts'
import { createMeasurer, type Measurer } from './processes.ts'
import { costTable, dayTable, limitLine, missedLine, type Report, terminalTable } from './report.ts'
import { followStays } from './stays.ts'

const folder = 'build/bench'
const skipped: string[] = []
const interrupted = new AbortController()

/** With the seconds since the bench began. */
function say(line: string): void {
  process.stdout.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}\n`)
}

function skip(what: string): void {
  say(`SKIPPED  ${what}`)
  skipped.push(what)
}

function introduce(): void {
  process.stdout.write(`idle-agent bench: up to 10 minutes, 3 to 4 for single runs and 4 to 6 for what stays resident. As root it installs with apt-get
what is missing of ${installed.join(', ')}. At the end it writes docs/benchmarks.md and the figures
in README.md, also where a limit is missed. Ctrl-C ends it and leaves nothing behind.
`)
}

/** What is measured ends, all that was made for it goes, and the process ends when that is done. */
function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) return
      say('ending ...')
      process.once('exit', () => {
        rmSync(folder, { recursive: true, force: true })
        say(`ended; nothing was written, and ${existsSync(ownTree) ? ownTree : 'nothing'} is left behind`)
        process.exitCode = 130
      })
      interrupted.abort()
    })
  }
}

async function measureAll(measurer: Measurer, cloud: AwsCloud, aws: string): Promise<readonly Row[]> {
  const floor = await createFloor(measurer, cloud, join(folder, 'floor'))
  if (floor === undefined) skip('the floor: no C compiler (cc) that links statically')
  const crowded = canCrowd(folder)
  if (!crowded) skip('the crowded machine: that needs root, a C compiler (cc) and control groups of version 2')
  const rows: Row[] = []
  for (const one of await createCases(measurer, cloud, { folder, aws, floor, crowded })) {
    say(`${one.name}: ${one.pairs} times in turn: ${one.about}`)
    const end = await one.around?.()
    try {
      rows.push(await measureCase(measurer, one, join(folder, 'strace')))
    } finally {
      await end?.()
    }
  }
  return rows
}

async function countAll(measurer: Measurer, cloud: AwsCloud): Promise<Report['calls']> {
  say('calls, meanwhile: 100 steady checks, and two idle periods to their end; half a minute')
  const steady = await countSteady(measurer, cloud, join(folder, 'hundred'))
  const episodes = [
    await countEpisode(measurer, { metadataTags: true, folder: join(folder, 'episode-metadata') }),
    await countEpisode(measurer, { metadataTags: false, folder: join(folder, 'episode-describe') }),
  ]
  say('calls: counted')
  return { steady, episodes }
}

async function bench(): Promise<number> {
  if (!existsSync(executable)) throw new Error('there is no dist/idle-agent; make build')
  introduce()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const cloud = await startAws()
  const ending = new AbortController()
  let measurer: Measurer | undefined
  try {
    await expectEc2(createAgent(folder, cloud).look)
    const { aws } = installTools()
    endOnSignals()
    measurer = createMeasurer(folder, interrupted.signal)
    const rows = await measureAll(measurer, cloud, aws)
    // Counting takes half a minute, in which what stays is still warming up.
    const [{ days: resident, autosuspend }, calls] = await Promise.all([
      followAll(AbortSignal.any([ending.signal, interrupted.signal])),
      countAll(measurer, cloud),
    ])
    const days = [...rows.filter(({ name }) => name === 'steady').flatMap(cronDays), ...resident]
    const limits = limitsOf({ rows, days, calls })
    const [at, seconds] = [new Date().toISOString(), performance.now() / 1000]
    const machine = describeMachine(aws, autosuspend)
    return write({ at, seconds, machine, rows, days, calls, limits, skipped })
  } finally {
    ending.abort()
    await Promise.all([measurer?.close(), cloud.close()])
  }
}

async function followAll(signal: AbortSignal): ReturnType<typeof followStays> {
  say('resident: idle-agent run every 120 s and every 3 s, and autosuspend every 3 s, side by side; 4 to 6 minutes')
  const followed = await followStays(folder, { signal, say })
  if (followed.autosuspend === undefined) skip("autosuspend: apt-get cannot download Debian's package")
  return followed
}

/** Returns the exit code. */
function write(report: Report): number {
  writeFileSync('build/bench.json', `${JSON.stringify(report, undefined, 2)}\n`)
  writeFileSync('docs/benchmarks.md', page(report))
  writeFileSync('README.md', withQuote(readFileSync('README.md', 'utf8'), inShort(report)))
  process.stdout.write(`\n${terminalTable(costTable(report.rows))}\n\n${terminalTable(dayTable(report.days))}\n\n`)
  const lines = [...report.limits.map(limitLine), ...report.skipped.map((what) => `SKIPPED  ${what}`)]
  process.stdout.write(`${lines.join('\n')}\n\n`)
  say('build/bench.json, docs/benchmarks.md and what README.md quotes are written')
  say(missedLine(report.limits))
  return report.limits.every(holds) ? 0 : 1
}

try {
  process.exitCode = await bench()
} catch (error) {
  if (!interrupted.signal.aborted) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
