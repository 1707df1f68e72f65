/**
 * The end of the ownership table (cloud.md 6), rows 18, 19 and 28 to 32, and what EC2 can answer besides: through the real
 * loop against a loopback EC2.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Checked } from '../../agent/agent.ts'
import { agentPolicy } from '../clouds/aws/iam.ts'
import type { Fault } from '../clouds/faults.ts'
import { HOUR, MINUTE } from '../decide/given.ts'
import { type RowMachine, type RowSpec, startRow } from './row-machine.ts'

beforeAll(async () => void (await import('../../agent/clouds/aws-sdk.ts')))

function retryMinutes({ decision }: Checked, machine: RowMachine): number {
  return ((decision.state.attempt.retryAt ?? Number.NaN) - machine.host.clock.now().monoMs) / MINUTE
}

function refusalIn({ deeds }: Checked): Checked['deeds'][number] | undefined {
  return deeds.find(({ code }) => code !== undefined)
}

function stopFault(machine: RowMachine, fault: Fault, times = 1): void {
  machine.aws.faults.add({ server: 'api', action: 'StopInstances', fault, times })
}

function withoutStop(): NonNullable<RowSpec['cloud']> {
  const actions = agentPolicy.actions.filter((name) => name !== 'StopInstances')
  return { roles: { 'idle-agent': { ...agentPolicy, actions } } }
}

/** The waits after refusals in a row, and what was sent. */
async function refusals(machine: RowMachine, count: number): Promise<readonly number[]> {
  const waits: number[] = []
  while (waits.length < count) waits.push(Math.round(retryMinutes(await machine.due(), machine)))
  return waits
}

describe('row 18: hibernation that is not ready', () => {
  const local: RowSpec = { files: { '/var/lib/hibinit-agent/hibernation-enabled': '' } }
  it.each<[string, RowSpec, string]>([
    ['EC2 says', { instance: { notReadyCalls: 99 } }, 'hibernate UnsupportedOperation'],
    ['the machine says', local, ''],
  ])('is asked for within not_ready_minutes, then it is stopped: %s', async (_name, spec, call) => {
    await using machine = await startRow({ ...spec, policy: { notReadyMs: 6 * MINUTE } })
    const began = (await machine.due()).look.moment.clocks.monoMs
    let last = await machine.due()
    while (!machine.stops().includes('stop accepted')) last = await machine.due()
    expect(last.look.moment.clocks.monoMs - began).toBeGreaterThanOrEqual(6 * MINUTE)
    expect(last.look.moment.clocks.monoMs - began).toBeLessThanOrEqual(9 * MINUTE)
    const before = machine.stops().slice(0, -1)
    expect(new Set(before)).toEqual(new Set(call === '' ? [] : [call]))
    expect(machine.tag('IdleAction')).toBe('stopping')
    expect(machine.audit().filter(({ code }) => code !== undefined).length).toBeGreaterThanOrEqual(3)
  })

  it('gives nothing up for a refusal of another kind', async () => {
    await using machine = await startRow({ policy: { notReadyMs: 0 } })
    stopFault(machine, { kind: 'api-error', code: 'UnsupportedOperation', message: 'Nobody has seen this yet' })
    expect(await refusals(machine, 1)).toEqual([5])
    await machine.due()
    expect(machine.stops()).toEqual(['hibernate UnsupportedOperation', 'hibernate accepted'])
  })
})

describe('row 19: no permission', () => {
  it.each<[string, RowSpec, string]>([
    ['no role', { instance: { role: null } }, 'no-role'],
    ['a role without the right', { cloud: withoutStop() }, 'UnauthorizedOperation'],
  ])('is waited out in the first half hour, then asked less and less: %s', async (_name, spec, code) => {
    await using machine = await startRow(spec)
    const waits = await refusals(machine, 13)
    // Ten minutes of idleness; from then on at each check until half an hour is over.
    expect(waits.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0))
    expect(waits.slice(-2)).toEqual([60, 60])
    expect(machine.audit().findLast((deed) => deed['code'] !== undefined)).toMatchObject({ code })
    expect(machine.aws.instance().state).toBe('running')
  })
})

describe('other answers of EC2', () => {
  const cases: readonly [string, Fault, string, readonly number[]][] = [
    ['wrong state', { kind: 'api-error', code: 'IncorrectInstanceState' }, 'wrong-state', [5, 10, 15]],
    ['throttled', { kind: 'api-error', code: 'RequestLimitExceeded' }, 'throttled', [2, 4, 8]],
    ['expired credentials', { kind: 'api-error', code: 'ExpiredToken' }, 'credentials', [0, 0, 0]],
    ['a clock that is wrong', { kind: 'api-error', code: 'RequestExpired' }, 'credentials', [0, 0, 0]],
    ['a cancelled Spot request', { kind: 'api-error', code: 'IncorrectSpotRequestState' }, 'owned', [60]],
    ['something new', { kind: 'api-error', code: 'SomethingNew' }, 'other', [5, 10, 20]],
  ]
  it.each(cases)('%s: never another method, tried again later', async (_name, fault, why, waits) => {
    await using machine = await startRow({ policy: { notReadyMs: 0 } })
    stopFault(machine, fault, why === 'credentials' ? 2 * waits.length : waits.length)
    const first = await machine.due()
    const { idleSince } = first.decision.state
    expect(first.deeds.find(({ action }) => action === 'hibernate')).toMatchObject({ result: 'refused' })
    expect(first.decision.state.attempt.refusal).toContain(`(${why})`)
    expect([machine.tag('IdleAction'), machine.tag('IdleReason')]).toEqual(['', expect.stringContaining(`(${why})`)])
    const found = [Math.round(retryMinutes(first, machine)), ...(await refusals(machine, waits.length - 1))]
    // What many machines meet at once is waited for by up to a half longer, and to any moment of the interval in which that ends.
    const [longest, own] = why === 'throttled' ? [1.5, 2] : [1, 0]
    expect(found.map((wait, at) => wait >= (waits[at] ?? 0) - own && wait <= (waits[at] ?? 0) * longest + own)).toEqual(
      waits.map(() => true),
    )
    const done = await machine.due()
    expect(done.decision.state.idleSince).toBe(idleSince)
    expect(machine.stops().at(-1)).toBe('hibernate accepted')
    expect(machine.stops().filter((stop) => !stop.startsWith('hibernate '))).toEqual([])
    expect(machine.tag('IdleReason')).toBe('')
  })

  it('hibernation that was never configured, whatever metadata says: stopped in the same check', async () => {
    await using machine = await startRow()
    stopFault(machine, { kind: 'api-error', code: 'UnsupportedHibernationConfiguration' })
    await machine.due()
    expect(machine.stops()).toEqual(['hibernate UnsupportedHibernationConfiguration', 'stop accepted'])
  })
})

describe('metadata that does not tell who owns the instance', () => {
  const items = [
    '/latest/meta-data/autoscaling/target-lifecycle-state',
    '/latest/meta-data/instance-life-cycle',
    '/latest/meta-data/ami-manifest-path',
    '/latest/meta-data/block-device-mapping',
  ]
  const faults: readonly Fault[] = [
    { kind: 'status', status: 500 },
    { kind: 'refuse' },
    { kind: 'status', status: 403 },
  ]
  it.each(items.flatMap((path) => faults.map((fault) => [path, JSON.stringify(fault), fault] as const)))(
    '%s answers %s: nothing is sent, asked again at the next check',
    async (path, _name, fault) => {
      await using machine = await startRow()
      machine.aws.faults.add({ server: 'metadata', path, fault })
      const first = await machine.due()
      expect(refusalIn(first)).toMatchObject({ result: 'refused', code: 'OwnershipUnknown' })
      expect([machine.stops(), retryMinutes(first, machine)]).toEqual([[], 0])
      machine.aws.faults.clear()
      await machine.due()
      expect(machine.stops()).toEqual(['hibernate accepted'])
    },
  )

  it('does not answer at all: nothing is sent', async () => {
    await using machine = await startRow()
    const path = '/latest/meta-data/instance-life-cycle'
    machine.aws.faults.add({ server: 'metadata', path, fault: { kind: 'hang' } })
    expect(refusalIn(await machine.due())).toMatchObject({ code: 'OwnershipUnknown' })
    expect(machine.stops()).toEqual([])
  })

  it.each(['<html>', 'two words', ''])('a life cycle that is none: %j', async (body) => {
    await using machine = await startRow()
    const path = '/latest/meta-data/instance-life-cycle'
    machine.aws.faults.add({ server: 'metadata', path, fault: { kind: 'status', status: 200, body } })
    expect(refusalIn(await machine.due())).toMatchObject({ code: 'OwnershipUnknown' })
    expect(machine.stops()).toEqual([])
  })

  it('instances older than an item do without it', async () => {
    await using machine = await startRow()
    for (const path of items)
      machine.aws.faults.add({ server: 'metadata', path, fault: { kind: 'status', status: 404 } })
    await machine.due()
    expect(machine.stops()).toEqual(['hibernate accepted'])
  })

  it('files that cannot be read are no proof either', async () => {
    await using machine = await startRow({ files: { '/sys/fs/cgroup/system.slice/x.service/tasks': '' } })
    machine.host.files.failing.set('/sys/fs/cgroup/system.slice', 'EIO')
    expect(refusalIn(await machine.due())).toMatchObject({ code: 'OwnershipUnknown' })
    expect(machine.stops()).toEqual([])
  })
})

it('a steady check asks nothing of all this: at most two requests to metadata, none to the API', async () => {
  await using machine = await startRow()
  await machine.check()
  machine.aws.requests.clear()
  await machine.check()
  const { metadata, api } = machine.aws.requests.counts()
  expect([metadata <= 2, api]).toEqual([true, 0])
})

it("an operator's Protected comes first", async () => {
  await using machine = await startRow({
    instance: { targetLifecycleState: 'InService', tags: { 'T:Protected': 'yes' } },
  })
  const held = await machine.due()
  expect(held.look.vetoes).toMatchObject([{ name: 'protected' }])
  expect(held.deeds.some(({ code }) => code !== undefined)).toBe(false)
})

describe('row 28: the breaker', () => {
  /** Its owner resumes the machine an hour after it was hibernated. */
  async function resumed(machine: RowMachine): Promise<Checked> {
    await machine.aws.waitForState('stopped')
    machine.host.clock.suspend(HOUR)
    machine.aws.clock.advance(HOUR)
    machine.aws.power.start(machine.aws.instance())
    await machine.aws.waitForState('running')
    return machine.check()
  }

  function graceMinutes({ decision: { state } }: Checked): number {
    return Math.round((state.run.graceUntil - state.run.began.monoMs) / MINUTE)
  }

  it('doubles grace with each stop of a run in which nobody was seen, up to an hour', async () => {
    await using machine = await startRow({ policy: { bootGraceMs: 10 * MINUTE } })
    const graces = [graceMinutes(await machine.check())]
    for (let count = 0; count < 4; count += 1) {
      await machine.due()
      graces.push(graceMinutes(await resumed(machine)))
    }
    expect(graces).toEqual([10, 20, 40, 60, 60])
    expect(machine.stops().filter((stop) => stop === 'hibernate accepted')).toHaveLength(4)
  })

  it('begins anew once somebody was there', async () => {
    await using machine = await startRow({ policy: { bootGraceMs: 10 * MINUTE } })
    await machine.due()
    expect(graceMinutes(await resumed(machine))).toBe(20)
    machine.reading = { kind: 'active', reason: 'somebody types', person: true }
    await machine.check()
    machine.reading = { kind: 'idle', reason: 'no work' }
    await machine.due()
    expect(graceMinutes(await resumed(machine))).toBe(10)
  })
})

describe('rows 29 and 30: somebody is still there', () => {
  it('is told five minutes before, on the terminal', async () => {
    await using machine = await startRow()
    machine.host.files.write('/dev/pts/3', '', { kind: 'character' })
    let warned: Checked | undefined
    while (warned === undefined) {
      const checked = await machine.check()
      if (checked.deeds.some(({ action }) => action === 'warn')) warned = checked
    }
    expect(machine.host.written.map(({ path }) => path)).toEqual(['/dev/pts/3'])
    expect(machine.stops()).toEqual([])
    expect(warned.decision.state.warned?.due).toBe(warned.decision.due)
  })

  it('types before the second look: nothing is sent', async () => {
    await using machine = await startRow()
    machine.onSleep = () => {
      const at = machine.host.clock.now().monoMs
      machine.reading = { kind: 'active', reason: 'somebody types', at, person: true }
    }
    const seen = await machine.due()
    expect(machine.stops()).toEqual([])
    expect(seen.deeds).toContainEqual({
      action: 'hibernate',
      result: 'refused',
      detail: expect.stringMatching(/^cancelled by the second look: in use: somebody types/),
    })
    expect(seen.decision.verdict).toBe('active')
    expect([machine.tag('IdleStatus'), machine.tag('IdleAction')]).toEqual(['active', ''])
  })

  it('types while the tags are written: nothing is sent, and the intent is closed', async () => {
    await using machine = await startRow({
      cloud: {
        onRequest({ action, params }) {
          if (action !== 'CreateTags' || !Object.values(params).includes('hibernating')) return
          machine.reading = { kind: 'active', reason: 'somebody types', person: true, at: Number.MAX_SAFE_INTEGER }
        },
      },
    })
    const seen = await machine.due()
    expect(machine.stops()).toEqual([])
    expect(seen.deeds).toContainEqual({
      action: 'hibernate',
      result: 'refused',
      detail: expect.stringMatching(/^cancelled right before the call: in use: somebody types/),
    })
    expect(machine.tag('IdleAction')).toBe('')
    expect(machine.host.files.read('/var/lib/idle-agent/intents.jsonl')).toMatch(/"result":"abandoned"/)
  })
})

describe('row 31: no answer', () => {
  const lingering = { delays: { hibernateMs: 600_000, stopMs: 600_000 } }
  it.each<[string, Fault, boolean]>([
    ['lost before it was executed', { kind: 'refuse' }, true],
    ['executed, and the answer lost', { kind: 'reset-after', bytes: 0 }, true],
    ['executed, and metadata says something else afterwards', { kind: 'reset-after', bytes: 0 }, false],
  ])('%s: the same call of the same intent again, and never another method', async (_name, fault, hibernation) => {
    await using machine = await startRow({ cloud: lingering, policy: { notReadyMs: 0 } })
    stopFault(machine, fault)
    const lost = await machine.due()
    expect(lost.deeds.at(-1)).toMatchObject({ action: 'hibernate', result: 'failed' })
    expect(machine.tag('IdleAction')).toBe('hibernating')
    machine.aws.instance().hibernation = hibernation
    await machine.due()
    const calls = machine.aws.requests.list({ action: 'StopInstances' }).map(({ params }) => params['Hibernate'])
    expect(calls).toEqual(['true', 'true'])
    const intents = machine.audit().filter(({ intentId }) => intentId !== undefined)
    expect(new Set(intents.map(({ intentId }) => intentId)).size).toBe(1)
  })

  it('goes on as it was where the machine itself is not ready any more', async () => {
    await using machine = await startRow({ cloud: lingering })
    stopFault(machine, { kind: 'reset-after', bytes: 0 })
    await machine.due()
    machine.host.files.write('/var/lib/hibinit-agent/hibernation-enabled', '')
    await machine.due()
    expect(refusalIn(await machine.check())).toBeUndefined()
    expect(machine.aws.requests.list({ action: 'StopInstances' }).map(({ params }) => params['Hibernate'])).toEqual([
      'true',
      'true',
    ])
  })

  it('an owner who appears meanwhile keeps it from being sent again, and its intent stays open', async () => {
    await using machine = await startRow({ cloud: lingering })
    stopFault(machine, { kind: 'refuse' })
    await machine.due()
    machine.aws.instance().targetLifecycleState = 'InService'
    const refused = await machine.due()
    expect(refusalIn(refused)).toMatchObject({ code: 'AutoScaling' })
    expect(machine.tag('IdleAction')).toBe('hibernating')
    machine.aws.instance().targetLifecycleState = null
    await machine.due()
    expect(machine.aws.requests.list({ action: 'StopInstances' })).toHaveLength(2)
    // After some minutes the first counts as failed, so this is another.
    expect(new Set(machine.audit().flatMap(({ intentId }) => intentId ?? [])).size).toBe(2)
  })
})

it('row 32: still running minutes after it was accepted: failed, said, and tried again', async () => {
  await using machine = await startRow({ cloud: { delays: { hibernateMs: 3_600_000 } } })
  const accepted = await machine.due()
  const seen: Checked[] = []
  while (machine.stops().length < 2) seen.push(await machine.check())
  const failed = seen.find(({ deeds }) => deeds.some(({ action }) => action === 'reconcile'))
  expect(failed?.deeds.filter(({ action }) => action === 'alert' || action === 'reconcile')).toMatchObject([
    { action: 'alert', detail: expect.stringMatching(/^still running \d+ min after a stop that was accepted; see/) },
    { action: 'reconcile', result: 'failed', detail: 'failed' },
  ])
  const pending = seen.slice(0, failed === undefined ? 0 : seen.indexOf(failed))
  for (const { look, decision } of pending) {
    expect(decision.actions.filter(({ kind }) => kind === 'act')).toEqual([])
    expect(look.vetoes).toEqual([])
  }
  // The accepted stop ended the run, so the clock began anew.
  expect(failed?.decision.state.idleSince).toBeGreaterThan(accepted.decision.state.idleSince)
  expect(machine.stops()).toEqual(['hibernate accepted', 'hibernate accepted'])
})
