/** Tags of an EC2 instance: written through the API, an operator's read where they are fresh, and every failure of both. */
import { beforeAll, describe, expect, it } from 'vitest'
import { CloudError } from '../../agent/errors.ts'
import type { Fault } from '../clouds/faults.ts'
import { startDriver, timed } from './start-aws.ts'

const PREFIX = 'CloudWorkstation'
const TAGS = '/latest/meta-data/tags/instance'
const tags = { [`${PREFIX}:IdleStatus`]: 'idle', [`${PREFIX}:IdleAction`]: '' }
const driver = { callMs: 1500 }

beforeAll(async () => void (await import('../../agent/clouds/aws-sdk.ts')))

describe('writeTags', () => {
  it('is one CreateTags on this instance alone', async () => {
    await using it = await startDriver()
    await it.cloud.writeTags(tags, it.signal)
    const calls = it.aws.requests.list({ server: 'api' })
    expect(calls.map(({ action, params }) => ({ action, params }))).toEqual([
      {
        action: 'CreateTags',
        params: {
          'ResourceId.1': it.aws.instance().id,
          'Tag.1.Key': `${PREFIX}:IdleStatus`,
          'Tag.1.Value': 'idle',
          'Tag.2.Key': `${PREFIX}:IdleAction`,
          'Tag.2.Value': '',
        },
      },
    ])
  })

  const passing: readonly [string, Fault][] = [
    ['unavailable once', { kind: 'api-error', code: 'Unavailable' }],
    ['reset once', { kind: 'refuse' }],
    ['expired keys once', { kind: 'api-error', code: 'ExpiredToken' }],
  ]
  it.concurrent.each(passing)('%s: tried again', async (_name, fault) => {
    await using it = await startDriver()
    it.aws.faults.add({ server: 'api', times: 1, fault })
    await it.cloud.writeTags(tags, it.signal)
    expect(it.sent('CreateTags')).toBe(2)
    expect(it.aws.instance().tags.get(`${PREFIX}:IdleStatus`)).toBe('idle')
  })

  const failing: readonly [string, Fault, { code: string; retryable: boolean; throttled?: boolean }, number][] = [
    [
      'denied',
      { kind: 'api-error', code: 'UnauthorizedOperation' },
      { code: 'UnauthorizedOperation', retryable: false },
      1,
    ],
    [
      'too many tags',
      { kind: 'api-error', code: 'TagLimitExceeded' },
      { code: 'TagLimitExceeded', retryable: false },
      1,
    ],
    [
      'throttled: not sent again at once',
      { kind: 'api-error', code: 'RequestLimitExceeded' },
      { code: 'RequestLimitExceeded', retryable: true, throttled: true },
      1,
    ],
    ['keys always expired', { kind: 'api-error', code: 'ExpiredToken' }, { code: 'ExpiredToken', retryable: true }, 2],
    ['broken', { kind: 'status', status: 500 }, { code: 'no-answer', retryable: true }, 2],
    ['reset', { kind: 'refuse' }, { code: 'no-answer', retryable: true }, 2],
    ['silent', { kind: 'hang' }, { code: 'no-answer', retryable: true }, 1],
    ['dripping', { kind: 'drip', msPerByte: 200 }, { code: 'no-answer', retryable: true }, 1],
    ['garbage', { kind: 'garbage' }, { code: 'no-answer', retryable: true }, 1],
  ]
  it.concurrent.each(failing)('%s', async (_name, fault, expected, calls) => {
    await using it = await startDriver({ driver: fault.kind === 'api-error' ? {} : driver })
    it.aws.faults.add({ server: 'api', fault })
    const { value: error, ms } = await timed(it.cloud.writeTags(tags, it.signal).catch((thrown: unknown) => thrown))
    expect(error).toBeInstanceOf(CloudError)
    expect(error).toMatchObject(expected)
    expect(it.sent('CreateTags')).toBe(calls)
    expect(ms).toBeLessThan(5000)
  })

  it('no role', async () => {
    await using it = await startDriver({ aws: { instances: [{ role: null }] } })
    await expect(it.cloud.writeTags(tags, it.signal)).rejects.toMatchObject({ code: 'no-role', retryable: false })
    expect(it.aws.requests.counts().api).toBe(0)
  })

  it('its caller gave up', async () => {
    await using it = await startDriver()
    it.aws.faults.add({ server: 'api', fault: { kind: 'hang' } })
    const caller = new AbortController()
    const writing = it.cloud.writeTags(tags, caller.signal).catch((thrown: unknown) => thrown)
    await expect.poll(() => it.sent('CreateTags'), { interval: 5 }).toBe(1)
    caller.abort()
    expect(await writing).toMatchObject({ name: 'CloudError', code: 'no-answer' })
  })
})

describe('operatorTags', () => {
  const until = { [`${PREFIX}:KeepAwakeUntil`]: '2026-11-22' }

  it('comes from metadata where that shows tags, without a call', async () => {
    await using it = await startDriver({ aws: { instances: [{ tags: until }] } })
    expect(await it.cloud.operatorTags(PREFIX, it.signal)).toEqual({ KeepAwakeUntil: '2026-11-22' })
    expect(it.aws.requests.counts().api).toBe(0)
  })

  it('asks metadata for keys in their encoded form', async () => {
    await using it = await startDriver({ aws: { instances: [{ tags: until }] } })
    await it.cloud.operatorTags(PREFIX, it.signal)
    expect(it.aws.requests.list({ path: `${TAGS}/${PREFIX}%3AKeepAwakeUntil` })).toHaveLength(1)
  })

  it('takes one DescribeTags where metadata shows none', async () => {
    await using it = await startDriver({ aws: { instances: [{ metadataTags: false, tags: until }] } })
    expect(await it.cloud.operatorTags(PREFIX, it.signal)).toEqual({ KeepAwakeUntil: '2026-11-22' })
    expect(it.sent('DescribeTags')).toBe(1)
  })

  it('takes one DescribeTags where metadata shows an empty list', async () => {
    await using it = await startDriver({ aws: { instances: [{ tags: until }] } })
    it.aws.faults.add({ server: 'metadata', path: TAGS, fault: { kind: 'status', status: 200, body: '\n' } })
    expect(await it.cloud.operatorTags(PREFIX, it.signal)).toEqual({ KeepAwakeUntil: '2026-11-22' })
    expect(it.sent('DescribeTags')).toBe(1)
  })

  it('takes one DescribeTags on Xen, whose metadata shows the tags of the last start', async () => {
    await using it = await startDriver({
      aws: { instances: [{ hypervisor: 'xen', tags: until }] },
      host: { files: { '/sys/hypervisor/type': 'xen\n' } },
    })
    it.aws.instance().tags.set(`${PREFIX}:Protected`, '')
    expect(await it.cloud.operatorTags(PREFIX, it.signal)).toEqual({ KeepAwakeUntil: '2026-11-22', Protected: '' })
    expect(it.sent('DescribeTags')).toBe(1)
    expect(it.aws.requests.list({ path: TAGS })).toEqual([])
  })

  it.each(['', '\u0000', 'EIO'])('takes a hypervisor that tells %j for one whose metadata is old', async (type) => {
    await using it = await startDriver({ host: { files: { '/sys/hypervisor/type': type } } })
    if (type === 'EIO') it.host.files.failing.set('/sys/hypervisor/type', type)
    expect(await it.cloud.operatorTags(PREFIX, it.signal)).toEqual({})
    expect(it.sent('DescribeTags')).toBe(1)
  })

  it('a tag deleted between the list and its value is none', async () => {
    await using it = await startDriver({ aws: { instances: [{ tags: until }] } })
    it.aws.faults.add({ server: 'metadata', path: `${TAGS}/*`, fault: { kind: 'status', status: 404 } })
    expect(await it.cloud.operatorTags(PREFIX, it.signal)).toEqual({})
  })

  const failing: readonly [
    string,
    { path?: string; action?: string; server: 'metadata' | 'api'; fault: Fault },
    string,
  ][] = [
    ['the list hangs', { server: 'metadata', path: TAGS, fault: { kind: 'hang' } }, 'unreachable'],
    ['the list is garbage', { server: 'metadata', path: TAGS, fault: { kind: 'garbage' } }, 'garbage'],
    [
      'the list is a page',
      { server: 'metadata', path: TAGS, fault: { kind: 'status', status: 200, body: '<html>' } },
      'garbage',
    ],
    ['the list is forbidden', { server: 'metadata', path: TAGS, fault: { kind: 'status', status: 403 } }, 'forbidden'],
    ['a value fails', { server: 'metadata', path: `${TAGS}/*`, fault: { kind: 'status', status: 500 } }, 'unavailable'],
    ['a value hangs', { server: 'metadata', path: `${TAGS}/*`, fault: { kind: 'hang' } }, 'unreachable'],
  ]
  it.concurrent.each(failing)('%s: that is not "no tags"', async (_name, order, code) => {
    await using it = await startDriver({ aws: { instances: [{ tags: until }] } })
    it.aws.faults.add(order)
    const { value, ms } = await timed(it.cloud.operatorTags(PREFIX, it.signal).catch((thrown: unknown) => thrown))
    expect(value).toMatchObject({ name: 'CloudError', code })
    expect(ms).toBeLessThan(3000)
  })

  const describing: readonly [string, Fault, string][] = [
    ['is refused', { kind: 'api-error', code: 'UnauthorizedOperation' }, 'UnauthorizedOperation'],
    ['hangs', { kind: 'hang' }, 'no-answer'],
    ['answers garbage', { kind: 'garbage' }, 'no-answer'],
    ['answers nothing', { kind: 'status', status: 200 }, 'no-answer'],
    ['is answered by a portal', { kind: 'status', status: 200, body: '<html><body>log in</body></html>' }, 'no-answer'],
    [
      'answers in part',
      {
        kind: 'status',
        status: 200,
        body: '<DescribeTagsResponse><tagSet/><nextToken>x</nextToken></DescribeTagsResponse>',
      },
      'no-answer',
    ],
  ]
  it.concurrent.each(describing)('DescribeTags %s: that is not "no tags"', async (_name, fault, code) => {
    await using it = await startDriver({ aws: { instances: [{ metadataTags: false }] }, driver })
    it.aws.faults.add({ server: 'api', action: 'DescribeTags', fault })
    await expect(it.cloud.operatorTags(PREFIX, it.signal)).rejects.toMatchObject({ name: 'CloudError', code })
  })
})
