// What metadata does wrong when an action is due: nothing is sent, it is said, and the check after the fault acts.
import { expect, test } from 'vitest'
import type { Fault } from '../../clouds/aws.ts'
import { checkNow, checkOnce, checkWhenDue, startDueMachine, timePasses } from '../due.ts'
import type { Machine } from '../machine.ts'

const slow = { timeout: 60_000 }
const token = { method: 'PUT' }
const item = { method: 'GET' }

interface Row {
  readonly name: string
  readonly fault: Fault
  /** Which requests; all unless given. */
  readonly at?: { readonly method?: string; readonly path?: string }
  readonly says: RegExp
  /** Also when it begins between the decision and the call. */
  readonly alsoLater?: true
}

const document = '/latest/dynamic/instance-identity/document'
const late = /no complete answer within \d+ ms/

const rows: readonly Row[] = [
  { name: 'hangs', fault: { kind: 'hang' }, says: late, alsoLater: true },
  { name: 'resets the connection', fault: { kind: 'refuse' }, says: /ECONNRESET/ },
  {
    name: 'breaks off its answer',
    fault: { kind: 'reset-after', bytes: 20 },
    at: item,
    says: /ECONNRESET|broke in the middle/,
  },
  {
    name: 'gives no token: 403',
    fault: { kind: 'status', status: 403 },
    at: token,
    says: /answered 403.*switched off/,
  },
  {
    name: 'answers 401 always',
    fault: { kind: 'status', status: 401 },
    at: item,
    says: /answered 401: see the instance/,
    alsoLater: true,
  },
  { name: 'answers 500', fault: { kind: 'status', status: 500 }, says: /answered 500/ },
  { name: 'answers garbage for a token', fault: { kind: 'garbage' }, at: token, says: /token: not a token/ },
  {
    name: 'answers garbage for its items',
    fault: { kind: 'garbage' },
    at: item,
    says: /document: not JSON/,
    alsoLater: true,
  },
  {
    name: 'answers for nobody',
    fault: { kind: 'status', status: 200, body: '{"instanceId":"i-","region":"eu-west-1"}' },
    at: item,
    says: /document: no instance id/,
  },
  {
    name: 'answers two megabytes',
    fault: { kind: 'status', status: 200, body: 'x'.repeat(2_000_000) },
    at: item,
    says: /larger than 1048576 bytes/,
  },
  { name: 'answers a byte at a time', fault: { kind: 'drip', msPerByte: 300 }, at: item, says: late, alsoLater: true },
]

/** Held by metadata, with its idle clock as it was, told in the status, and nothing asked of the API. */
async function expectHeld(machine: Machine, says: RegExp): Promise<void> {
  const before = machine.cloud.requests.counts().api
  const held = await checkOnce(machine)
  expect([held.code, held.stderr, held.ms < 10_000, machine.stops()]).toEqual([3, '', true, []])
  expect(held.check).toMatchObject({ verdict: 'idle', state: 'held', host: { id: 'i-0a1b2c3d4e5f60718' } })
  expect(held.check.idleSeconds).toBeGreaterThanOrEqual(60)
  expect(held.check.vetoes).toEqual([{ name: 'metadata', reason: expect.stringMatching(says) }])
  expect(machine.cloud.requests.counts().api).toBe(before)
  const told = (await machine.run('status', ...machine.flags)).stdout
  expect(told).toMatch(/no cloud action: metadata .*; see "sudo idle-agent doctor"/)
  expect(machine.cloud.instance().state).toBe('running')
}

for (const { name, fault, at, says } of rows) {
  test.concurrent(`metadata ${name}: held and said; acted on as soon as it is over`, slow, async (context) => {
    const machine = await startDueMachine()
    context.onTestFinished(() => machine.close())
    machine.cloud.faults.add({ server: 'metadata', ...at, fault })
    await expectHeld(machine, says)
    timePasses(machine)
    await expectHeld(machine, says)
    machine.cloud.faults.clear()
    expect([(await checkWhenDue(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
    expect(machine.tags()).toMatchObject({ IdleStatus: 'idle', IdleAction: 'hibernating', IdleReason: '' })
  })
}

test.concurrent('metadata refuses: nobody listens there; acted on as soon as it is over', slow, async (context) => {
  const machine = await startDueMachine()
  context.onTestFinished(() => machine.close())
  const { env } = machine
  machine.env = { ...env, AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9' }
  await expectHeld(machine, /ECONNREFUSED/)
  machine.env = env
  expect([(await checkWhenDue(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
})

test.concurrent('metadata answers 401 once: asked again with a new token, and acted on', slow, async (context) => {
  const machine = await startDueMachine()
  context.onTestFinished(() => machine.close())
  machine.cloud.faults.add({ server: 'metadata', ...item, times: 1, fault: { kind: 'status', status: 401 } })
  const done = await checkNow(machine)
  expect([done.code, machine.stops(), machine.cloud.faults.list()]).toEqual([0, ['hibernate accepted'], []])
  expect(done.check.vetoes).toEqual([])
})

/** The next question whether it can hibernate, which is asked again right before the second look. */
async function secondLook({ cloud: { requests } }: Machine): Promise<void> {
  requests.clear()
  await requests.waitFor(({ path }) => path.endsWith('/hibernation/configured'), 20_000)
}

for (const { name, fault, at } of rows.filter(({ alsoLater }) => alsoLater === true)) {
  test.concurrent(`metadata ${name} from the second look on: nothing is sent, and said`, slow, async (context) => {
    const machine = await startDueMachine()
    context.onTestFinished(() => machine.close())
    const deciding = secondLook(machine)
    const running = checkOnce(machine)
    await deciding
    machine.cloud.faults.add({ server: 'metadata', ...at, fault })
    const { code, check } = await running
    expect([code, machine.stops(), machine.cloud.instance().state]).toEqual([3, [], 'running'])
    expect(check.actions.at(-1)).toMatchObject({ action: 'hibernate', result: 'refused' })
    machine.cloud.faults.clear()
    expect([(await checkWhenDue(machine)).code, machine.stops()]).toEqual([0, ['hibernate accepted']])
  })
}

test.concurrent('metadata tells of another instance at the last moment: nothing is sent', slow, async (context) => {
  const machine = await startDueMachine()
  context.onTestFinished(() => machine.close())
  const deciding = secondLook(machine)
  const running = checkOnce(machine)
  await deciding
  const body = '{"instanceId":"i-0fffffffffffffff0","region":"eu-west-1","pendingTime":"2026-11-22T18:00:00Z"}'
  machine.cloud.faults.add({ server: 'metadata', path: document, fault: { kind: 'status', status: 200, body } })
  await running
  expect([machine.stops(), machine.cloud.instance().state]).toEqual([[], 'running'])
})
