// `make bench`: what the executable costs, beside the peer, on this machine; writes build/bench.json and docs/benchmarks.md.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AwsCloud, startAws } from '../clouds/aws.ts'
import { executable } from './agent-side.ts'
import { countEpisode, countSteady } from './calls.ts'
import { createCases } from './cases.ts'
import { holds, limitsOf } from './limits.ts'
import { describeMachine, installTools } from './machine.ts'
import { measureCase, type Row } from './measure-cases.ts'
import { createMeasurer, type Measurer } from './processes.ts'
import { costTable, limitLine, page, type Report, terminalTable } from './report.ts'

const folder = 'build/bench'

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function measureAll(measurer: Measurer, cloud: AwsCloud, aws: string): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const one of await createCases(measurer, cloud, { folder, aws })) {
    say(`${one.name}: ${one.pairs} pairs: ${one.about}`)
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
  say('calls: 100 steady checks, and two idle periods to their end')
  const steady = await countSteady(measurer, cloud, join(folder, 'hundred'))
  const episodes = [
    await countEpisode(measurer, { metadataTags: true, folder: join(folder, 'episode-metadata') }),
    await countEpisode(measurer, { metadataTags: false, folder: join(folder, 'episode-describe') }),
  ]
  return { steady, episodes }
}

async function bench(): Promise<number> {
  if (!existsSync(executable)) throw new Error('there is no dist/idle-agent; make build')
  const { aws } = installTools()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const cloud = await startAws()
  const measurer = createMeasurer(folder)
  try {
    const rows = await measureAll(measurer, cloud, aws)
    const calls = await countAll(measurer, cloud)
    const limits = limitsOf(rows, calls)
    const report: Report = { at: new Date().toISOString(), machine: describeMachine(aws), rows, calls, limits }
    writeFileSync('build/bench.json', `${JSON.stringify(report, undefined, 2)}\n`)
    writeFileSync('docs/benchmarks.md', page(report))
    say(`\n${terminalTable(costTable(rows))}\n`)
    for (const limit of limits) say(limitLine(limit))
    say('\nbuild/bench.json and docs/benchmarks.md are written')
    return limits.every(holds) ? 0 : 1
  } finally {
    await Promise.all([measurer.close(), cloud.close()])
  }
}

try {
  process.exitCode = await bench()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
