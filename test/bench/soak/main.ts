// `make soak`: 90 days of checks with faults, and a sample of the executable beside them; writes build/soak.json and docs/soak.md.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { executable } from '../../e2e/machine.ts'
import { canMount } from '../../e2e/namespace.ts'
import { linesOf, notFlat } from './figures.ts'
import type { SoakResult } from './life.ts'
import { type Agreement, page, type SoakReport } from './page.ts'
import { soak } from './soak.ts'

/** 90 days of a check every two minutes. */
const CHECKS = 64_800
const SAMPLE_EVERY = 360
const BESIDE = 300
const SEED = 8
const resident = ['build/soak/idle-agent']

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function agreementOf(cron: SoakResult, other: SoakResult): Agreement {
  return {
    checks: cron.checks,
    same: cron.verdicts.filter((verdict, index) => verdict === other.verdicts[index]).length,
    deeds: cron.deeds.length,
    sameDeeds: cron.deeds.join() === other.deeds.join(),
    stops: cron.stops,
  }
}

async function bench(): Promise<number> {
  if (!canMount) throw new Error('a soak fills a disk of its own: root, with namespaces')
  const build = [
    'tools/build.ts',
    '--arch',
    process.arch,
    '--entry',
    'test/bench/soak/resident.ts',
    '--out',
    'build/soak',
  ]
  execFileSync(process.execPath, build, { stdio: 'inherit' })
  const faultless = { checks: BESIDE, sampleEvery: Number.POSITIVE_INFINITY, seed: SEED, faultsADay: 0 } as const
  say(`${BESIDE} checks of ${executable}, and as many of the resident agent`)
  const cron = await soak(faultless)
  const agreement = agreementOf(cron, await soak({ ...faultless, program: resident }))
  const long = await soak({
    checks: CHECKS,
    sampleEvery: SAMPLE_EVERY,
    seed: SEED,
    program: resident,
    past: true,
    faultsADay: 4,
    say,
  })
  const agent = execFileSync(executable, ['version'], { encoding: 'utf8' }).trim()
  const report: SoakReport = {
    at: new Date().toISOString(),
    agent,
    seed: SEED,
    sampleEvery: SAMPLE_EVERY,
    long,
    agreement,
  }
  mkdirSync('build', { recursive: true })
  const { verdicts: _, deeds: __, ...figures } = long
  writeFileSync('build/soak.json', `${JSON.stringify({ ...report, long: figures }, undefined, 2)}\n`)
  writeFileSync('docs/soak.md', page(report))
  const problems = [...long.problems, ...cron.problems, ...notFlat(linesOf(long.samples))]
  if (agreement.same < 0.99 * agreement.checks || !agreement.sameDeeds) problems.push('cron and resident do not agree')
  for (const problem of problems) say(`FAIL  ${problem}`)
  say(`${long.checks} checks, ${long.stops} stops; build/soak.json and docs/soak.md are written`)
  return problems.length === 0 ? 0 : 1
}

try {
  process.exitCode = await bench()
} catch (error) {
  process.stderr.write(`soak: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
}
