// The ownership table of AWS (cloud.md 6), row by row, with the executable: exit code, audit line, tags, status, and what was sent.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Acted, checkNow, checkWhenDue, startDueMachine, timePasses } from '../due.ts'
import { fastest, type Machine } from '../machine.ts'
import { error, group, maintenance, type RefusedStory, refused, type Story, spot, store } from '../ownership.ts'

const slow = { timeout: 60_000 }

interface AcceptedStory extends Story {
  readonly sent: readonly string[]
  readonly detail?: RegExp
}

const accepted: readonly AcceptedStory[] = [
  {
    row: 9,
    name: 'Standby, allowed',
    instance: { targetLifecycleState: 'Standby', tags: group },
    allow: '[standby]',
    sent: ['hibernate accepted'],
  },
  { row: 9, name: 'detached', instance: { targetLifecycleState: 'Detached' }, sent: ['hibernate accepted'] },
  {
    row: 10,
    name: 'persistent Spot, allowed: stopped, not hibernated',
    instance: spot,
    allow: '[spot]',
    sent: ['stop accepted'],
  },
  {
    row: 13,
    name: 'data on instance store, allowed',
    files: store,
    allow: '[instance-store-data]',
    sent: ['hibernate accepted'],
    detail: /given up, as allowed: \/scratch/,
  },
  {
    row: 16,
    name: 'announced maintenance',
    instance: { scheduledMaintenance: JSON.stringify(maintenance) },
    sent: ['hibernate accepted'],
    detail: /EC2 has announced instance-retirement from 21 Jan 2027/,
  },
  { row: 17, name: 'launched without hibernation', instance: { hibernation: false }, sent: ['stop accepted'] },
  {
    row: 17,
    name: 'hibernation that EC2 finds unfit: both calls in one check',
    fault: error('UnsupportedHibernationConfiguration'),
    sent: ['hibernate UnsupportedHibernationConfiguration', 'stop accepted'],
  },
]

async function begin({ instance, cloud, files = {}, allow, fault }: Story): Promise<Machine> {
  const settings = allow === undefined ? fastest : { ...fastest, allow }
  const machine = await startDueMachine({
    settings,
    ...(instance === undefined ? {} : { instance }),
    ...(cloud === undefined ? {} : { cloud }),
  })
  for (const [path, text] of Object.entries(files)) {
    if (path.endsWith('/')) mkdirSync(join(machine.root, path), { recursive: true })
    else machine.write(path, text)
  }
  const times = fault?.kind === 'api-error' && fault.code === 'ExpiredToken' ? 2 : 1
  if (fault !== undefined) machine.cloud.faults.add({ server: 'api', action: 'StopInstances', times, fault })
  return machine
}

async function mended(machine: Machine, mend: NonNullable<RefusedStory['mend']>): Promise<Acted> {
  if (typeof mend === 'function') mend(machine)
  else Object.assign(machine.cloud.instance(), mend)
  return checkWhenDue(machine)
}

/** How often StopInstances is sent: at each check for as long as EC2 is the one that refuses, and once more. */
function asked({ sent = [], mend }: RefusedStory): number {
  return (mend === undefined ? sent.length : 2 * sent.length) + 1
}

for (const story of refused) {
  test.concurrent(`row ${story.row}, ${story.name}: ${story.refusal}`, slow, async ({ onTestFinished }) => {
    const machine = await begin(story)
    onTestFinished(() => machine.close())
    const { sent = [], refusal, mend } = story
    const done = await checkNow(machine)
    expect([done.code, done.stderr, machine.stops()]).toEqual([3, '', sent])
    const deed = done.check.actions.find(({ action }) => action === 'hibernate' || action === 'stop')
    expect(deed?.detail.startsWith(`${refusal}: `)).toBe(true)
    const code = refusal.split(' ')[0]
    expect(machine.audit().findLast((line) => line['code'] !== undefined)).toMatchObject({ result: 'refused', code })
    const { IdleReason = '', ...tags } = machine.tags()
    expect(tags).toMatchObject({ IdleStatus: 'idle', IdleAction: '' })
    expect(IdleReason.startsWith(`refused: ${refusal}`)).toBe(true)
    const told = (await machine.run('status', ...machine.flags)).stdout
    expect(told).toContain(`refused      ${IdleReason.slice('refused: '.length)}\n`)
    expect(machine.cloud.instance().state).toBe('running')
    // Tried again in its time, with the idle clock as it was; and done once nothing refuses it.
    const idleSince = Date.parse(done.check.idleSince ?? '')
    const again = await checkWhenDue(machine)
    expect(Date.parse(again.check.idleSince ?? '')).toBeLessThan(idleSince + 100)
    expect(again.check.actions.some(({ action }) => action === deed?.action)).toBe(true)
    const last = mend === undefined ? again : await mended(machine, mend)
    expect([last.code, machine.stops().length, machine.tags()['IdleReason']]).toEqual([0, asked(story), ''])
    expect(machine.stops().at(-1)).toBe(
      machine.tags()['IdleAction'] === 'stopping' ? 'stop accepted' : 'hibernate accepted',
    )
  })
}

for (const story of accepted) {
  test.concurrent(`row ${story.row}, ${story.name}: ${story.sent.join(', ')}`, slow, async ({ onTestFinished }) => {
    const machine = await begin(story)
    onTestFinished(() => machine.close())
    const done = await checkNow(machine)
    expect([done.code, done.stderr, machine.stops()]).toEqual([0, '', story.sent])
    const line = machine.audit().findLast(({ result }) => result === 'done')
    expect(line).toMatchObject({ action: story.sent.at(-1)?.split(' ')[0] })
    expect(line?.['detail']).toMatch(story.detail ?? /^accepted: stopping/)
    await machine.cloud.waitForState('stopped')
    expect(machine.tags()).toMatchObject({ IdleReason: '', IdleStatus: 'idle' })
  })
}

test.concurrent('rows 15 and 19, no role: nothing is sent, and the machine is not shut down', slow, async (context) => {
  const machine = await startDueMachine({ instance: { role: null, shutdownBehavior: 'terminate' } })
  context.onTestFinished(() => machine.close())
  const done = await checkNow(machine)
  expect([done.code, done.api, machine.cloud.instance().state]).toEqual([3, [], 'running'])
  expect(machine.audit().findLast((line) => line['code'] !== undefined)).toMatchObject({ code: 'no-role' })
  expect((await machine.run('status', ...machine.flags)).stdout).toContain('this instance has no role; see "sudo')
})

test.concurrent('row 19, the role arrives a little later: hibernated', slow, async ({ onTestFinished }) => {
  const machine = await startDueMachine({ instance: { role: null } })
  onTestFinished(() => machine.close())
  expect((await checkNow(machine)).check.next.action).toBe('hibernate')
  machine.cloud.instance().role = 'idle-agent'
  timePasses(machine)
  expect([(await checkNow(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
})

test.concurrent('metadata that does not tell who owns it: nothing is sent', slow, async ({ onTestFinished }) => {
  const machine = await startDueMachine()
  onTestFinished(() => machine.close())
  const path = '/latest/meta-data/autoscaling/target-lifecycle-state'
  machine.cloud.faults.add({ server: 'metadata', path, fault: { kind: 'status', status: 503 } })
  const done = await checkNow(machine)
  expect([done.code, machine.stops()]).toEqual([3, []])
  expect(machine.audit().at(-2)).toMatchObject({ result: 'refused', code: 'OwnershipUnknown' })
  machine.cloud.faults.clear()
  timePasses(machine)
  expect([(await checkNow(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
})
