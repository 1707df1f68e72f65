// The resident agent of the soak: the check of `idle-agent run` again and again, on the real host but for its clocks, which whoever started it turns.
import { readdirSync } from 'node:fs'
import { getRawAsset, isSea } from 'node:sea'
import { parseArgs } from 'node:util'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { checkOnce } from '../../../agent/commands/run.ts'
import { version } from '../../../agent/commands/version.ts'
import type { Host, Store } from '../../../agent/host/host.ts'
import { createHost } from '../../../agent/host/real.ts'
import { runCommand } from '../../../agent/host/real-run.ts'
import type { Clocks } from '../../../agent/types.ts'
import type { FromResident, Held, ToResident } from './messages.ts'
import { mutants } from './mutants.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: '' },
    'state-dir': { type: 'string', default: '' },
    config: { type: 'string', default: '' },
    mutant: { type: 'string', default: '' },
  },
})

/** What hangs is waited for so much less, where the soak made it hang. */
const HURRY = 20

let base: Clocks = { wallMs: 0, bootMs: 0, monoMs: 0 }
/** Waited for what hangs, since the soak last told the time. */
let waitedMs = 0
let hurried = false
/** Changes of its files until it dies. */
let lifetime = Number.POSITIVE_INFINITY
let wake: (() => void) | undefined

function clocks(): Clocks {
  return { wallMs: base.wallMs + waitedMs, bootMs: base.bootMs + waitedMs, monoMs: base.monoMs + waitedMs }
}

// The SDK signs with it.
Date.now = () => clocks().wallMs

function tell(message: FromResident): void {
  process.send?.(message)
}

function patience(ms: number): number {
  return hurried ? Math.ceil(ms / HURRY) : ms
}

/** Time passes for whoever waited in vain. */
function gaveUp(ms: number): void {
  if (hurried) waitedMs += ms
}

async function sleep(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  wake = resolve
  tell({ kind: 'sleep', ms, waitedMs })
  await promise
}

/** The store, which the process may not survive: before or after each change there is a place to die. */
function mortal(store: Store): Store {
  const dies = (): void => {
    lifetime -= 1
    if (lifetime < 0) process.kill(process.pid, 'SIGKILL')
  }
  async function around<T>(change: () => Promise<T>): Promise<T> {
    dies()
    const done = await change()
    dies()
    return done
  }
  return {
    ...store,
    replace: (path, text, mode) => around(() => store.replace(path, text, mode)),
    append: (path, text, mode) => around(() => store.append(path, text, mode)),
    create: (path, text, mode) => around(() => store.create(path, text, mode)),
    remove: (path, options) => around(() => store.remove(path, options)),
  }
}

function createSoakHost(): Host {
  const real = createHost({ root: values.root, env: process.env })
  return {
    ...real,
    clocks,
    sleep,
    store: mortal(real.store),
    deadline(ms) {
      const controller = new AbortController()
      const late = (): void => {
        gaveUp(ms)
        controller.abort(new Error(`not done within ${ms} ms`))
      }
      const timer = setTimeout(late, patience(ms)).unref()
      return { signal: controller.signal, clear: () => clearTimeout(timer) }
    },
    async http(request) {
      try {
        return await real.http({ ...request, timeoutMs: patience(request.timeoutMs) })
      } catch (error) {
        if (error instanceof Error && error.message.includes('no complete answer')) gaveUp(request.timeoutMs)
        throw error
      }
    },
    // The programs of this machine, for the configuration names some by their whole path.
    run: async (argv, limits) => (argv[0]?.startsWith('/') === true ? runCommand(argv, limits) : undefined),
  }
}

/** The executable's own scripts (tools/blob.ts): pages of its file, which V8 counts among the buffers. */
const scriptBytes = isSea() ? getRawAsset('scripts').byteLength : 0

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

async function held(): Promise<Held> {
  // What was closed is gone some turns later.
  for (let turn = 0; turn < 3; turn += 1) await new Promise((done) => setTimeout(done, 5))
  // What V8 holds in reserve it gives back: it does so by itself where it rests between two checks, and nothing rests here.
  if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  const { rss, heapUsed, external } = process.memoryUsage()
  const codeBytes = getHeapSpaceStatistics()
    .filter(({ space_name }) => /code|trusted/.test(space_name))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0)
  const descriptors = readdirSync('/proc/self/fd').length
  const resources = process.getActiveResourcesInfo().length
  return {
    rssBytes: rss,
    heapBytes: heapUsed - codeBytes,
    codeBytes,
    externalBytes: external - scriptBytes,
    descriptors,
    resources,
  }
}

const wrong = values.mutant.split(',').flatMap((name) => mutants[name] ?? [])
const host = wrong.reduce((made, { host: change }) => change?.(made) ?? made, createSoakHost())
let said: string[] = []
const context = {
  host,
  flags: { json: false, root: values.root, stateDir: values['state-dir'], config: values.config },
  args: [],
  out: (line: string) => void said.push(line),
  colour: false,
}
// Whoever builds an executable asks it, to see that it runs.
if (positionals[0] === 'version') void version({ ...context, out: (line) => void process.stdout.write(`${line}\n`) })

async function answer(message: ToResident): Promise<void> {
  if (message.kind === 'measure') return tell({ kind: 'measured', held: await held() })
  base = message.clocks
  waitedMs = 0
  hurried = message.hurried
  if (message.kind === 'go') return wake?.()
  lifetime = message.diesAt ?? Number.POSITIVE_INFINITY
  for (const { check } of wrong) check?.()
  await checkOnce(context)
  tell({ kind: 'done', said, waitedMs })
  said = []
}

process.on('message', (message: ToResident) => void answer(message))
process.once('disconnect', () => process.exit())
tell({ kind: 'ready' })
