/** The one call that stops this instance: every refusal, every fault, and that it is sent once. */
import { beforeAll, describe, expect, it } from 'vitest'
import { createAws } from '../../agent/clouds/aws.ts'
import type { Outcome } from '../../agent/types/outcome.ts'
import type { Method } from '../../agent/types.ts'
import type { InstanceSpec } from '../clouds/aws.ts'
import { createClock } from '../clouds/clock.ts'
import type { Fault, FaultOrder } from '../clouds/faults.ts'
import { createLoopbackHost } from '../host/loopback.ts'
import { startDriver, timed } from './start-aws.ts'

const ROLE = '/latest/meta-data/iam/security-credentials/'
const HOUR = 3_600_000

/** Short, so that a case of waiting is; well above what a call needs on a busy machine once the SDK is loaded. */
const driver = { callMs: 1500 }

beforeAll(async () => void (await import('../../agent/clouds/aws-sdk.ts')))

function refused(why: string, code: string): Partial<Outcome> {
  return { result: 'refused', why, code } as Partial<Outcome>
}

function stopFault(fault: Fault, times?: number): FaultOrder {
  return { server: 'api', action: 'StopInstances', fault, ...(times === undefined ? {} : { times }) }
}

it.each([
  ['hibernate', 'true'],
  ['stop', 'false'],
] as const)('%s is StopInstances with Hibernate=%s, on this instance alone', async (method, hibernate) => {
  await using it = await startDriver()
  expect(await it.cloud.act(method, it.signal)).toMatchObject({ result: 'accepted' })
  const calls = it.aws.requests.list({ server: 'api' })
  expect(calls.map(({ action, params }) => ({ action, params }))).toEqual([
    { action: 'StopInstances', params: { 'InstanceId.1': it.aws.instance().id, Hibernate: hibernate } },
  ])
})

describe('EC2 refuses', () => {
  const cases: readonly [string, InstanceSpec, Method, Partial<Outcome>][] = [
    [
      'not ready by its age',
      { hibernationReadySeconds: 120 },
      'hibernate',
      refused('not-ready', 'UnsupportedOperation'),
    ],
    ['not ready for one call', { notReadyCalls: 1 }, 'hibernate', refused('not-ready', 'UnsupportedOperation')],
    [
      'launched without hibernation',
      { hibernation: false },
      'hibernate',
      refused('unsupported', 'UnsupportedHibernationConfiguration'),
    ],
    [
      'one-time Spot',
      { lifecycle: 'spot', spotRequest: 'one-time' },
      'hibernate',
      refused('owned', 'UnsupportedOperation'),
    ],
    ['a fleet', { lifecycle: 'spot', fleet: true }, 'stop', refused('owned', 'UnsupportedOperation')],
    ['instance-store root', { rootDeviceType: 'instance-store' }, 'stop', refused('owned', 'UnsupportedOperation')],
    ['stop protection', { disableApiStop: true }, 'stop', refused('protected', 'OperationNotPermitted')],
    ['no role', { role: null }, 'stop', refused('forbidden', 'no-role')],
    ['a role without rights', { role: 'somebody-else' }, 'stop', refused('forbidden', 'UnauthorizedOperation')],
  ]
  it.each(cases)('%s', async (_name, spec, method, expected) => {
    await using it = await startDriver({ aws: { instances: [spec] } })
    expect(await it.cloud.act(method, it.signal)).toMatchObject(expected)
    expect(it.aws.instance().state).toBe('running')
    expect(it.sent('StopInstances')).toBe(expected.result === 'refused' && spec.role === null ? 0 : 1)
  })

  const codes: readonly [string, string][] = [
    ['IncorrectInstanceState', 'wrong-state'],
    ['RequestLimitExceeded', 'throttled'],
    ['SomethingNew', 'other'],
  ]
  it.each(codes)('%s', async (code, why) => {
    await using it = await startDriver()
    it.aws.faults.add(stopFault({ kind: 'api-error', code }))
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'refused', why, code })
    expect(it.sent('StopInstances')).toBe(1)
  })
})

it('an answer that names another state is not taken for a stop', async () => {
  await using it = await startDriver()
  const state = '<currentState><code>16</code><name>running</name></currentState>'
  const item = `<item><instanceId>${it.aws.instance().id}</instanceId>${state}</item>`
  const body = `<StopInstancesResponse><instancesSet>${item}</instancesSet></StopInstancesResponse>`
  it.aws.faults.add(stopFault({ kind: 'status', status: 200, body }))
  expect(await it.cloud.act('stop', it.signal)).toMatchObject({ result: 'unknown' })
  it.aws.faults.clear()
  it.aws.faults.add(stopFault({ kind: 'status', status: 200, body: body.replace('running', 'stopped') }))
  expect(await it.cloud.act('stop', it.signal)).toMatchObject({ result: 'accepted' })
  const other = body.replace('running', 'stopped').replace(it.aws.instance().id, 'i-0000000000000000f')
  it.aws.faults.clear()
  it.aws.faults.add(stopFault({ kind: 'status', status: 200, body: other }))
  expect(await it.cloud.act('stop', it.signal)).toMatchObject({ result: 'unknown' })
})

describe('credentials and clock', () => {
  it.each(['ExpiredToken', 'RequestExpired', 'AuthFailure'])('%s once: sent again with fresh keys', async (code) => {
    await using it = await startDriver()
    it.aws.faults.add(stopFault({ kind: 'api-error', code }, 1))
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'accepted' })
    expect(it.sent('StopInstances')).toBe(2)
  })

  it('ExpiredToken always: sent twice, never more', async () => {
    await using it = await startDriver()
    it.aws.faults.add(stopFault({ kind: 'api-error', code: 'ExpiredToken' }))
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject(refused('credentials', 'ExpiredToken'))
    expect(it.sent('StopInstances')).toBe(2)
  })

  it('a re-send whose answer is lost is unknown', async () => {
    await using it = await startDriver()
    it.aws.faults.add(stopFault({ kind: 'api-error', code: 'ExpiredToken' }, 1))
    it.aws.faults.add(stopFault({ kind: 'refuse' }))
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'unknown' })
    expect(it.sent('StopInstances')).toBe(2)
  })

  it('keys that expire between reading and sending', async () => {
    let expired = false
    await using it = await startDriver({
      aws: {
        onRequest({ path }) {
          if (path !== `${ROLE}idle-agent` || expired) return
          expired = true
          it.aws.credentials.expire()
        },
      },
    })
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'accepted' })
    expect(it.aws.requests.list({ server: 'api' }).map(({ status }) => status >= 400)).toEqual([true, false])
  })

  it.each([3 * HOUR, -3 * HOUR, 10 * 60_000])('our clock is %d ms off: corrected from the answer', async (skewMs) => {
    await using it = await startDriver({ aws: { clock: createClock({ start: Date.now() + skewMs }) } })
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'accepted' })
    expect(it.sent('StopInstances')).toBe(2)
  })

  it('a service whose time is never ours', async () => {
    await using it = await startDriver()
    it.aws.faults.add(stopFault({ kind: 'wrong-date', skewMs: HOUR }, 1))
    it.aws.faults.add(stopFault({ kind: 'wrong-date', skewMs: 5 * HOUR }))
    expect(await it.cloud.act('stop', it.signal)).toMatchObject({ result: 'refused', why: 'credentials' })
    expect(it.sent('StopInstances')).toBe(2)
  })

  it('keys that look expired are fetched once more, then left to the service to judge', async () => {
    await using it = await startDriver({
      aws: { clock: createClock({ start: Date.now() - 3 * HOUR }), credentialLifetimeSeconds: 600 },
    })
    expect(await it.cloud.act('stop', it.signal)).toMatchObject({ result: 'accepted' })
    expect(it.aws.requests.list({ path: `${ROLE}idle-agent` }).length).toBe(4)
  })
})

describe('nothing is sent', () => {
  const keys = JSON.stringify({ Code: 'Failed' })
  const cases: readonly [string, FaultOrder, string][] = [
    ['metadata hangs', { server: 'metadata', fault: { kind: 'hang' } }, 'unreachable'],
    ['metadata is reset', { server: 'metadata', fault: { kind: 'refuse' } }, 'unreachable'],
    ['metadata is switched off', { server: 'metadata', fault: { kind: 'status', status: 403 } }, 'forbidden'],
    ['metadata is garbage', { server: 'metadata', fault: { kind: 'garbage' } }, 'unreachable'],
    ['credentials hang', { server: 'metadata', path: `${ROLE}*`, fault: { kind: 'hang' } }, 'unreachable'],
    ['credentials are garbage', { server: 'metadata', path: `${ROLE}*`, fault: { kind: 'garbage' } }, 'unreachable'],
    [
      'no credentials yet',
      { server: 'metadata', path: `${ROLE}idle-agent`, fault: { kind: 'status', status: 200, body: keys } },
      'credentials',
    ],
    [
      'half of the credentials',
      {
        server: 'metadata',
        path: `${ROLE}idle-agent`,
        fault: { kind: 'status', status: 200, body: '{"AccessKeyId":"A"}' },
      },
      'unreachable',
    ],
    ['the role is gone', { server: 'metadata', path: ROLE, fault: { kind: 'status', status: 404 } }, 'forbidden'],
    [
      'the role has no name',
      { server: 'metadata', path: ROLE, fault: { kind: 'status', status: 200, body: '\n' } },
      'forbidden',
    ],
    [
      'the role is a path',
      { server: 'metadata', path: ROLE, fault: { kind: 'status', status: 200, body: '../x' } },
      'unreachable',
    ],
  ]
  it.concurrent.each(cases)('%s', async (_name, order, why) => {
    await using it = await startDriver()
    it.aws.faults.add(order)
    const { value, ms } = await timed(it.cloud.act('hibernate', it.signal))
    expect(value).toMatchObject({ result: 'refused', why })
    expect(ms).toBeLessThan(3000)
    expect(it.aws.requests.counts().api).toBe(0)
  })

  it('nobody listens at the API', async () => {
    const other = await startDriver()
    await other.aws.close()
    await using it = await startDriver({ driver: { apiUrl: other.aws.apiUrl } })
    expect(await it.cloud.act('stop', it.signal)).toMatchObject(refused('unreachable', 'ECONNREFUSED'))
  })

  it('the caller gave up while credentials were read', async () => {
    await using it = await startDriver()
    it.aws.faults.add({ server: 'metadata', path: `${ROLE}*`, fault: { kind: 'hang' } })
    const caller = new AbortController()
    const acting = it.cloud.act('stop', caller.signal)
    await expect.poll(() => it.aws.requests.list({ path: ROLE }).length, { interval: 5 }).toBe(1)
    caller.abort()
    expect(await acting).toMatchObject({ result: 'refused', why: 'unreachable' })
    expect(it.aws.requests.counts().api).toBe(0)
  })

  it('the caller gave up between the keys and the call', async () => {
    await using it = await startDriver()
    const caller = new AbortController()
    const http: typeof it.host.http = async (request) => {
      const answer = await it.host.http(request)
      if (request.url.endsWith('/idle-agent')) caller.abort()
      return answer
    }
    const { metadataUrl, apiUrl } = it.aws
    const cloud = createAws({ ...it.host, http }, { metadataUrl, apiUrl })
    expect(await cloud.act('stop', caller.signal)).toMatchObject(refused('unreachable', 'aborted'))
    expect(it.aws.requests.counts().api).toBe(0)
  })

  const jumps: readonly [string, { readonly wallMs: number; readonly bootMs: number }][] = [
    ['the machine slept', { wallMs: 8 * HOUR, bootMs: 8 * HOUR }],
    ['it was hibernated, which boot time does not tell', { wallMs: 8 * HOUR, bootMs: 0 }],
    ['its clock was set back', { wallMs: -8 * HOUR, bootMs: 0 }],
  ]
  it.each(jumps)('%s while credentials were read', async (_name, jump) => {
    await using it = await startDriver()
    const now = it.host.clocks
    const late = () => it.aws.requests.list({ path: `${ROLE}idle-agent` }).length > 0
    const clocks = () => {
      const { wallMs, bootMs, monoMs } = now()
      return late()
        ? { wallMs: wallMs + jump.wallMs, bootMs: bootMs + jump.bootMs, monoMs }
        : { wallMs, bootMs, monoMs }
    }
    const { metadataUrl, apiUrl } = it.aws
    const cloud = createAws({ ...it.host, clocks }, { metadataUrl, apiUrl })
    expect(await cloud.act('hibernate', it.signal)).toMatchObject({ result: 'refused', code: 'run-changed' })
    expect(it.aws.requests.counts().api).toBe(0)
  })
})

it('is not sent again in another run of the machine', async () => {
  await using it = await startDriver({
    aws: {
      onRequest({ action }) {
        if (action === 'StopInstances') it.aws.instance().launchTime += HOUR
      },
    },
  })
  it.aws.faults.add(stopFault({ kind: 'api-error', code: 'ExpiredToken' }, 1))
  expect(await it.cloud.act('hibernate', it.signal)).toMatchObject(refused('other', 'run-changed'))
  expect(it.sent('StopInstances')).toBe(1)
  expect(it.aws.instance().state).toBe('running')
})

describe('it may have been executed', () => {
  const cases: readonly [string, Fault, 'running' | 'stopped'][] = [
    ['no answer', { kind: 'hang' }, 'running'],
    ['executed, no answer', { kind: 'hang-after-action' }, 'stopped'],
    ['a slow drip', { kind: 'drip', msPerByte: 100 }, 'stopped'],
    ['a late answer', { kind: 'delay', ms: 5000 }, 'running'],
    ['a reset', { kind: 'refuse' }, 'running'],
    ['executed, then a reset', { kind: 'reset-after', bytes: 0 }, 'stopped'],
    ['executed, then a reset in the middle', { kind: 'reset-after', bytes: 100 }, 'stopped'],
    ['garbage with status 200', { kind: 'garbage' }, 'running'],
    ['an empty 200', { kind: 'status', status: 200 }, 'running'],
    [
      'a 200 about nobody',
      { kind: 'status', status: 200, body: '<StopInstancesResponse><instancesSet/></StopInstancesResponse>' },
      'running',
    ],
    ['a 500 without a word', { kind: 'status', status: 500 }, 'running'],
    ['a 503 of a balancer', { kind: 'status', status: 503, body: '<html><body>busy</body></html>' }, 'running'],
    ['a 403 of a proxy', { kind: 'status', status: 403, body: '<html>' }, 'running'],
    ['a 404', { kind: 'status', status: 404 }, 'running'],
    ['a redirect', { kind: 'status', status: 307 }, 'running'],
    ['InternalError', { kind: 'api-error', code: 'InternalError' }, 'running'],
    ['Unavailable', { kind: 'api-error', code: 'Unavailable' }, 'running'],
  ]
  it.concurrent.each(cases)('%s', async (_name, fault, state) => {
    await using it = await startDriver({ driver })
    it.aws.faults.add(stopFault(fault))
    const { value, ms } = await timed(it.cloud.act('hibernate', it.signal))
    expect(value).toMatchObject({ result: 'unknown', message: expect.stringMatching(/\w+ \w+/) })
    expect(ms).toBeLessThan(driver.callMs + 1000)
    expect(it.sent('StopInstances')).toBe(1)
    await it.aws.waitForState(state)
  })

  it('the caller gave up after it was sent', async () => {
    await using it = await startDriver()
    it.aws.faults.add(stopFault({ kind: 'hang-after-action' }))
    const caller = new AbortController()
    const acting = timed(it.cloud.act('stop', caller.signal))
    await expect.poll(() => it.sent('StopInstances'), { interval: 5 }).toBe(1)
    caller.abort()
    const { value, ms } = await acting
    expect(value).toMatchObject({ result: 'unknown' })
    expect(ms).toBeLessThan(3000)
  })
})

describe('the real vendor is never reached by a demo', () => {
  const { signal } = new AbortController()

  it.each(['http://127.0.0.1:9', 'http://localhost:9', 'http://[::1]:9'])(
    'metadata at %s and no API',
    async (metadataUrl) => {
      const host = createLoopbackHost()
      const cloud = createAws(host, { metadataUrl })
      const outcome = await cloud.act('hibernate', signal)
      expect(outcome).toMatchObject({
        result: 'refused',
        why: 'other',
        message: expect.stringContaining('AWS_ENDPOINT_URL_EC2'),
      })
      await expect(cloud.writeTags({ a: 'b' }, signal)).rejects.toMatchObject({ code: 'no-endpoint', retryable: false })
      expect(host.requests).toEqual([])
    },
  )

  it('nor by the tags that metadata does not show', async () => {
    await using it = await startDriver({ aws: { instances: [{ metadataTags: false }] } })
    const cloud = createAws(it.host, { metadataUrl: it.aws.metadataUrl })
    await expect(cloud.operatorTags('P', signal)).rejects.toThrow('AWS_ENDPOINT_URL_EC2')
    expect(it.aws.requests.counts().api).toBe(0)
  })

  it("nor by another machine's files", async () => {
    const host = createLoopbackHost({ root: '/fixture' })
    const cloud = createAws(host, { metadataUrl: 'http://10.0.0.1' })
    expect(await cloud.act('stop', signal)).toMatchObject({ result: 'refused', code: 'no-endpoint' })
    expect(host.requests).toEqual([])
  })
})
