// Runs one case by its name and tells the result; a process of its own, so that two run at a time.
import { parentPort, workerData } from 'node:worker_threads'
import { cases } from './cases.ts'
import { HOUR } from './life.ts'
import { Timeline } from './timeline.ts'

const EVERY_MS = 30_000

const run = cases[String(workerData)]
if (run === undefined) throw new Error(`there is no case ${String(workerData)}`)
let toldMs = performance.now()
Timeline.told = (now) => {
  if (performance.now() - toldMs < EVERY_MS) return
  toldMs = performance.now()
  parentPort?.postMessage({ hours: now / HOUR })
}
parentPort?.postMessage({ results: await run() })
