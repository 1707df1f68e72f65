// Runs one case by its name and tells the result; a process of its own, so that two run at a time.
import { parentPort, workerData } from 'node:worker_threads'
import { cases } from './cases.ts'

const run = cases[String(workerData)]
if (run === undefined) throw new Error(`there is no case ${String(workerData)}`)
parentPort?.postMessage(await run())
