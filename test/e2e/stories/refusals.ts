// What the cloud answers to the one call, and what the executable makes of it: fall back, wait, say it, and never two methods at once.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, type onTestFinished, test } from 'vitest'
import { agentPolicy } from '../../clouds/aws/iam.ts'
import type { FaultOrder } from '../../clouds/aws.ts'
import { acted, type Checked, fastest, type Machine, startMachine } from '../machine.ts'

type Spec = Parameters<typeof startMachine>[0]

async function machineFor(finished: typeof onTestFinished, spec: Spec = {}): Promise<Machine> {
  const machine = await startMachine({ settings: fastest, ...spec })
  finished(() => machine.close())
  return machine
}

/** Was StopInstances sent in this check? */
function called({ api }: Checked): boolean {
  return api.includes('StopInstances')
}

async function lastOf(machine: Machine, fits: (checked: Checked) => boolean): Promise<Checked> {
  const last = (await machine.until(fits)).at(-1)
  if (last === undefined) throw new Error('no check')
  return last
}

function stopFault(fault: FaultOrder['fault'], times = 1): FaultOrder {
  return { server: 'api', action: 'StopInstances', times, fault }
}

function withoutActions(...actions: readonly string[]) {
  return { 'idle-agent': { ...agentPolicy, actions: agentPolicy.actions.filter((name) => !actions.includes(name)) } }
}

/** Time passes for the back-off alone. */
function endBackOff(machine: Machine): void {
  const path = join(machine.stateDir, 'state.json')
  const text = readFileSync(path, 'utf8')
  const past = text.replace(/"retryAt":[\d.]+/, '"retryAt":1')
  if (past === text) throw new Error('there is no back-off in the state')
  writeFileSync(path, past)
}

const slow = { timeout: 90_000 }

test.concurrent('an instance without hibernation is stopped, and not asked to hibernate', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished, { instance: { hibernation: false } })
  const seen = await machine.until(acted)
  const last = seen.at(-1)
  expect(machine.stops()).toEqual(['stop accepted'])
  expect([last?.code, last?.tags['IdleAction']]).toEqual([0, 'stopping'])
  // Nobody was told that memory would survive.
  expect(seen.flatMap(({ check }) => check.next.action)).not.toContain('hibernate')
  expect(JSON.stringify(machine.audit())).not.toContain('hibernate')
  expect(machine.audit().find(({ action }) => action === 'warn')?.['detail']).toMatch(/told: stop at/)
  expect(machine.cloud.instance()).toMatchObject({ state: 'stopped', hibernated: false })
  expect(machine.audit().at(-1)).toMatchObject({ action: 'stop', result: 'done' })
})

test.concurrent('action: stop never hibernates', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished, { settings: { ...fastest, action: 'stop' } })
  await machine.until(acted)
  expect(machine.stops()).toEqual(['stop accepted'])
})

test.concurrent('action: report calls nothing, and counts what it would have done', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished, { settings: { ...fastest, action: 'report' } })
  const last = await lastOf(machine, ({ check }) => check.state === 'acting')
  expect(last.check.actions).toContainEqual({ action: 'report', result: 'dry-run', detail: 'would have stopped now' })
  expect([last.code, machine.stops(), last.tags['IdleAction']]).toEqual([0, [], ''])
  const again = await machine.check()
  expect(again.check.actions).toEqual([])
  const status = (await machine.run('status', ...machine.flags)).stdout
  expect(status).toContain('would have stopped once, 0 false')
})

test.concurrent('where hibernation turns out to be unsupported, the same check stops', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished)
  machine.cloud.faults.add(stopFault({ kind: 'api-error', code: 'UnsupportedHibernationConfiguration' }))
  const last = await lastOf(machine, called)
  expect(machine.stops()).toEqual(['hibernate UnsupportedHibernationConfiguration', 'stop accepted'])
  expect(last.check.actions.filter(({ action }) => /hibernate|stop/.test(action))).toMatchObject([
    { action: 'hibernate', result: 'refused', detail: expect.stringContaining('unsupported') },
    { action: 'stop', result: 'done' },
  ])
  expect([last.code, last.tags['IdleAction'], machine.cloud.instance().state]).toEqual([0, 'stopping', 'stopped'])
  expect(machine.intents().map(({ phase }) => phase)).toEqual(['intended', 'closed', 'intended', 'accepted'])
})

test.concurrent('what is not ready yet is asked at every check, and hibernates in the end', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished, { instance: { notReadyCalls: 2 } })
  const seen = (await machine.until(acted)).filter(called)
  expect(seen.map(({ code }) => code)).toEqual([3, 3, 0])
  expect(seen.map(({ tags }) => tags['IdleAction'])).toEqual(['', '', 'hibernating'])
  const refused = 'hibernate UnsupportedOperation'
  expect(machine.stops()).toEqual([refused, refused, 'hibernate accepted'])
})

test.concurrent('what is not ready for too long is stopped', slow, async (context) => {
  const settings = { ...fastest, not_ready_minutes: 0.05 }
  const machine = await machineFor(context.onTestFinished, { settings, instance: { notReadyCalls: 99 } })
  await machine.until(acted)
  const stops = machine.stops()
  expect(stops.at(-1)).toBe('stop accepted')
  expect(new Set(stops.slice(0, -1))).toEqual(new Set(['hibernate UnsupportedOperation']))
  expect(stops.length).toBeGreaterThanOrEqual(3)
})

test.concurrent('stop protection: refused, said, and tried again with back-off', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished, { instance: { disableApiStop: true } })
  const first = await lastOf(machine, called)
  const idleSince = first.check.idleSince
  expect([first.code, first.tags['IdleAction'], first.tags['IdleStatus']]).toEqual([3, '', 'idle'])
  expect(first.check.actions.find(({ action }) => action === 'hibernate')?.detail).toMatch(
    /OperationNotPermitted \(protected\)/,
  )
  const status = (await machine.run('status', ...machine.flags)).stdout
  expect(status).toMatch(/refused +OperationNotPermitted \(protected\): stop protection is on/)
  const [held, quiet] = [await machine.check(), await machine.check()]
  expect(held.check).toMatchObject({ verdict: 'idle', state: 'held' })
  expect(held.check.reason).toMatch(/held: .*, again at \d\d:\d\d/)
  expect(held.tags['IdleReason']).toMatch(/^refused: /)
  expect([held.code, quiet.code, quiet.api]).toEqual([0, 0, []])
  expect(Math.abs(Date.parse(quiet.check.idleSince ?? '') - Date.parse(idleSince ?? ''))).toBeLessThan(100)
  endBackOff(machine)
  const again = await machine.check()
  expect([again.code, machine.stops().length]).toEqual([3, 2])
  expect(machine.audit().filter(({ result }) => result === 'refused')).toHaveLength(2)
  machine.cloud.instance().disableApiStop = false
  endBackOff(machine)
  const freed = await machine.check()
  expect([freed.code, freed.tags['IdleAction']]).toEqual([0, 'hibernating'])
})

test.concurrent('a missing permission is waited for shortly after boot, and named', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished, { cloud: { roles: withoutActions('StopInstances') } })
  const first = await lastOf(machine, called)
  const second = await machine.check()
  for (const one of [first, second]) {
    expect([one.code, one.tags['IdleAction']]).toEqual([3, ''])
    const { detail } = one.check.actions.find(({ result }) => result === 'refused') ?? {}
    expect(detail).toMatch(/UnauthorizedOperation \(forbidden\)/)
  }
  const refused = 'hibernate UnauthorizedOperation'
  expect([machine.stops(), machine.cloud.instance().state]).toEqual([[refused, refused], 'running'])
})

test.concurrent('a throttled call is sent once a check, and not before its wait is over', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished)
  machine.cloud.faults.add(stopFault({ kind: 'api-error', code: 'RequestLimitExceeded' }))
  const first = await lastOf(machine, called)
  expect(first.code).toBe(3)
  const held = await machine.check()
  expect([held.check.state, machine.stops()]).toEqual(['held', ['hibernate RequestLimitExceeded']])
  endBackOff(machine)
  await machine.until(acted)
  expect(machine.stops()).toEqual(['hibernate RequestLimitExceeded', 'hibernate accepted'])
})

test.concurrent('tags that are refused never keep it from acting, and are told', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished, { cloud: { roles: withoutActions('CreateTags') } })
  const first = await machine.check()
  expect([first.code, first.check.actions[0]?.result]).toEqual([3, 'failed'])
  await machine.until(acted)
  expect([machine.stops(), machine.tags()]).toEqual([['hibernate accepted'], {}])
})

// A power switch that takes a minute: the machine still runs, as one that is about to hibernate does.
const lingering = { delays: { hibernateMs: 60_000, stopMs: 60_000 } }

test.concurrent('an answer that never comes: the same call again, never another method', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished, { cloud: lingering })
  machine.cloud.faults.add(stopFault({ kind: 'hang-after-action' }))
  const lost = await lastOf(machine, called)
  expect([lost.code, lost.tags['IdleAction'], machine.cloud.instance().state]).toEqual([3, 'hibernating', 'stopping'])
  const detail = lost.check.actions.find(({ action }) => action === 'hibernate')
  expect(detail).toMatchObject({ result: 'failed', detail: expect.stringContaining('outcome unknown') })
  // What metadata or the configuration says meanwhile must not turn it into a stop.
  machine.cloud.instance().hibernation = false
  machine.configure({ ...fastest, action: 'stop' })
  await machine.until(acted)
  expect(machine.stops()).toEqual(['hibernate unanswered', 'hibernate accepted'])
  expect(new Set(machine.intents().map(({ id }) => id)).size).toBe(1)
  expect(machine.intents().at(-1)).toMatchObject({ phase: 'accepted' })
})

test.concurrent(
  'an answer that never comes, and the machine went: reconciled, nothing sent again',
  slow,
  async (context) => {
    const machine = await machineFor(context.onTestFinished)
    machine.cloud.faults.add(stopFault({ kind: 'hang-after-action' }))
    await machine.until(called)
    await machine.cloud.waitForState('stopped')
    machine.configure({ ...fastest, boot_grace_minutes: 10 })
    machine.startAgain({ newBootId: false })
    const back = await machine.check()
    expect([back.check.state, back.tags['IdleAction']]).toEqual(['grace', 'hibernated'])
    expect(machine.intents().at(-1)).toMatchObject({ phase: 'closed', result: 'hibernated' })
    await machine.check()
    expect(machine.stops()).toEqual(['hibernate unanswered'])
  },
)

test.concurrent('a call that was lost before it was executed is sent again', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished)
  machine.cloud.faults.add(stopFault({ kind: 'hang' }))
  const lost = await lastOf(machine, called)
  expect([lost.code, machine.cloud.instance().state]).toEqual([3, 'running'])
  await machine.until(acted)
  expect(machine.stops()).toEqual(['hibernate unanswered', 'hibernate accepted'])
})

test.concurrent(
  'an answer that never comes, then "not in a state to be stopped": it is on its way down',
  slow,
  async (context) => {
    const machine = await machineFor(context.onTestFinished, { cloud: lingering })
    machine.cloud.faults.add(stopFault({ kind: 'hang-after-action' }))
    await machine.until(called)
    machine.cloud.faults.add(stopFault({ kind: 'api-error', code: 'IncorrectInstanceState' }))
    const again = await lastOf(machine, called)
    expect([again.code, again.tags['IdleAction']]).toEqual([0, 'hibernating'])
    expect(machine.intents().at(-1)).toMatchObject({ phase: 'accepted' })
    await machine.check()
    expect(machine.stops()).toEqual(['hibernate unanswered', 'hibernate IncorrectInstanceState'])
    machine.configure({ ...fastest, boot_grace_minutes: 10 })
    machine.startAgain({ newBootId: false })
    expect((await machine.check()).tags['IdleAction']).toBe('hibernated')
  },
)

test.concurrent(
  'after an unknown outcome somebody types: the call is withdrawn, not sent again',
  slow,
  async (context) => {
    const machine = await machineFor(context.onTestFinished)
    machine.cloud.faults.add(stopFault({ kind: 'hang' }))
    await machine.until(called)
    machine.write('/dev/pts/3', '')
    const typed = await machine.check()
    expect(typed.check).toMatchObject({ verdict: 'active', idleSince: null })
    expect([typed.tags['IdleAction'], machine.intents().at(-1)]).toMatchObject(['', { phase: 'withdrawn' }])
    expect(machine.stops()).toEqual(['hibernate unanswered'])
  },
)

test.concurrent(
  'it was accepted all the same, and the machine went under them: told, and a false stop',
  slow,
  async (context) => {
    const machine = await machineFor(context.onTestFinished, { cloud: lingering })
    machine.cloud.faults.add(stopFault({ kind: 'hang-after-action' }))
    await machine.until(called)
    machine.write('/dev/pts/3', '')
    await machine.check()
    machine.configure({ ...fastest, boot_grace_minutes: 10 })
    machine.startAgain({ newBootId: false })
    const back = await machine.check()
    expect([back.check.state, back.tags['IdleAction']]).toEqual(['grace', 'hibernated'])
    expect(machine.intents().at(-1)).toMatchObject({ phase: 'closed', result: 'hibernated' })
    expect(machine.audit().at(-1)?.['detail']).toContain('counted as a false stop')
    expect(machine.stops()).toEqual(['hibernate unanswered'])
  },
)

test.concurrent('metadata that stops answering at the last moment: no action', slow, async (context) => {
  const machine = await machineFor(context.onTestFinished)
  await machine.check()
  machine.cloud.faults.add({ server: 'metadata', fault: { kind: 'status', status: 500 } })
  const blind = [await machine.check(), await machine.check(), await machine.check()]
  for (const { code, check } of blind) {
    expect([code, check.vetoes.map(({ name }) => name)]).toEqual([3, ['metadata']])
  }
  expect([blind.at(-1)?.check.state, machine.stops()]).toEqual(['held', []])
  machine.cloud.faults.clear()
  await machine.until(acted)
})
