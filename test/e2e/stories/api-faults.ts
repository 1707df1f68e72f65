// What the API does wrong with the one call: said, never a second method, never a second call that was not due, and done in the end.
import { expect, test } from 'vitest'
import type { Fault } from '../../clouds/aws.ts'
import { checkNow, checkWhenDue, startDueMachine, timePasses } from '../due.ts'
import type { Machine } from '../machine.ts'

const slow = { timeout: 60_000 }

// A power switch that takes ten minutes: the machine still runs, as one that is about to hibernate does.
const lingering = { delays: { hibernateMs: 600_000, stopMs: 600_000 } }

interface Row {
  readonly name: string
  readonly fault: Fault
  /** How StopInstances was answered, in this check. */
  readonly sent: string
  /** What the audit log says of it. */
  readonly says: RegExp
}

/** The call may have been executed: the intent stays open, and the same call is sent again. */
const unanswered: readonly Row[] = [
  { name: 'hangs before accepting', fault: { kind: 'hang' }, sent: 'unanswered', says: /no answer: / },
  { name: 'hangs after accepting', fault: { kind: 'hang-after-action' }, sent: 'unanswered', says: /no answer: / },
  { name: 'resets the connection', fault: { kind: 'refuse' }, sent: 'unanswered', says: /no answer: read ECONNRESET/ },
  {
    name: 'resets it in the middle of its answer',
    fault: { kind: 'reset-after', bytes: 40 },
    sent: 'accepted',
    says: /status 200 with an answer that is not understood/,
  },
  {
    name: 'answers 500 in its own words',
    fault: { kind: 'api-error', code: 'InternalError' },
    sent: 'InternalError',
    says: /status 500 with InternalError: /,
  },
  {
    name: 'answers 502 in nobody’s words',
    fault: { kind: 'status', status: 502, body: '<html>Bad Gateway</html>' },
    sent: 'unanswered',
    says: /status 502 with an answer that is not understood/,
  },
  { name: 'answers garbage', fault: { kind: 'garbage' }, sent: 'accepted', says: /answer that is not understood/ },
  {
    name: 'answers nothing',
    fault: { kind: 'status', status: 200 },
    sent: 'accepted',
    says: /without saying that it stops/,
  },
  { name: 'answers a byte at a time', fault: { kind: 'drip', msPerByte: 100 }, sent: 'accepted', says: /no answer: / },
]

/** Told everywhere as something that may still happen. */
async function expectOpen(machine: Machine, says: RegExp): Promise<void> {
  expect(machine.audit().at(-1)).toMatchObject({ action: 'hibernate', result: 'failed' })
  expect(machine.audit().at(-1)?.['detail']).toMatch(/^outcome unknown: /)
  expect(machine.audit().at(-1)?.['detail']).toMatch(says)
  expect(machine.tags()).toMatchObject({ IdleStatus: 'idle', IdleAction: 'hibernating', IdleReason: '' })
  expect(machine.intents().at(-1)).toMatchObject({ phase: 'intended', method: 'hibernate' })
  const told = (await machine.run('status', ...machine.flags)).stdout
  expect(told).toMatch(/^ {2}call +hibernating: sent, and not answered; .* else it is sent again$/m)
}

for (const { name, fault, sent, says } of unanswered) {
  test.concurrent(`the API ${name}: the same call again, and no other`, slow, async ({ onTestFinished }) => {
    const machine = await startDueMachine({ cloud: lingering })
    onTestFinished(() => machine.close())
    machine.cloud.faults.add({ server: 'api', action: 'StopInstances', fault })
    const lost = await checkNow(machine)
    expect([lost.code, lost.stderr, machine.stops()]).toEqual([3, '', [`hibernate ${sent}`]])
    expect(lost.ms).toBeLessThan(20_000)
    await expectOpen(machine, says)
    machine.cloud.faults.clear()
    expect((await checkWhenDue(machine)).code).toBe(0)
    expect(machine.stops()).toEqual([`hibernate ${sent}`, 'hibernate accepted'])
    expect(new Set(machine.intents().map(({ id }) => id)).size).toBe(1)
    expect((await machine.run('status', ...machine.flags)).stdout).toMatch(/^ {2}call +hibernating: .* accepted it$/m)
    timePasses(machine)
    await checkNow(machine)
    expect(machine.stops()).toHaveLength(2)
  })
}

interface Refusal extends Row {
  readonly code: string
  readonly reason: RegExp
}

/** It was not executed: refused, and asked again in its time. */
const refused: readonly Refusal[] = [
  {
    name: 'throttles',
    fault: { kind: 'api-error', code: 'RequestLimitExceeded' },
    sent: 'RequestLimitExceeded',
    says: /^RequestLimitExceeded \(throttled\): /,
    code: 'RequestLimitExceeded',
    reason: /too many calls in this account and region$/,
  },
  {
    name: 'is unauthorised',
    fault: { kind: 'api-error', code: 'UnauthorizedOperation' },
    sent: 'UnauthorizedOperation',
    says: /^UnauthorizedOperation \(forbidden\): /,
    code: 'UnauthorizedOperation',
    reason: /the role does not allow it; see "sudo idle-agent doctor"$/,
  },
]

for (const { name, fault, sent, says, code, reason } of refused) {
  test.concurrent(`the API ${name}: refused, said, and asked again in its time`, slow, async ({ onTestFinished }) => {
    const machine = await startDueMachine()
    onTestFinished(() => machine.close())
    machine.cloud.faults.add({ server: 'api', action: 'StopInstances', fault })
    const done = await checkNow(machine)
    expect([done.code, done.stderr, machine.stops()]).toEqual([3, '', [`hibernate ${sent}`]])
    const line = machine.audit().findLast((one) => one['code'] !== undefined)
    expect(line).toMatchObject({ action: 'hibernate', result: 'refused', code, detail: expect.stringMatching(says) })
    expect(machine.tags()).toMatchObject({
      IdleStatus: 'idle',
      IdleAction: '',
      IdleReason: expect.stringMatching(reason),
    })
    expect((await machine.run('status', ...machine.flags)).stdout).toMatch(
      new RegExp(`refused .*${reason.source}`, 'm'),
    )
    machine.cloud.faults.clear()
    expect([(await checkWhenDue(machine)).code, machine.stops().at(-1)]).toEqual([0, 'hibernate accepted'])
    expect(machine.stops()).toHaveLength(2)
    expect(machine.tags()).toMatchObject({ IdleAction: 'hibernating', IdleReason: '' })
  })
}

test.concurrent('the API finds the keys expired once: fresh ones in the same check', slow, async (context) => {
  const machine = await startDueMachine()
  context.onTestFinished(() => machine.close())
  const fault = { kind: 'api-error', code: 'ExpiredToken' } as const
  machine.cloud.faults.add({ server: 'api', action: 'StopInstances', times: 1, fault })
  const done = await checkNow(machine)
  expect([done.code, machine.stops()]).toEqual([0, ['hibernate ExpiredToken', 'hibernate accepted']])
})

test.concurrent(
  'the API finds the keys expired always: refused, and asked again in its time',
  slow,
  async (context) => {
    const machine = await startDueMachine()
    context.onTestFinished(() => machine.close())
    const fault = { kind: 'api-error', code: 'ExpiredToken' } as const
    machine.cloud.faults.add({ server: 'api', action: 'StopInstances', fault })
    const done = await checkNow(machine)
    expect([done.code, machine.stops()]).toEqual([3, ['hibernate ExpiredToken', 'hibernate ExpiredToken']])
    expect(machine.tags()['IdleReason']).toMatch(/keys or clock are wrong; see "sudo idle-agent doctor"$/)
    machine.cloud.faults.clear()
    expect([(await checkWhenDue(machine)).code, machine.stops().at(-1)]).toEqual([0, 'hibernate accepted'])
  },
)

test.concurrent('the API refuses connections: nothing was sent, said, and done in the end', slow, async (context) => {
  const machine = await startDueMachine()
  context.onTestFinished(() => machine.close())
  const { env } = machine
  machine.env = { ...env, AWS_ENDPOINT_URL_EC2: 'http://127.0.0.1:9' }
  const done = await checkNow(machine)
  expect([done.code, machine.stops()]).toEqual([3, []])
  const deed = done.check.actions.find(({ action }) => action === 'hibernate')
  expect(deed).toMatchObject({ result: 'refused', detail: expect.stringMatching(/\(unreachable\): .*ECONNREFUSED/) })
  expect((await machine.run('status', ...machine.flags)).stdout).toMatch(/refused +.*EC2 cannot be reached from here/)
  machine.env = env
  expect([(await checkWhenDue(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
})

// A failed or throttled tag never prevents or delays the action; it is written at the next chance.
for (const { name, fault } of [
  { name: 'throttled', fault: { kind: 'api-error', code: 'RequestLimitExceeded' } },
  { name: 'never answered', fault: { kind: 'hang' } },
  { name: 'answered 500', fault: { kind: 'status', status: 500 } },
  { name: 'cut off', fault: { kind: 'refuse' } },
] as const) {
  test.concurrent(`tags are ${name}: acted on in the same check, and written later`, slow, async (context) => {
    const machine = await startDueMachine({ cloud: lingering })
    context.onTestFinished(() => machine.close())
    machine.cloud.faults.add({ server: 'api', action: 'CreateTags', fault })
    const done = await checkNow(machine)
    expect([done.code, machine.stops(), machine.tags()['IdleAction']]).toEqual([3, ['hibernate accepted'], ''])
    expect(done.check.actions.filter(({ action }) => action === 'tag').at(0)).toMatchObject({ result: 'failed' })
    machine.cloud.faults.clear()
    await machine.until(({ tags }) => tags['IdleAction'] === 'hibernating')
    expect(machine.stops()).toEqual(['hibernate accepted'])
  })

  test.concurrent(`the operator's tags are ${name}: held until they are read`, slow, async ({ onTestFinished }) => {
    const machine = await startDueMachine({ instance: { metadataTags: false } })
    onTestFinished(() => machine.close())
    machine.cloud.faults.add({ server: 'api', action: 'DescribeTags', fault })
    const done = await checkNow(machine)
    expect([done.code, machine.stops()]).toEqual([0, []])
    expect(done.check.vetoes).toMatchObject([
      { name: 'operator-tags', reason: expect.stringContaining('DescribeTags') },
    ])
    machine.cloud.faults.clear()
    expect([(await checkWhenDue(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
  })
}
