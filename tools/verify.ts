// Runs the checks of `make check` and `make test` one after the other and closes with `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { type Count, countTests, tellFailures } from './count-tests.ts'

interface Step {
  readonly name: string
  readonly argv: readonly string[]
  /** Where vitest leaves its account; such a step counts its tests instead of itself. */
  readonly report?: string
}

const bin = 'node_modules/.bin'

function vitest(name: string, ...more: readonly string[]): Step {
  const report = `build/${name}.json`
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  return { name, report, argv: [`${bin}/vitest`, 'run', '--update=none', ...reporters, ...more] }
}

// Where arm64 can be neither fetched nor emulated, that is said, and the rest still has to hold.
const build: Step = { name: 'build', argv: ['tools/build.ts', '--may-skip'] }
const prepare: Step = { name: 'prepare guests', argv: ['test/guest/prepare.ts'] }

/** Beside real Jupyter servers, by the clock: alone, or what other tests do to the processor is in it. */
const byTheClock = 'test/sensors/notebooks-real.test.ts'

const quick: readonly Step[] = [
  { name: 'format and lint', argv: [`${bin}/biome`, 'check', '--error-on-warnings', '--max-diagnostics=100', '.'] },
  { name: 'promises', argv: [`${bin}/oxlint`, 'agent', 'provisioning', 'test', 'tools'] },
  { name: 'types', argv: [`${bin}/tsc`] },
  { name: 'imports', argv: ['tools/check-imports.ts'] },
  { name: 'files', argv: ['tools/check-files.ts'] },
  { name: 'docs', argv: ['tools/docs.ts', '--check'] },
]

const steps: Readonly<Record<string, readonly Step[]>> = {
  check: [
    ...quick,
    // Half of these wait for processes and loopback servers: a worker more than there are cores.
    vitest(
      'unit',
      '--exclude=test/{e2e,scenarios,bench,guest}/**',
      `--exclude=${byTheClock}`,
      `--maxWorkers=${cpus().length + 1}`,
    ),
  ],
  test: [
    ...quick,
    build,
    vitest('tests', '--exclude=test/{e2e,bench,guest}/**', `--exclude=${byTheClock}`, `--maxWorkers=${cpus().length}`),
    // By the clock, and many processes at once: a worker less than there are cores, as vitest does by itself.
    vitest('programs', 'test/e2e/', 'test/bench/', '--exclude=test/e2e/{crash/**,faults.test.ts}'),
    vitest('faults', 'test/e2e/faults.test.ts'),
    // Each of its checks is met at a certain call: no other tests beside them, either.
    vitest('crashes', 'test/e2e/crash/sample.test.ts'),
    prepare,
    // Their seconds count: no other tests beside them.
    vitest(
      'guests',
      'test/guest/',
      '--exclude=test/guest/{activities,attacks,azure,captures,cron,provisioned,qemu,quiet,workbench}.test.ts',
    ),
  ],
  e2e: [
    build,
    prepare,
    vitest('crashes', 'test/e2e/crash/every.test.ts'),
    vitest('notebooks', byTheClock),
    vitest('e2e', 'test/guest/', '--no-file-parallelism', '--exclude=test/guest/quiet.test.ts'),
    // Half an hour in which nothing may happen: last, and by itself.
    vitest('quiet', 'test/guest/quiet.test.ts'),
  ],
}

/** What is said of one failure at the end, where whoever sees the last lines alone finds it. */
const MOST_CHARS = 1500
const failures: string[] = []

function run(step: Step): Count {
  process.stdout.write(`\n--- ${step.name}\n`)
  if (step.report !== undefined) rmSync(step.report, { force: true })
  const { status } = spawnSync(process.execPath, step.argv, { stdio: 'inherit' })
  if (step.report !== undefined) {
    const json = existsSync(step.report) ? readFileSync(step.report, 'utf8') : ''
    failures.push(...tellFailures(json, MOST_CHARS))
    return countTests(json, status)
  }
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

const chosen = steps[process.argv[2] ?? '']
if (chosen === undefined) throw new Error(`usage: node tools/verify.ts ${Object.keys(steps).join('|')}`)
mkdirSync('build', { recursive: true })
const total = { passed: 0, failed: 0 }
const broken: string[] = []
for (const step of chosen) {
  const { passed, failed } = run(step)
  total.passed += passed
  total.failed += failed
  if (failed > 0) broken.push(step.name)
}
for (const text of failures) process.stdout.write(`\nfailed: ${text}\n`)
if (broken.length > 0) process.stdout.write(`\nfailed: ${broken.join(', ')}\n`)
process.exitCode = total.failed === 0 ? 0 : 1
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`)
