// Captures of what people do in a guest, with the truth of when they did it, for test/scenarios/corpus-captured.test.ts to replay. Only on
// request, since what it writes is committed: CAPTURE_INTO=test/scenarios/corpus/captures node node_modules/.bin/vitest run test/guest/captures.test.ts
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Activity, activities, loggedIn, typeInto } from './activities.ts'
import type { Guest } from './guest.ts'
import { until } from './host.ts'
import { holdMs, idleMs, intervalMs, openStage, type Stage, thresholdMs } from './played.ts'
import { endpoints, guestsSkipped } from './story.ts'
import { packages, workbench } from './workbench.ts'

const folder = process.env['CAPTURE_INTO']

/** Somebody logs in and types. */
const typing: Activity = {
  begin: async (guest) => {
    const person = guest.ssh()
    await loggedIn(person)
    return { reason: /input on/, finish: typeInto(person) }
  },
  sensor: 'sessions',
  kind: 'active',
}

function named(name: string): Activity {
  const found = { ...activities, ...workbench }[name]
  if (found === undefined) throw new Error(`nobody plays "${name}"`)
  return found
}

const captured: Readonly<Record<string, Activity>> = {
  'typing-over-ssh': typing,
  'tunnel-forgotten': named('a tunnel over ssh is forgotten'),
  'job-in-a-detached-tmux': named('a detached tmux runs a polling test'),
  'shells-in-a-detached-tmux': named('a detached tmux with two shells'),
  'busy-thread': named('one busy thread'),
  'notebook-waits-in-a-cell': named('a notebook waits in a long cell, the browser closed'),
}

/** How long an activity goes on, and how long it is looked on afterwards. */
const [lastsMs, afterMs] = [18_000, thresholdMs + 3 * intervalMs]

/** Records every check in the guest until the file is closed; the agent that is installed does nothing meanwhile. */
async function capture(guest: Guest, name: string, forMs: number): Promise<() => Promise<Buffer>> {
  const [path, unit] = [`/var/tmp/${name}.jsonl.gz`, `capture-${name}`]
  const variables = endpoints.map((one) => `-E ${one}`).join(' ')
  const command = `idle-agent capture --every ${intervalMs / 1000}s --for ${Math.round(forMs / 1000)}s --out ${path}`
  await guest.ask(`systemctl stop idle-agent.timer; systemd-run -q --unit ${unit} ${variables} -- ${command}`)
  return async () => {
    await until(async () => (await guest.exec(`systemctl is-active ${unit}`)).stdout.trim() !== 'active', 60_000, unit)
    return Buffer.from(await guest.ask(`base64 -w0 ${path}`), 'base64')
  }
}

/** All frames compressed as one, and without what the mounts of a guest tell of the machine that it runs on. */
function smaller(frames: Buffer): Buffer {
  const text = gunzipSync(frames).toString()
  const told = text
    .replaceAll(resolve('dist/idle-agent'), '/idle-agent')
    .replace(/\b((?:lower|upper|work)dir)=[^,\s"\\]*/g, '$1=/guest')
  return gzipSync(told, { level: 9 })
}

describe.skipIf(folder === undefined || guestsSkipped('captures in a guest'))('captures', { timeout: 240_000 }, () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ name: 'nspawn-captures', packages })
    await sleep(20_000) // what the boot still does is no part of them
  }, 600_000)
  afterAll(() => stage?.close(), 60_000)

  test.each(Object.entries(captured))('%s', async (name, { begin, sensor, kind }) => {
    const { guest } = stage
    const into = folder ?? ''
    const longMs = kind === 'hold' ? holdMs + afterMs : lastsMs
    const taken = await capture(guest, name, 3 * intervalMs + longMs + afterMs + 20_000)
    await sleep(2 * intervalMs)
    const before = Date.now()
    const { finish } = await begin(guest)
    const began = Date.now()
    await sleep(longMs)
    const ending = Date.now()
    await finish()
    const ended = Date.now()
    const frames = await taken()
    expect(frames.length).toBeGreaterThan(1000)
    const warnMs = thresholdMs - idleMs
    const truth = {
      made: 'captured',
      sensor,
      kind,
      before,
      began,
      ending,
      ended,
      intervalMs,
      thresholdMs,
      holdMs,
      warnMs,
    }
    const source = `idle-agent capture in a Debian 12 guest of systemd-nspawn, ${new Date(before).toISOString().slice(0, 10)}`
    const config = await guest.ask('cat /root/idle-agent.yaml')
    mkdirSync(into, { recursive: true })
    writeFileSync(join(into, `${name}.jsonl.gz`), smaller(frames))
    writeFileSync(join(into, `${name}.json`), `${JSON.stringify({ source, ...truth, config }, undefined, 2)}\n`)
  })
})
