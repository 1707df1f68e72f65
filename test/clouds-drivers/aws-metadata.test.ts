/** EC2's metadata: what is read from it, how often it is asked, and every way in which it can fail. */
import { describe, expect, it } from 'vitest'
import { createAws } from '../../agent/clouds/aws.ts'
import { CloudError } from '../../agent/errors.ts'
import type { Fault } from '../clouds/faults.ts'
import { createLoopbackHost } from '../host/loopback.ts'
import { startDriver, timed } from './start-aws.ts'

const TOKEN = '/latest/api/token'
const DOCUMENT = '/latest/dynamic/instance-identity/document'
const HIBERNATION = '/latest/meta-data/hibernation/configured'
const good = { instanceId: 'i-0a1b2c3d4e5f60718', region: 'eu-west-1', pendingTime: '2026-11-22T08:00:00Z' }

function answered(change: Readonly<Record<string, unknown>>): Fault {
  return { kind: 'status', status: 200, body: JSON.stringify({ ...good, ...change }) }
}

describe('identify', () => {
  it('reads id, region and last start by a token and one document', async () => {
    await using it = await startDriver({ aws: { instances: [{ launchTime: Date.UTC(2026, 10, 22, 8) }] } })
    expect(await it.cloud.identify(it.signal)).toEqual({
      id: 'i-0a1b2c3d4e5f60718',
      region: 'eu-west-1',
      startedAt: '2026-11-22T08:00:00Z',
    })
    expect(it.aws.requests.counts().byKind).toEqual({ [`metadata PUT ${TOKEN}`]: 1, [`metadata GET ${DOCUMENT}`]: 1 })
  })

  it('sees a new start', async () => {
    await using it = await startDriver()
    const first = await it.cloud.identify(it.signal)
    it.aws.instance().launchTime += 3_600_000
    expect((await it.cloud.identify(it.signal)).startedAt).not.toBe(first.startedAt)
  })

  const regions = ['us-gov-west-1', 'cn-northwest-1', 'us-isob-east-1', 'ap-southeast-5', 'eusc-de-east-1']
  it.each(regions)('knows %s for a region', async (region) => {
    await using it = await startDriver()
    it.aws.faults.add({ server: 'metadata', path: DOCUMENT, fault: answered({ region }) })
    expect((await it.cloud.identify(it.signal)).region).toBe(region)
  })

  it('does without a start that is not told', async () => {
    await using it = await startDriver()
    it.aws.faults.add({ server: 'metadata', path: DOCUMENT, fault: answered({ pendingTime: null }) })
    expect(await it.cloud.identify(it.signal)).toEqual({ id: 'i-0a1b2c3d4e5f60718', region: 'eu-west-1' })
  })

  const faults: readonly [string, string, Fault, { code: string; retryable: boolean }][] = [
    ['no token in time', TOKEN, { kind: 'hang' }, { code: 'unreachable', retryable: true }],
    ['no document in time', DOCUMENT, { kind: 'hang' }, { code: 'unreachable', retryable: true }],
    ['a slow drip', DOCUMENT, { kind: 'drip', msPerByte: 200 }, { code: 'unreachable', retryable: true }],
    ['a late answer', DOCUMENT, { kind: 'delay', ms: 5000 }, { code: 'unreachable', retryable: true }],
    ['a reset', TOKEN, { kind: 'refuse' }, { code: 'unreachable', retryable: true }],
    ['a reset in the middle', DOCUMENT, { kind: 'reset-after', bytes: 20 }, { code: 'unreachable', retryable: true }],
    ['a garbage token', TOKEN, { kind: 'garbage' }, { code: 'garbage', retryable: true }],
    ['an empty token', TOKEN, { kind: 'status', status: 200, body: '' }, { code: 'garbage', retryable: true }],
    [
      'a token with a line break',
      TOKEN,
      { kind: 'status', status: 200, body: 'a\r\nb' },
      { code: 'garbage', retryable: true },
    ],
    ['a garbage document', DOCUMENT, { kind: 'garbage' }, { code: 'garbage', retryable: true }],
    ['metadata switched off', TOKEN, { kind: 'status', status: 403 }, { code: 'forbidden', retryable: false }],
    ['version 1 alone', TOKEN, { kind: 'status', status: 404 }, { code: 'refused', retryable: true }],
    ['a bad request', TOKEN, { kind: 'status', status: 400 }, { code: 'refused', retryable: true }],
    ['a redirect', DOCUMENT, { kind: 'status', status: 302 }, { code: 'refused', retryable: true }],
    ['throttled', DOCUMENT, { kind: 'status', status: 503 }, { code: 'unavailable', retryable: true }],
    [
      'a token that is never good',
      DOCUMENT,
      { kind: 'status', status: 401 },
      { code: 'unauthorized', retryable: true },
    ],
    ['no document', DOCUMENT, { kind: 'status', status: 404 }, { code: 'garbage', retryable: true }],
    ['no id', DOCUMENT, answered({ instanceId: undefined }), { code: 'garbage', retryable: true }],
    ['an id that is none', DOCUMENT, answered({ instanceId: 'vm-1' }), { code: 'garbage', retryable: true }],
    ['an id that is a number', DOCUMENT, answered({ instanceId: 5 }), { code: 'garbage', retryable: true }],
    [
      'a region that is a host',
      DOCUMENT,
      answered({ region: 'evil.example.com/' }),
      { code: 'garbage', retryable: true },
    ],
    ['no region', DOCUMENT, answered({ region: '' }), { code: 'garbage', retryable: true }],
    ['a list', DOCUMENT, { kind: 'status', status: 200, body: '[]' }, { code: 'garbage', retryable: true }],
    ['null', DOCUMENT, { kind: 'status', status: 200, body: 'null' }, { code: 'garbage', retryable: true }],
  ]
  it.concurrent.each(faults)('%s', async (_name, path, fault, expected) => {
    await using it = await startDriver()
    it.aws.faults.add({ server: 'metadata', path, fault })
    const { value: error, ms } = await timed(it.cloud.identify(it.signal).catch((thrown: unknown) => thrown))
    expect(error).toBeInstanceOf(CloudError)
    expect(error).toMatchObject(expected)
    expect(ms).toBeLessThan(2500)
  })

  it('asks for a new token once when the old one is refused', async () => {
    await using it = await startDriver()
    await it.cloud.identify(it.signal)
    it.aws.requests.clear()
    it.aws.faults.add({ server: 'metadata', path: DOCUMENT, times: 1, fault: { kind: 'status', status: 401 } })
    expect((await it.cloud.identify(it.signal)).region).toBe('eu-west-1')
    expect(it.aws.requests.counts().byKind).toEqual({ [`metadata GET ${DOCUMENT}`]: 2, [`metadata PUT ${TOKEN}`]: 1 })
  })

  it('does not send a token that its own clocks say is old', async () => {
    await using it = await startDriver()
    let later = 0
    const clocks = it.host.clocks
    const host = { ...it.host, clocks: () => ({ ...clocks(), wallMs: clocks().wallMs + later }) }
    const cloud = createAws(host, { metadataUrl: it.aws.metadataUrl })
    await cloud.identify(it.signal)
    later = 14 * 3_600_000
    it.aws.requests.clear()
    await cloud.identify(it.signal)
    expect(it.aws.requests.counts().byKind).toEqual({ [`metadata PUT ${TOKEN}`]: 1, [`metadata GET ${DOCUMENT}`]: 1 })
  })

  it('never sends a request without a token, nor anything of version 1', async () => {
    await using it = await startDriver({ aws: { instances: [{ metadataTokens: 'optional' }] } })
    it.aws.faults.add({ server: 'metadata', path: TOKEN, fault: { kind: 'status', status: 405 } })
    await expect(it.cloud.identify(it.signal)).rejects.toBeInstanceOf(CloudError)
    expect(it.aws.requests.counts().byKind).toEqual({ [`metadata PUT ${TOKEN}`]: 1 })
  })

  it('nobody listens', async () => {
    const started = await startDriver()
    await started.aws.close()
    await expect(started.cloud.identify(started.signal)).rejects.toMatchObject({ code: 'unreachable', retryable: true })
  })

  it('ends when its caller gives up', async () => {
    await using it = await startDriver()
    it.aws.faults.add({ server: 'metadata', fault: { kind: 'hang' } })
    const caller = new AbortController()
    const asked = timed(it.cloud.identify(caller.signal).catch((thrown: unknown) => thrown))
    await expect.poll(() => it.aws.requests.list().length, { interval: 5 }).toBe(1)
    caller.abort()
    const { value, ms } = await asked
    expect(value).toBeInstanceOf(CloudError)
    expect(ms).toBeLessThan(900)
  })

  it('asks nobody below --root', async () => {
    const cloud = createAws(createLoopbackHost({ root: '/fixture' }), {})
    const { signal } = new AbortController()
    await expect(cloud.identify(signal)).rejects.toMatchObject({ code: 'not-asked', retryable: false })
    await expect(cloud.canHibernate(signal)).rejects.toMatchObject({ code: 'not-asked' })
    await expect(cloud.operatorTags('P', signal)).rejects.toMatchObject({ code: 'not-asked' })
    expect(await cloud.act('stop', signal)).toMatchObject({ result: 'refused', code: 'no-endpoint' })
  })
})

describe('canHibernate', () => {
  const answers: readonly [string, Fault | undefined, boolean][] = [
    ['true', undefined, true],
    ['not an item of this instance', { kind: 'status', status: 404 }, false],
    ['false', { kind: 'status', status: 200, body: 'false\n' }, false],
  ]
  it.each(answers)('%s', async (_name, fault, expected) => {
    await using it = await startDriver()
    if (fault !== undefined) it.aws.faults.add({ server: 'metadata', path: HIBERNATION, fault })
    expect(await it.cloud.canHibernate(it.signal)).toBe(expected)
  })

  const failures: readonly [Fault, string][] = [
    [{ kind: 'garbage' }, 'garbage'],
    [{ kind: 'status', status: 200, body: '' }, 'garbage'],
    [{ kind: 'status', status: 403 }, 'forbidden'],
    [{ kind: 'hang' }, 'unreachable'],
  ]
  it.each(failures)('%j is not "no"', async (fault, code) => {
    await using it = await startDriver()
    it.aws.faults.add({ server: 'metadata', path: HIBERNATION, fault })
    await expect(it.cloud.canHibernate(it.signal)).rejects.toMatchObject({ name: 'CloudError', code })
  })
})
