// `make bench-fleet`: what many machines do to one account. Writes build/fleet.json and docs/fleet.md; with names of cases, only those are run anew.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { cases, type Result } from './cases.ts'
import { type CaseResults, misses, page } from './page.ts'

const jsonPath = 'build/fleet.json'
/** What the whole takes, roughly. */
const MINUTES = 15

function runCase(name: string): Promise<CaseResults> {
  const began = performance.now()
  const resourceLimits = { maxOldGenerationSizeMb: 6_000 }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: name, resourceLimits })
  return new Promise((resolve, reject) => {
    worker.on('message', ({ hours, results }: { hours?: number; results?: readonly Result[] }) => {
      const wallSeconds = Math.round((performance.now() - began) / 1_000)
      process.stdout.write(`${name}: ${wallSeconds} s${hours === undefined ? '' : `, at hour ${hours.toFixed(1)}`}\n`)
      if (results === undefined) return
      for (const { name: which, stretch } of results) process.stdout.write(`  ${which}: ${callsInWords(stretch)}\n`)
      resolve({ name, wallSeconds, results })
    })
    worker.once('error', reject)
  })
}

function callsInWords({ perSuccess }: Result['stretch']): string {
  return Number.isFinite(perSuccess) ? `${perSuccess.toFixed(3)} calls a success` : 'no call accepted'
}

/** Keeps what was found at once: the next run may be of other cases alone. */
function keep(found: readonly CaseResults[]): readonly CaseResults[] {
  mkdirSync('build', { recursive: true })
  const before: readonly CaseResults[] = existsSync(jsonPath) ? JSON.parse(readFileSync(jsonPath, 'utf8')) : []
  const all = Object.keys(cases).flatMap((name) => [...found, ...before].find((one) => one.name === name) ?? [])
  writeFileSync(jsonPath, `${JSON.stringify(all, undefined, 1)}\n`)
  return all
}

/** As many at a time as there are cores. */
async function bench(names: readonly string[]): Promise<void> {
  const waiting = [...names]
  const cores = Math.min(4, availableParallelism())
  if (names.length > 1)
    process.stdout.write(
      `${names.length} cases, ${cores} at a time: ${names.join(', ')}; about ${MINUTES} min on 2 cores, 3 GB of memory; docs/fleet.md is written anew\n`,
    )
  async function work(): Promise<void> {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) keep([await runCase(name)])
  }
  await Promise.all(Array.from({ length: cores }, work))
  const all = keep([])
  writeFileSync('docs/fleet.md', page(all))
  for (const line of misses(all)) process.stdout.write(`not reached: ${line}\n`)
  process.stdout.write(`${jsonPath} and docs/fleet.md are written\n`)
}

try {
  const only = process.argv.slice(2)
  // `page` runs none, and writes the page of what is there.
  const names = only.length === 0 ? Object.keys(cases) : only.filter((name) => name !== 'page')
  const wrong = names.filter((name) => !(name in cases))
  if (wrong.length === 0) await bench(names)
  else {
    process.stderr.write(
      `bench-fleet: no case ${wrong.join(', ')}; there are ${Object.keys(cases).join(', ')}, and page\n`,
    )
    process.exitCode = 2
  }
} catch (error) {
  process.stderr.write(`bench-fleet: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
}
