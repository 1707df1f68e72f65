/** The one call that deallocates this VM: every refusal, every fault, and that it is sent once. */
import { beforeAll, describe, expect, it } from 'vitest'
import { createAzure } from '../../agent/clouds/azure.ts'
import type { Outcome } from '../../agent/types/outcome.ts'
import type { Method } from '../../agent/types.ts'
import type { Fault, FaultOrder, VmSpec } from '../clouds/azure.ts'
import { createLoopbackHost } from '../host/loopback.ts'
import { timed } from './start-aws.ts'
import { startDriver } from './start-azure.ts'

const TOKEN = '/metadata/identity/oauth2/token'
const CALL = 'VirtualMachines_Deallocate'
const HOUR = 3_600_000
const stateDir = '/var/lib/idle-agent'

/** Short, so that a case of waiting is; well above what a call needs on a busy machine once the SDK is loaded. */
const driver = { callMs: 1500 }

beforeAll(async () => void (await import('../../agent/clouds/azure-sdk.ts')))

function refused(why: string, code: string): Partial<Outcome> {
  return { result: 'refused', why, code } as Partial<Outcome>
}

function callFault(fault: Fault, times?: number): FaultOrder {
  return { server: 'api', action: CALL, fault, ...(times === undefined ? {} : { times }) }
}

it.each([
  ['hibernate', 'true', 'hibernated'],
  ['stop', 'false', 'deallocated'],
] as const)('%s is deallocate with hibernate=%s, on this VM alone: %s', async (method, hibernate, state) => {
  await using it = await startDriver()
  expect(await it.cloud.act(method, it.signal)).toMatchObject({
    result: 'accepted',
    detail: expect.stringMatching(/^deallocating, operation [0-9a-f-]{36}$/),
  })
  const calls = it.azure.requests.list({ server: 'api' })
  expect(calls.map(({ action, params }) => ({ action, params }))).toEqual([
    { action: CALL, params: { 'api-version': '2024-07-01', hibernate } },
  ])
  expect(calls[0]?.instanceId).toBe(it.azure.instance().id)
  await it.azure.waitForState(state)
})

it('nothing is asked of the asynchronous operation', async () => {
  await using it = await startDriver({ azure: { delays: { stopMs: 50 } } })
  await it.cloud.act('stop', it.signal)
  await it.azure.waitForState('deallocated')
  expect(it.azure.requests.list({ server: 'api' }).map(({ action }) => action)).toEqual([CALL])
})

describe('Azure refuses', () => {
  const cases: readonly [string, VmSpec, Method, Partial<Outcome>][] = [
    ['too soon after boot', { notReadyCalls: 1 }, 'hibernate', refused('not-ready', 'VMHibernateNotSupported')],
    ['not enabled', { hibernation: false }, 'hibernate', refused('unsupported', 'OperationNotAllowed')],
    [
      'a failed extension',
      { hibernationExtension: 'failed' },
      'hibernate',
      refused('not-ready', 'OperationNotAllowed'),
    ],
    ['a ReadOnly lock', { lock: 'ReadOnly' }, 'stop', refused('protected', 'ScopeLocked')],
    ['a lock of its group', { lock: 'ReadOnly', lockScope: 'group' }, 'hibernate', refused('protected', 'ScopeLocked')],
    ['an ephemeral OS disk', { ephemeralOsDisk: true }, 'stop', refused('owned', 'OperationNotAllowed')],
    ['a role that is not there', { role: null }, 'stop', refused('forbidden', 'AuthorizationFailed')],
    ['a role that comes later', { roleAfterSeconds: 600 }, 'stop', refused('forbidden', 'AuthorizationFailed')],
    ['no identity', { identity: false }, 'stop', refused('forbidden', 'no-identity')],
    ['a Uniform scale set', { scaleSet: 'set-1' }, 'stop', refused('other', 'not-a-vm')],
  ]
  it.each(cases)('%s', async (_name, spec, method, expected) => {
    await using it = await startDriver({ azure: { instances: [spec] } })
    const outcome = await it.cloud.act(method, it.signal)
    expect(outcome).toMatchObject(expected)
    expect(it.azure.instance().state).toBe('running')
    const unsent = spec.identity === false || spec.scaleSet !== undefined
    expect(it.sent(CALL)).toBe(unsent ? 0 : 1)
  })

  it('a lock that only forbids deletion does not matter', async () => {
    await using it = await startDriver({ azure: { instances: [{ lock: 'CanNotDelete' }] } })
    await it.cloud.writeTags({ 'P:IdleStatus': 'idle' }, it.signal)
    expect(await it.cloud.act('stop', it.signal)).toMatchObject({ result: 'accepted' })
  })

  it('the tags for a lock: then no deallocation is sent at all (row 22)', async () => {
    await using it = await startDriver({ azure: { instances: [{ lock: 'ReadOnly' }] } })
    await expect(it.cloud.writeTags({ 'P:IdleStatus': 'idle' }, it.signal)).rejects.toMatchObject({
      code: 'ScopeLocked',
      retryable: false,
    })
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject(refused('protected', 'ScopeLocked'))
    expect(it.sent(CALL)).toBe(0)
    it.azure.instance().lock = null
    await it.cloud.writeTags({ 'P:IdleStatus': 'idle' }, it.signal)
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'accepted' })
  })

  const codes: readonly [string, string][] = [
    ['VMHibernateFailed', 'other'],
    ['InternalOperationError', 'other'],
    ['Conflict', 'wrong-state'],
    ['ExpiredAuthenticationToken', 'credentials'],
    ['SomethingNew', 'other'],
  ]
  it.each(codes)('%s, sent once', async (code, why) => {
    await using it = await startDriver()
    it.azure.faults.add(callFault({ kind: 'api-error', code }))
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'refused', why, code })
    expect(it.sent(CALL)).toBe(1)
  })

  it('hibernation that is not supported long after boot is taken for what it says', async () => {
    await using it = await startDriver({ azure: { instances: [{ notReadyCalls: 1 }] } })
    const clocks = () => ({ ...it.host.clocks(), bootMs: HOUR })
    const { metadataUrl, apiUrl } = it.azure
    const cloud = createAzure({ ...it.host, clocks }, { metadataUrl, apiUrl, stateDir })
    expect(await cloud.act('hibernate', it.signal)).toMatchObject(refused('unsupported', 'VMHibernateNotSupported'))
  })
})

describe('throttled', () => {
  it('is not asked again before the time is over, tags apart', async () => {
    await using it = await startDriver()
    it.azure.faults.add(callFault({ kind: 'api-error', code: 'TooManyRequests', retryAfterSeconds: 40 }, 1))
    expect(await it.cloud.act('stop', it.signal)).toMatchObject(refused('throttled', 'TooManyRequests'))
    expect(await it.cloud.act('stop', it.signal)).toMatchObject({
      ...refused('throttled', 'throttled'),
      message: expect.stringMatching(/another (39|40) s/),
    })
    await it.cloud.writeTags({ 'P:IdleStatus': 'idle' }, it.signal)
    expect([it.sent(CALL), it.sent('Tags_UpdateAtScope')]).toEqual([1, 1])
    // Another process, another boot: what was said of the time since that one means nothing.
    const host = it.host.withSelf({ bootId: 'another' })
    const { metadataUrl, apiUrl } = it.azure
    const cloud = createAzure(
      { ...host, http: it.host.http, clocks: it.host.clocks },
      { metadataUrl, apiUrl, stateDir },
    )
    expect(await cloud.act('stop', it.signal)).toMatchObject({ result: 'accepted' })
  })

  it.each([1e300, 1e12])(
    'a wait until %d, which nobody can have asked for, keeps nothing waiting',
    async (untilBootMs) => {
      await using it = await startDriver()
      const wait = { bootId: it.host.self.bootId, untilBootMs }
      await it.host.store.replace(`${stateDir}/azure.json`, JSON.stringify({ waits: { deallocate: wait } }), 0o600)
      expect(await it.cloud.act('stop', it.signal)).toMatchObject({ result: 'accepted' })
    },
  )

  it('tags do not keep the deallocation waiting', async () => {
    await using it = await startDriver()
    const fault = { kind: 'api-error', code: 'TooManyRequests', retryAfterSeconds: 600 } as const
    it.azure.faults.add({ server: 'api', action: 'Tags_UpdateAtScope', fault, times: 1 })
    const asked = { retryable: true, throttled: true, retryAfterMs: 600_000 }
    await expect(it.cloud.writeTags({ a: 'b' }, it.signal)).rejects.toMatchObject(asked)
    const left = { code: 'throttled', retryable: true, retryAfterMs: expect.closeTo(600_000, -5) as number }
    await expect(it.cloud.writeTags({ a: 'b' }, it.signal)).rejects.toMatchObject(left)
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'accepted' })
    expect([it.sent(CALL), it.sent('Tags_UpdateAtScope')]).toEqual([1, 1])
  })

  it("by the compute provider, which says OperationNotAllowed: the VM's own bucket of four a minute", async () => {
    await using it = await startDriver({
      azure: { throttle: true, instances: [{ deallocationFails: 'VMHibernateFailed' }] },
    })
    let outcome: Outcome = await it.cloud.act('stop', it.signal)
    for (let count = 1; outcome.result === 'accepted' && count < 20; count += 1) {
      outcome = await it.cloud.act('stop', it.signal)
    }
    expect(outcome).toMatchObject(refused('throttled', 'OperationNotAllowed'))
    expect(it.sent(CALL)).toBe(13)
    expect(await it.cloud.act('stop', it.signal)).toMatchObject(refused('throttled', 'throttled'))
    expect(it.sent(CALL)).toBe(13)
  })
})

describe('nothing is sent', () => {
  const cases: readonly [string, FaultOrder, string][] = [
    ['metadata hangs', { server: 'metadata', fault: { kind: 'hang' } }, 'unreachable'],
    ['metadata is reset', { server: 'metadata', fault: { kind: 'refuse' } }, 'unreachable'],
    ['metadata is forbidden', { server: 'metadata', fault: { kind: 'status', status: 403 } }, 'unreachable'],
    ['metadata is garbage', { server: 'metadata', fault: { kind: 'garbage' } }, 'unreachable'],
    ['the token hangs', { server: 'metadata', path: TOKEN, fault: { kind: 'hang' } }, 'unreachable'],
    ['the token is garbage', { server: 'metadata', path: TOKEN, fault: { kind: 'garbage' } }, 'credentials'],
    ['a 500 for the token', { server: 'metadata', path: TOKEN, fault: { kind: 'status', status: 500 } }, 'credentials'],
    ['a 404 for the token', { server: 'metadata', path: TOKEN, fault: { kind: 'status', status: 404 } }, 'forbidden'],
    ['a 403 for the token', { server: 'metadata', path: TOKEN, fault: { kind: 'status', status: 403 } }, 'forbidden'],
    ['a 429 for the token', { server: 'metadata', path: TOKEN, fault: { kind: 'status', status: 429 } }, 'throttled'],
    [
      'a token that is none',
      { server: 'metadata', path: TOKEN, fault: { kind: 'status', status: 200, body: '{"access_token":"a b"}' } },
      'credentials',
    ],
    [
      'no token in the answer',
      { server: 'metadata', path: TOKEN, fault: { kind: 'status', status: 200, body: '{}' } },
      'credentials',
    ],
  ]
  it.each(cases)('%s', async (_name, order, why) => {
    await using it = await startDriver()
    it.azure.faults.add(order)
    const { value, ms } = await timed(it.cloud.act('hibernate', it.signal))
    expect(value).toMatchObject({ result: 'refused', why })
    expect(ms).toBeLessThan(6000)
    expect(it.azure.requests.counts().api).toBe(0)
    expect(it.azure.requests.list({ server: 'metadata', path: TOKEN }).length).toBeLessThanOrEqual(2)
  })

  it('nobody listens at the API', async () => {
    const other = await startDriver()
    await other.azure.close()
    await using it = await startDriver({ driver: { apiUrl: other.azure.apiUrl } })
    expect(await it.cloud.act('stop', it.signal)).toMatchObject(refused('unreachable', 'ECONNREFUSED'))
  })

  it('the API shows a certificate that nobody here trusts', async () => {
    await using it = await startDriver({ driver: { apiUrl: 'https://127.0.0.1:1' } })
    await using other = await startDriver()
    const apiUrl = other.azure.apiUrl.replace('127.0.0.1', '127.0.0.2')
    const cloud = createAzure(it.host, { metadataUrl: it.azure.metadataUrl, apiUrl, stateDir })
    expect(await cloud.act('stop', it.signal)).toMatchObject({ result: 'refused', why: 'unreachable' })
  })

  it('the caller gave up while the token was read', async () => {
    await using it = await startDriver()
    it.azure.faults.add({ server: 'metadata', path: TOKEN, fault: { kind: 'hang' } })
    const caller = new AbortController()
    const acting = it.cloud.act('stop', caller.signal)
    await expect.poll(() => it.azure.requests.list({ path: TOKEN }).length, { interval: 5 }).toBe(1)
    caller.abort()
    expect(await acting).toMatchObject({ result: 'refused', why: 'unreachable' })
    expect(it.azure.requests.counts().api).toBe(0)
  })

  const jumps: readonly [string, { readonly wallMs: number; readonly bootMs: number }][] = [
    ['the machine slept', { wallMs: 8 * HOUR, bootMs: 8 * HOUR }],
    ['it was hibernated, which boot time does not tell', { wallMs: 8 * HOUR, bootMs: 0 }],
    ['its clock was set back', { wallMs: -8 * HOUR, bootMs: 0 }],
  ]
  const moments: readonly (readonly [string, 'token' | 'memory'])[] = [
    ['the token was read', 'token'],
    ['nothing was asked yet, its own files apart', 'memory'],
  ]
  it.each(jumps.flatMap(([name, jump]) => moments.map(([when, what]) => [name, when, jump, what] as const)))(
    '%s while %s',
    async (_name, _when, jump, what) => {
      await using it = await startDriver()
      const now = it.host.clocks
      let read = false
      const store: typeof it.host.store = {
        ...it.host.store,
        async read(path) {
          read = true
          return it.host.store.read(path)
        },
      }
      const late = () => (what === 'memory' ? read : it.azure.requests.list({ path: TOKEN }).length > 0)
      const clocks = () => {
        const { wallMs, bootMs, monoMs } = now()
        return late()
          ? { wallMs: wallMs + jump.wallMs, bootMs: bootMs + jump.bootMs, monoMs }
          : { wallMs, bootMs, monoMs }
      }
      const { metadataUrl, apiUrl } = it.azure
      const cloud = createAzure({ ...it.host, clocks, store }, { metadataUrl, apiUrl, stateDir })
      expect(await cloud.act('hibernate', it.signal)).toMatchObject({ result: 'refused', code: 'run-changed' })
      expect(it.azure.requests.counts().api).toBe(0)
    },
  )
})

describe('it may have been executed', () => {
  const cases: readonly [string, Fault, 'running' | 'hibernated'][] = [
    ['no answer', { kind: 'hang' }, 'running'],
    ['executed, no answer', { kind: 'hang-after-action' }, 'hibernated'],
    ['a late answer', { kind: 'delay', ms: 5000 }, 'running'],
    ['a reset', { kind: 'refuse' }, 'running'],
    ['garbage with status 200', { kind: 'garbage' }, 'running'],
    ['an empty 200', { kind: 'status', status: 200 }, 'running'],
    ['an empty 202', { kind: 'status', status: 202 }, 'running'],
    ['a 500 without a word', { kind: 'status', status: 500 }, 'running'],
    ['a 503 of a balancer', { kind: 'status', status: 503, body: '<html><body>busy</body></html>' }, 'running'],
    ['a 403 of a proxy', { kind: 'status', status: 403, body: '<html>' }, 'running'],
    ['a redirect', { kind: 'status', status: 307 }, 'running'],
    ['InternalServerError', { kind: 'api-error', code: 'InternalServerError' }, 'running'],
    ['ServiceUnavailable', { kind: 'api-error', code: 'ServiceUnavailable' }, 'running'],
  ]
  it.concurrent.each(cases)('%s', async (_name, fault, state) => {
    await using it = await startDriver({ driver })
    it.azure.faults.add(callFault(fault))
    const { value, ms } = await timed(it.cloud.act('hibernate', it.signal))
    expect(value).toMatchObject({ result: 'unknown', message: expect.stringMatching(/\w+ \w+/) })
    expect(ms).toBeLessThan(driver.callMs + 1000)
    expect(it.sent(CALL)).toBe(1)
    await it.azure.waitForState(state)
  })
})

describe('what became of it is asked once, in the next boot', () => {
  it('is nothing to tell where nothing was sent, or it is done', async () => {
    await using it = await startDriver()
    expect(await it.cloud.stopFailure?.(it.signal)).toBeUndefined()
    expect(it.azure.requests.counts().total).toBe(0)
    await it.cloud.act('stop', it.signal)
    await it.azure.waitForState('deallocated')
    expect(await it.cloud.stopFailure?.(it.signal)).toBeUndefined()
    expect(it.sent('Operations_Get')).toBe(1)
    expect(await it.cloud.stopFailure?.(it.signal)).toBeUndefined()
    expect(it.sent('Operations_Get')).toBe(1)
  })

  it('says that the VM stayed allocated', async () => {
    await using it = await startDriver({ azure: { instances: [{ deallocationFails: 'VMHibernateFailed' }] } })
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'accepted' })
    await it.azure.waitForState('running')
    expect(await it.cloud.stopFailure?.(it.signal)).toBe(
      'VMHibernateFailed: the VM was not deallocated, so it stayed allocated and was paid for',
    )
  })
})

describe('the real vendor is never reached by a demo', () => {
  const { signal } = new AbortController()

  it.each(['http://127.0.0.1:9', 'http://localhost:9', 'http://[::1]:9'])(
    'metadata at %s and no API',
    async (metadataUrl) => {
      const host = createLoopbackHost()
      const cloud = createAzure(host, { metadataUrl, stateDir })
      expect(await cloud.act('hibernate', signal)).toMatchObject({
        result: 'refused',
        why: 'other',
        message: expect.stringContaining('AZURE_RESOURCE_MANAGER_ENDPOINT'),
      })
      await expect(cloud.writeTags({ a: 'b' }, signal)).rejects.toMatchObject({ code: 'no-endpoint', retryable: false })
      expect(host.requests).toEqual([])
    },
  )

  it("nor by another machine's files", async () => {
    const host = createLoopbackHost({ root: '/fixture' })
    const cloud = createAzure(host, { metadataUrl: 'http://10.0.0.1', stateDir })
    expect(await cloud.act('stop', signal)).toMatchObject({ result: 'refused', code: 'no-endpoint' })
    expect(host.requests).toEqual([])
  })
})
