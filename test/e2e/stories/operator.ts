// What people say against it: an operator's tags, and leases of users; each holds, is named, and lets go when it is over.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { agentPolicy } from '../../clouds/aws/iam.ts'
import { acted, type Checked, fastest, type Machine, startMachine } from '../machine.ts'

const slow = { timeout: 90_000 }
const prefix = 'CloudWorkstation'
const withoutDescribeTags = {
  roles: { 'idle-agent': { ...agentPolicy, actions: agentPolicy.actions.filter((name) => name !== 'DescribeTags') } },
}

/** A machine for `keep` before its first check, which would make the state folder. */
async function startWithState(): Promise<Machine> {
  const machine = await startMachine({ settings: fastest })
  mkdirSync(machine.stateDir, { mode: 0o700 })
  return machine
}

/** The check that would have acted, and does not. */
function isHeld({ check }: Checked): boolean {
  return check.state === 'held'
}

for (const { name, tags, veto } of [
  { name: 'Protected', tags: { Protected: 'yes' }, veto: /^the tag CloudWorkstation:Protected is set$/ },
  {
    name: 'a date to come',
    tags: { KeepAwakeUntil: '2099-01-01T00:00Z' },
    veto: /KeepAwakeUntil says 2099-01-01 00:00 UTC/,
  },
  {
    name: 'a date that nobody can read',
    tags: { KeepAwakeUntil: 'till friday' },
    veto: /date in the tag .* cannot be read/,
  },
]) {
  test.concurrent(`an operator's tag holds: ${name}`, slow, async ({ onTestFinished }) => {
    const keyed = Object.fromEntries(Object.entries(tags).map(([key, value]) => [`${prefix}:${key}`, value]))
    const machine = await startMachine({ settings: fastest, instance: { tags: keyed } })
    onTestFinished(() => machine.close())
    const last = (await machine.until(isHeld)).at(-1)
    expect(last?.check.vetoes).toMatchObject([{ reason: expect.stringMatching(veto) }])
    expect(last?.check.reason).toMatch(/held: /)
    expect([last?.code, last?.tags['IdleStatus'], last?.tags['IdleAction']]).toEqual([0, 'idle', ''])
    expect(last?.tags['IdleReason']).toMatch(/^held: the (tag|date)/)
    await machine.check()
    expect(machine.stops()).toEqual([])
    for (const key of Object.keys(keyed)) machine.cloud.instance().tags.delete(key)
    await machine.until(acted)
    // Written by operators only.
    expect([...machine.cloud.instance().tags.keys()].filter((key) => !/:Idle/.test(key))).toEqual([])
  })
}

for (const { name, tags } of [
  { name: 'Protected: false', tags: { Protected: 'false' } },
  { name: 'a date that is over', tags: { KeepAwakeUntil: '2020-01-01T00:00:00Z' } },
]) {
  test.concurrent(`an operator's tag does not hold: ${name}`, slow, async ({ onTestFinished }) => {
    const keyed = Object.fromEntries(Object.entries(tags).map(([key, value]) => [`${prefix}:${key}`, value]))
    const machine = await startMachine({ settings: fastest, instance: { tags: keyed } })
    onTestFinished(() => machine.close())
    await machine.until(acted)
  })
}

test.concurrent(
  'tags that metadata does not show are asked for once, before the action',
  slow,
  async ({ onTestFinished }) => {
    const tags = { [`${prefix}:Protected`]: 'true' }
    const machine = await startMachine({ settings: fastest, instance: { metadataTags: false, tags } })
    onTestFinished(() => machine.close())
    const seen = await machine.until(isHeld)
    expect(seen.at(-1)?.check.vetoes).toMatchObject([{ name: 'protected' }])
    expect(seen.flatMap(({ api }) => api.filter((action) => action === 'DescribeTags'))).toHaveLength(1)
  },
)

test.concurrent(
  'operator_tags: required, and nobody may read them: no action, and why',
  slow,
  async ({ onTestFinished }) => {
    const settings = { ...fastest, operator_tags: 'required' }
    const machine = await startMachine({ settings, instance: { metadataTags: false }, cloud: withoutDescribeTags })
    onTestFinished(() => machine.close())
    const last = (await machine.until(isHeld)).at(-1)
    expect(last?.check.vetoes).toMatchObject([
      { name: 'operator-tags', reason: expect.stringContaining('DescribeTags') },
    ])
    expect([machine.stops(), last?.tags['IdleReason']]).toEqual([
      [],
      expect.stringMatching(/^held: the operator's tags/),
    ])
    expect((await machine.run('status', ...machine.flags)).stdout).toContain("the operator's tags cannot be read")
    machine.configure(fastest)
    await machine.until(acted)
  },
)

test.concurrent('keep --for holds, is named, and lets go', slow, async ({ onTestFinished }) => {
  const machine = await startWithState()
  onTestFinished(() => machine.close())
  const kept = await machine.run('keep', '--for', '14s', '--reason', 'lunch', ...machine.flags)
  expect([kept.code, kept.stderr]).toEqual([0, ''])
  expect(kept.stdout).toMatch(/stays up until (\d{4}-\d\d-\d\d )?\d\d:\d\d.*\(lunch\)/)
  const endsMs = Date.now() + 14_000
  const held = (await machine.until(isHeld)).at(-1)
  expect(held?.check.vetoes).toMatchObject([
    { name: 'lease', reason: expect.stringMatching(/^lease until (\d{4}-\d\d-\d\d )?\d\d:\d\d(:\d\d)? UTC$/) },
  ])
  // The words of its owner are for root's eyes: in no tag, no file and no JSON, but in what a person is shown.
  expect((await machine.run('check', ...machine.flags)).stdout).toMatch(/! lease +veto +lease until .* \(lunch\)/)
  expect(`${JSON.stringify(machine.status())}${held?.stdout}${held?.tags['IdleReason']}`).not.toContain('lunch')
  expect(held?.tags['IdleReason']).toMatch(/^held: lease until/)
  expect(Math.abs(Date.parse(held?.check.next.at ?? '') - endsMs)).toBeLessThan(2_000)
  const last = (await machine.until(acted)).at(-1)
  expect(Date.parse(last?.check.at ?? '')).toBeGreaterThan(endsMs - 1_000)
})

test.concurrent('keep --pid holds as long as the process lives', slow, async ({ onTestFinished }) => {
  const machine = await startWithState()
  const job = spawn('sleep', ['300'], { stdio: 'ignore' })
  onTestFinished(async () => {
    job.kill('SIGKILL')
    await machine.close()
  })
  const kept = await machine.run('keep', '--pid', String(job.pid), ...machine.flags)
  expect([kept.code, kept.stdout]).toEqual([0, expect.stringContaining(`while process ${job.pid} runs`)])
  const held = (await machine.until(isHeld)).at(-1)
  expect(held?.check).toMatchObject({ next: { at: null }, vetoes: [{ reason: `lease while process ${job.pid} runs` }] })
  await machine.check()
  job.kill('SIGKILL')
  await machine.until(acted)
})

test.concurrent('keep -- COMMAND holds as long as it runs, and ends as it ends', slow, async ({ onTestFinished }) => {
  const machine = await startWithState()
  onTestFinished(() => machine.close())
  const began = Date.now()
  const job = machine.start('keep', ...machine.flags, '--', 'sh', '-c', 'echo out; sleep 10; exit 7')
  const held = (await machine.until(isHeld)).at(-1)
  expect(held?.check.vetoes).toMatchObject([
    { name: 'lease', reason: expect.stringMatching(/^lease while process \d+ runs$/) },
  ])
  const last = (await machine.until(acted)).at(-1)
  expect(Date.parse(last?.check.at ?? '') - began).toBeGreaterThan(10_000)
  expect(await job.done).toMatchObject({ code: 7, stdout: 'out\n', stderr: '' })
})

test.concurrent('release gives it back', slow, async ({ onTestFinished }) => {
  const machine = await startWithState()
  onTestFinished(() => machine.close())
  const kept = await machine.run('keep', '--for', '1h', '--json', ...machine.flags)
  const lease: unknown = JSON.parse(kept.stdout)
  expect(lease).toMatchObject({ schema: 'idle-agent.keep.v1', lease: { id: '0-0', pid: null, cutAt: null } })
  await machine.until(isHeld)
  const released = await machine.run('release', ...machine.flags)
  expect([released.code, released.stdout]).toEqual([0, 'lease 0-0 is given back\n'])
  await machine.until(acted)
  expect((await machine.run('release', ...machine.flags)).stdout).toBe('there is no lease to give back\n')
})
