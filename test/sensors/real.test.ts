/** The sensors on the machine that runs the tests: a real terminal, a real busy thread. Waits for the kernel, since its clocks cannot be cranked. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Host } from '../../agent/host/host.ts'
import { createHost } from '../../agent/host/real.ts'
import { cpu } from '../../agent/sensors/cpu.ts'
import { network } from '../../agent/sensors/network.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import { sessions } from '../../agent/sensors/sessions.ts'
import { sensors } from '../../agent/sensors/table.ts'
import type { Options } from '../../agent/types/options.ts'
import type { Reading } from '../../agent/types.ts'
import { closely, defaults } from './machine.ts'

const hasScript = spawnSync('script', ['--version']).status === 0
const machine = createHost({ root: '/', env: {} })

/** A check has a Host object of its own. */
function host(): Host {
  return { ...machine }
}

async function take<S>(sensor: Sensor<S>): Promise<{ sample: S; now: ReturnType<Host['clocks']> }> {
  const own = host()
  const now = own.clocks()
  return { now, sample: await sensor.read(own, new AbortController().signal) }
}

async function since<S, O extends Options>(
  sensor: Sensor<S, O>,
  before: { sample: S; now: ReturnType<Host['clocks']> },
): Promise<Reading> {
  const own = host()
  const now = own.clocks()
  const sample = await sensor.read(own, new AbortController().signal)
  const span = { now, ms: now.monoMs - before.now.monoMs }
  const context = { span, limits: defaults(sensor.options) }
  return closely(sensor, own, { now: sample, before: before.sample, ...context })
}

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
  onTestFinished(() => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  })
  return child
}

/** Judges again and again until a reading fits, at most 12 s. */
async function until(judge: () => Promise<Reading>, fits: (reading: Reading) => boolean): Promise<Reading> {
  let reading = await judge()
  for (let round = 0; round < 120 && !fits(reading); round += 1) {
    await machine.sleep(100)
    reading = await judge()
  }
  return reading
}

describe('this machine', () => {
  it('is read by every sensor', async () => {
    for (const sensor of sensors) {
      const before = await take(sensor)
      await machine.sleep(20)
      expect((await since(sensor, before)).reason).not.toBe('')
      expect(JSON.stringify(before.sample).length).toBeLessThan(100_000)
    }
  })

  it('has a busy thread, and says which', async () => {
    // Four threads, so that it has the largest share whatever else runs beside this test.
    const busy =
      "const { Worker } = require('node:worker_threads'); for (let i = 0; i < 4; i++) new Worker('for (;;);', { eval: true }); console.log(1)"
    const child = start(process.execPath, ['-e', busy])
    await once(child.stdout ?? child, 'data')
    const before = await take(cpu)
    const reading = await until(
      () => since(cpu, before),
      ({ reason }) => reason.includes(`(pid ${child.pid})`),
    )
    expect(reading).toMatchObject({ kind: 'active', unit: 'cores', limit: 0.1 })
    expect(reading.reason).toContain(`(pid ${child.pid})`)
  })

  it('sees bytes only where they leave the machine', async () => {
    const { sample } = await take(network)
    expect(sample.interfaces.map(({ name }) => name)).not.toContain('lo')
  })
})

describe.skipIf(!hasScript)('a terminal', () => {
  /** `script` with a program on a terminal of its own; resolves when that has written something. */
  async function onTerminal(command: string): Promise<ChildProcess & { readonly wrote: string }> {
    const child = start('script', ['-qfc', command, '/dev/null'])
    const [wrote] = await once(child.stdout ?? child, 'data')
    return Object.assign(child, { wrote: String(wrote) })
  }

  it('that is new is a person', async () => {
    const before = await take(sessions)
    await onTerminal('echo ready; exec cat')
    expect(await since(sessions, before)).toMatchObject({
      kind: 'active',
      reason: expect.stringMatching(/^input on pts\//),
      person: true,
    })
  })

  it('shows what is typed on it, and not what it prints', async () => {
    const child = await onTerminal('tty; exec cat')
    const before = await take(sessions)
    const name = /pts\/\d+/.exec(child.wrote)?.[0]
    const ofOurs = (reading: Reading) => reading.kind === 'active' && reading.reason.startsWith(`input on ${name} `)
    expect(ofOurs(await since(sessions, before))).toBe(false)
    const typed = async () => {
      child.stdin?.write('x\n')
      return await since(sessions, before)
    }
    const reading = await until(typed, ofOurs)
    expect(reading).toMatchObject({ kind: 'active', person: true })
    expect(reading.reason).toMatch(new RegExp(`^input on ${name} \\d s ago$`))
  })

  it('shows on /dev/tty what a program reads through that', async () => {
    const child = await onTerminal('echo ready; exec cat </dev/tty')
    const { sample } = await take(sessions)
    const read = async (): Promise<boolean> => {
      child.stdin?.write('x\n')
      const now = (await take(sessions)).sample.tty
      return now?.atimeMs !== sample.tty?.atimeMs && now?.ctimeMs === sample.tty?.ctimeMs
    }
    // The kernel shows one read in 8 s.
    await expect.poll(read, { timeout: 12_000, interval: 100 }).toBe(true)
  })

  it('shows the job in its foreground, and that it gets on', async () => {
    // A name of its own, so that it is told from what other tests run on terminals.
    const folder = mkdtempSync(join(tmpdir(), 'job-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    symlinkSync('/bin/sh', join(folder, 'ourjob'))
    await onTerminal(`echo ready; exec ${folder}/ourjob -c "while :; do sleep 0.05; done"`)
    const ours = async () => (await take(sessions)).sample.jobs.find(({ comm }) => comm === 'ourjob')
    let old = await ours()
    for (let round = 0; round < 50 && old === undefined; round += 1) {
      await machine.sleep(100)
      old = await ours()
    }
    await machine.sleep(300)
    expect((await ours())?.switches).toBeGreaterThan(old?.switches ?? Number.NaN)
  })
})
