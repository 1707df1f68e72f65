// `make soak`: 90 days of checks with faults, and a sample of the executable beside them; writes build/soak.json and docs/soak.md.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { executable } from '../../e2e/machine.ts'
import { canMount } from '../../e2e/namespace.ts'
import { type Agreement, page, type SoakReport, wrongIn } from './page.ts'
import type { SoakResult } from './result.ts'
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

function versionOf(program: string): string {
  return execFileSync(program, ['version'], { encoding: 'utf8' }).trim()
}

function agreementOf(cron: SoakResult, other: SoakResult): Agreement {
  return {
    checks: cron.checks,
    same: cron.verdicts.filter((verdict, index) => verdict === other.verdicts[index]).length,
    deeds: cron.deeds.length,
    sameDeeds: cron.deeds.join() === other.deeds.join(),
    stops: cron.stops,
    problems: [...cron.problems, ...other.problems],
  }
}

async function measure(): Promise<SoakReport> {
  const faultless = { checks: BESIDE, sampleEvery: Number.POSITIVE_INFINITY, seed: SEED, faultsADay: 0 } as const
  say(`${BESIDE} checks of ${executable}, and as many of the resident agent: a minute`)
  const cron = await soak(faultless)
  const agreement = agreementOf(cron, await soak({ ...faultless, program: resident }))
  const faulty = { checks: CHECKS, sampleEvery: SAMPLE_EVERY, seed: SEED, faultsADay: 4, past: true } as const
  const { verdicts: _, deeds: __, ...long } = await soak({ ...faulty, program: resident, say })
  const [agent = '', beside = ''] = [...resident, executable].map(versionOf)
  return { at: new Date().toISOString(), agent, beside, seed: SEED, sampleEvery: SAMPLE_EVERY, long, agreement }
}

async function bench(): Promise<number> {
  if (!canMount) {
    process.stderr.write('soak: it fills a disk of its own, which takes root and mount namespaces\n')
    return 2
  }
  say('about 12 minutes; docs/soak.md is written anew')
  const from = ['--arch', process.arch, '--entry', 'test/bench/soak/resident.ts']
  // What dist/ was made of stays: tests ask it what a check loads.
  const into = ['--out', 'build/soak', '--bundle', 'build/soak/bundle']
  execFileSync(process.execPath, ['tools/build.ts', ...from, ...into], { stdio: 'inherit' })
  const report = await measure()
  mkdirSync('build', { recursive: true })
  writeFileSync('build/soak.json', `${JSON.stringify(report, undefined, 2)}\n`)
  writeFileSync('docs/soak.md', page(report))
  for (const problem of wrongIn(report)) say(`FAIL  ${problem}`)
  say('build/soak.json and docs/soak.md are written')
  return wrongIn(report).length === 0 ? 0 : 1
}

try {
  process.exitCode = await bench()
} catch (error) {
  process.stderr.write(`soak: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
}
