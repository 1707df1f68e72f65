// The story that the agent is for: a quiet machine is called idle, warned, looked at again and hibernated; and its owner comes back.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { acted, type Checked, fastest, type Machine, quick, startMachine } from '../machine.ts'
import { normalised } from '../normalised.ts'

const fresh = { IdleStatus: 'active', IdleSince: '', IdleAction: '', IdleReason: '' }

function inSeconds(text: string | null): string {
  return `${String(text).slice(0, 19)}Z`
}

/** Every file below a folder with its content and its times. */
function snapshot(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const stat = statSync(join(folder, name))
      const text = stat.isFile() ? readFileSync(join(folder, name), 'utf8') : ''
      return `${name} ${stat.mode.toString(8)} ${stat.mtimeMs} ${stat.ctimeMs} ${text}`
    })
}

/** Distinct outputs in order: under load one more or one fewer check may find the same. */
function distinct(texts: readonly string[]): string {
  return texts.filter((text, index) => text !== texts[index - 1]).join('\n')
}

async function byHand(machine: Machine): Promise<string> {
  const before = snapshot(machine.stateDir)
  const api = machine.cloud.requests.counts().api
  const ran = await machine.run('check', ...machine.flags)
  expect([ran.code, ran.stderr]).toEqual([0, ''])
  expect(snapshot(machine.stateDir)).toEqual(before)
  expect(machine.cloud.requests.counts().api).toBe(api)
  return ran.stdout
}

test.concurrent('from quiet to hibernated', { timeout: 90_000 }, async ({ expect: expects, onTestFinished }) => {
  const machine = await startMachine({ cloud: {} })
  onTestFinished(() => machine.close())
  const seen = await machine.until(({ check }) => check.state === 'idle')
  const looked = await byHand(machine)
  const told = (await machine.run('status', ...machine.flags)).stdout
  const rest = await machine.until(acted)
  const all = [...seen, ...rest]
  await machine.cloud.waitForState('stopped')
  expectTags(all)
  expectCosts(all)
  expectRecords(machine)
  for (const { code, stderr } of all) expect([code, stderr]).toEqual([0, ''])
  expect(machine.stops()).toEqual(['hibernate accepted'])
  expect(machine.cloud.instance()).toMatchObject({ state: 'stopped', hibernated: true })
  expectNeverEarly(all)
  const texts = distinct(all.map(({ stdout }) => normalised(stdout)))
  await expects(texts).toMatchFileSnapshot('../golden/e2e-check.json')
  await expects(normalised(`${looked}\n${told}`)).toMatchFileSnapshot('../golden/e2e-check-and-status.txt')
})

function expectTags(all: readonly Checked[]): void {
  const [first] = all
  expect(first?.check).toMatchObject({ verdict: 'unknown', state: 'active' })
  const since = inSeconds(all.find(({ check }) => check.state === 'idle')?.check.idleSince ?? null)
  for (const { check, tags } of all) {
    const idle = { ...fresh, IdleStatus: 'idle', IdleSince: since }
    const wanted = { active: fresh, counting: fresh, idle, acting: { ...idle, IdleAction: 'hibernating' } }
    expect(tags).toEqual(Object.entries(wanted).find(([state]) => state === check.state)?.[1])
  }
  const order = all.map(({ check }) => check.state).filter((state, index, states) => state !== states[index - 1])
  expect(order).toEqual(['active', 'counting', 'idle', 'acting'])
}

function expectCosts(all: readonly Checked[]): void {
  expect(all.flatMap(({ api }) => api)).toEqual(['CreateTags', 'CreateTags', 'CreateTags', 'StopInstances'])
  const unchanged = all.filter(({ check }) => check.actions.length === 0)
  expect(unchanged.length).toBeGreaterThanOrEqual(2)
  for (const { api, metadata } of unchanged) {
    expect(api).toEqual([])
    expect(metadata).toBeLessThanOrEqual(2)
  }
}

function expectRecords(machine: Machine): void {
  const [intended, accepted, ...more] = machine.intents()
  expect(more).toEqual([])
  expect(intended).toMatchObject({ method: 'hibernate', phase: 'intended', personSeen: false })
  expect(accepted).toEqual({ id: intended?.['id'], phase: 'accepted' })
  const deeds = machine.audit().map(({ action, result, intentId }) => ({ action, result, intentId }))
  expect(deeds).toEqual([
    { action: 'tag', result: 'done' },
    { action: 'warn', result: 'done' },
    { action: 'tag', result: 'done' },
    { action: 'tag', result: 'done' },
    { action: 'hibernate', result: 'done', intentId: intended?.['id'] },
  ])
  const calls = machine.cloud.requests.list({ action: 'StopInstances' })
  expect(Date.parse(calls[0]?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(String(machine.audit()[3]?.['at'])))
}

/** The call came after the threshold and a second look, and both cover the time before. */
function expectNeverEarly(all: readonly Checked[]): void {
  const last = all.at(-1)?.check
  const due = Date.parse(last?.idleSince ?? '') + quick.hibernate_threshold_minutes * 60_000
  expect(Date.parse(last?.at ?? '')).toBeGreaterThanOrEqual(due + 1_500 - 5)
  expect(last?.covered.complete).toBe(true)
  const [stopped] = all.filter(acted)
  expect(stopped?.check.idleSeconds).toBeGreaterThanOrEqual(19)
}

/** What a stop looks like afterwards, from the outside. */
async function expectHistory(machine: Machine, action: string): Promise<void> {
  const [asked, told, plot] = [
    await machine.run('why', '--json', ...machine.flags),
    await machine.run('history', '--json', ...machine.flags),
    await machine.run('history', '--plot', ...machine.flags),
  ]
  expect([asked, told, plot].map(({ code, stderr }) => `${code}${stderr}`)).toEqual(['0', '0', '0'])
  expect(JSON.parse(asked.stdout)).toMatchObject({
    schema: 'idle-agent.why.v1',
    answer: 'stopped',
    sentence: expect.stringMatching(new RegExp(`^Stopped at .* UTC \\(${action}, off \\d+ s\\): nothing needed it`)),
    stopped: { result: action, falseStop: true },
    cause: { kind: 'grace' },
  })
  const { segments, actions } = JSON.parse(told.stdout) as { segments: readonly object[]; actions: readonly object[] }
  expect(segments.at(-1)).toMatchObject({ began: { result: action, falseStop: true }, cause: { kind: 'grace' } })
  expect(actions).toContainEqual(expect.objectContaining({ action: 'hibernate', result: 'done' }))
  expect(actions.at(-1)).toMatchObject({ action: 'reconcile', result: 'done' })
  expect(plot.stdout).toMatch(/\n# in use {3}\. idle/)
}

for (const { name, newBootId, action, cause } of [
  { name: 'a new boot', newBootId: true, action: 'stopped', cause: /booted/ },
  { name: 'a resume', newBootId: false, action: 'hibernated', cause: /provider names a new start/ },
]) {
  test.concurrent(`${name}, after our stop, is a new run in grace, and a false stop`, { timeout: 90_000 }, async ({
    onTestFinished,
  }) => {
    const machine = await startMachine({ settings: fastest })
    onTestFinished(() => machine.close())
    await machine.until(acted)
    await machine.cloud.waitForState('stopped')
    machine.configure({ ...quick, boot_grace_minutes: 0.1 })
    machine.startAgain({ newBootId })
    const back = await machine.check()
    expect(back.check).toMatchObject({ state: 'grace', idleSince: null, next: { action: 'none' } })
    expect(back.check.reason).toMatch(cause)
    expect(back.tags).toEqual({ ...fresh, IdleAction: action })
    const deeds = machine.audit().filter((deed) => deed['action'] === 'reconcile')
    expect(deeds).toMatchObject([{ result: 'done', detail: expect.stringMatching(`^${action}.* false stop$`) }])
    expect(machine.intents().at(-1)).toMatchObject({ phase: 'closed', result: action })
    expect(machine.status()).toMatchObject({ falseStops: 1, unseenStops: 1 })
    const text = (await machine.run('status', ...machine.flags)).stdout
    expect(text).toMatch(/false stops +1 in 28 days/)
    await expectHistory(machine, action)
    // The breaker: nobody was seen in the run that we ended, so grace is twice as long: 12 s of silence, and no call.
    const graceEnds = Date.parse(back.check.next.at ?? '')
    expect(graceEnds - Date.parse(back.check.at)).toBeGreaterThan(11_000)
    const rest = await machine.until(({ check }) => check.state !== 'grace', 12)
    expect(Date.parse(rest.at(-1)?.check.at ?? '')).toBeGreaterThanOrEqual(graceEnds - 1000)
    for (const { api, tags } of rest) expect([api, tags]).toEqual([[], { ...fresh, IdleAction: action }])
    expect(machine.cloud.instance().state).toBe('running')
    expect(machine.stops()).toEqual(['hibernate accepted'])
  })
}

test.concurrent('what the tags say of an earlier run is ignored', { timeout: 60_000 }, async ({ onTestFinished }) => {
  const old = { IdleStatus: 'idle', IdleSince: '2026-01-01T00:00:00Z', IdleAction: 'hibernating' }
  const tags = Object.fromEntries(Object.entries(old).map(([name, value]) => [`CloudWorkstation:${name}`, value]))
  const machine = await startMachine({ instance: { tags } })
  onTestFinished(() => machine.close())
  const [first, second] = [await machine.check(), await machine.check()]
  expect(first.tags).toEqual(fresh)
  expect([first.check.state, second.check.state]).toEqual(['active', 'counting'])
})
