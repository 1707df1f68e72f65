// Each fault as a client meets it, and orders from outside.

import { CreateTagsCommand, type EC2Client, StopInstancesCommand } from '@aws-sdk/client-ec2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AwsCloud, startAws } from './aws.ts'
import { errorCode, metadata, operatorClient, raw, token } from './clients.ts'
import { createFaults, type Fault, orderProblem } from './faults.ts'

let cloud: AwsCloud
let client: EC2Client
beforeEach(async () => {
  cloud = await startAws()
  client = operatorClient(cloud)
})
afterEach(async () => {
  client.destroy()
  await cloud.close()
})

const path = '/latest/meta-data/instance-id'

async function outcome(fault: Fault, timeoutMs = 2000): Promise<string> {
  const headers = { 'X-aws-ec2-metadata-token': await token(cloud.metadataUrl) }
  cloud.faults.add({ server: 'metadata', path, times: 1, fault })
  try {
    const answer = await raw(cloud.metadataUrl + path, { headers, signal: AbortSignal.timeout(timeoutMs) })
    return `${String(answer.status)} ${answer.text}`
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    if (!(cause instanceof Error)) return String(cause)
    return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name
  }
}

describe('faults of the metadata service', () => {
  test.each<readonly [string, Fault, string | RegExp]>([
    ['hang', { kind: 'hang' }, 'TimeoutError'],
    ['refuse', { kind: 'refuse' }, 'ECONNRESET'],
    ['401', { kind: 'status', status: 401 }, '401 '],
    ['503 with a body', { kind: 'status', status: 503, body: 'busy' }, '503 busy'],
    ['garbage', { kind: 'garbage' }, /^200 .*not what you asked for/s],
    ['reset within the body', { kind: 'reset-after', bytes: 4 }, /ECONNRESET|UND_ERR_SOCKET/],
    ['slow but whole', { kind: 'drip', msPerByte: 1 }, '200 i-0a1b2c3d4e5f60718'],
    ['late but whole', { kind: 'delay', ms: 20 }, '200 i-0a1b2c3d4e5f60718'],
  ])('%s', async (_name, fault, expected) => {
    const found = await outcome(fault, fault.kind === 'hang' ? 100 : 2000)
    if (typeof expected === 'string') expect(found).toBe(expected)
    else expect(found).toMatch(expected)
    expect(cloud.requests.list({ path }).at(-1)?.fault).toBe(fault.kind)
    expect((await metadata(cloud.metadataUrl, path)).text).toBe('i-0a1b2c3d4e5f60718')
  })

  test('a drip longer than the client’s patience is cut by the client', async () => {
    expect(await outcome({ kind: 'drip', msPerByte: 500 }, 100)).toBe('TimeoutError')
    const cut = await cloud.requests.waitFor((request) => request.fault === 'drip', 2000)
    expect(cut).toMatchObject({ path, done: true })
  })

  test('by beginning of the path, until cleared', async () => {
    const order = {
      server: 'metadata',
      path: '/latest/meta-data/iam/*',
      fault: { kind: 'status', status: 500 },
    } as const
    const ordered = cloud.faults.add(order)
    const get = async (item: string): Promise<number> => (await metadata(cloud.metadataUrl, item)).status
    const role = '/latest/meta-data/iam/security-credentials/'
    expect([await get(role), await get(role), await get(path)]).toEqual([500, 500, 200])
    cloud.faults.clear(ordered)
    expect([await get(role), cloud.faults.list()]).toEqual([200, []])
  })
})

describe('faults of the API', () => {
  const tag = () => {
    const input = { Resources: [cloud.instance().id], Tags: [{ Key: 'a', Value: '1' }] }
    return client.send(new CreateTagsCommand(input), { abortSignal: AbortSignal.timeout(300) })
  }

  test.each([
    ['RequestLimitExceeded', 503],
    ['InternalError', 500],
    ['UnauthorizedOperation', 403],
    ['IncorrectSpotRequestState', 400],
  ])('%s to order', async (code, status) => {
    cloud.faults.add({ server: 'api', action: 'CreateTags', times: 1, fault: { kind: 'api-error', code } })
    await expect(tag()).rejects.toMatchObject({ name: code, $metadata: { httpStatusCode: status } })
    expect(await errorCode(tag())).toBeUndefined()
    expect(cloud.requests.list({ action: 'CreateTags' }).map(({ errorCode: seen }) => seen)).toEqual([code, undefined])
  })

  test('an action that was done although nobody answered', async () => {
    cloud.faults.add({ server: 'api', action: 'StopInstances', fault: { kind: 'hang-after-action' } })
    const stop = new StopInstancesCommand({ InstanceIds: [cloud.instance().id], Hibernate: true })
    expect(await errorCode(client.send(stop, { abortSignal: AbortSignal.timeout(200) }))).toBe('AbortError')
    await cloud.waitForState('stopped')
  })

  test('an action that was not done because it hung', async () => {
    cloud.faults.add({ server: 'api', fault: { kind: 'hang' } })
    expect(await errorCode(tag())).toBe('AbortError')
    expect(cloud.instance().tags.size).toBe(0)
  })

  test('a clock ten minutes off is refused, and the official client mends it from the Date header', async () => {
    const skewed = { server: 'api', fault: { kind: 'wrong-date', skewMs: 600_000 } } as const
    cloud.faults.add(skewed)
    expect(await errorCode(tag())).toBe('RequestExpired')
    client.destroy()
    client = operatorClient(cloud, 2)
    expect(await errorCode(tag())).toBeUndefined()
    expect(cloud.requests.counts({ action: 'CreateTags' }).total).toBe(3)
  })
})

describe('orders from outside', () => {
  test.each<readonly [string, unknown, RegExp | undefined]>([
    [
      'a good one',
      { server: 'api', action: 'StopInstances', times: 2, fault: { kind: 'api-error', code: 'X' } },
      undefined,
    ],
    ['not an object', 'hang', /an object/],
    ['no server', { fault: { kind: 'hang' } }, /server/],
    ['no fault', { server: 'api' }, /fault/],
    ['unknown kind', { server: 'api', fault: { kind: 'explode' } }, /known: hang/],
    ['inherited kind', { server: 'api', fault: { kind: 'constructor' } }, /unknown fault kind/],
    ['missing field', { server: 'api', fault: { kind: 'delay' } }, /ms is a number/],
    ['wrong type', { server: 'api', fault: { kind: 'status', status: '500' } }, /status is a number/],
    ['unknown field', { server: 'api', paht: '/', fault: { kind: 'hang' } }, /'paht'/],
    ['no times', { server: 'api', times: 0, fault: { kind: 'hang' } }, /at least 1/],
    ['an API error of metadata', { server: 'metadata', fault: { kind: 'api-error', code: 'X' } }, /for the api/],
  ])('%s', (_name, order, problem) => {
    const found = orderProblem(order)
    if (problem) expect(found).toMatch(problem)
    else expect(found).toBeUndefined()
  })

  test('the oldest that fits goes first, each as often as ordered', () => {
    const faults = createFaults()
    faults.add({ server: 'api', action: 'A', times: 1, fault: { kind: 'hang' } })
    faults.add({ server: 'api', times: 2, fault: { kind: 'refuse' } })
    const take = (action: string): string | undefined =>
      faults.take({ server: 'api', method: 'POST', path: '/', action })?.kind
    expect([take('B'), take('A'), take('A'), take('A')]).toEqual(['refuse', 'hang', 'refuse', undefined])
  })
})
