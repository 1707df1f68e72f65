// The metadata service, as its documentation describes it.

import { afterEach, describe, expect, test } from 'vitest'
import { type AwsCloud, type AwsOptions, startAws } from './aws.ts'
import { metadata, raw, token } from './clients.ts'
import { createClock } from './clock.ts'

let cloud: AwsCloud
afterEach(() => cloud.close())

async function start(options: AwsOptions = {}): Promise<string> {
  cloud = await startAws(options)
  return cloud.metadataUrl
}

const ttlHeader = 'X-aws-ec2-metadata-token-ttl-seconds'
const tokenHeader = 'X-aws-ec2-metadata-token'

describe('tokens', () => {
  const puts: readonly (readonly [string, string, Record<string, string>, number])[] = [
    ['one second', '/latest/api/token', { [ttlHeader]: '1' }, 200],
    ['six hours', '/latest/api/token', { [ttlHeader]: '21600' }, 200],
    ['no header', '/latest/api/token', {}, 400],
    ['zero', '/latest/api/token', { [ttlHeader]: '0' }, 400],
    ['too long', '/latest/api/token', { [ttlHeader]: '21601' }, 400],
    ['not a number', '/latest/api/token', { [ttlHeader]: '6h' }, 400],
    ['empty', '/latest/api/token', { [ttlHeader]: '' }, 400],
    ['dated path', '/2021-03-23/api/token', { [ttlHeader]: '60' }, 403],
    ['forwarded', '/latest/api/token', { [ttlHeader]: '60', 'X-Forwarded-For': '10.0.0.1' }, 403],
    ['another path', '/latest/meta-data/instance-id', { [ttlHeader]: '60' }, 405],
  ]
  test.each(puts)('PUT: %s', async (_name, path, headers, status) => {
    const answer = await raw((await start()) + path, { method: 'PUT', headers })
    expect(answer.status).toBe(status)
    if (status !== 200) return
    expect(answer.headers.get(ttlHeader)).toBe(headers[ttlHeader])
    expect(answer.headers.get('content-type')).toBe('text/plain')
    expect(answer.text).toMatch(/^[\w-]{50,}={2}$/)
  })

  test('a GET needs a live token of this very instance', async () => {
    const clock = createClock({ manual: true })
    const url = await start({ clock, instances: [{}, { id: 'i-00000000000000002' }] })
    const path = `${url}/latest/meta-data/instance-id`
    const other = cloud.envOf('i-00000000000000002').AWS_EC2_METADATA_SERVICE_ENDPOINT ?? ''
    const mine = await token(url, '10')
    const get = async (given?: string): Promise<number> =>
      (await raw(path, given === undefined ? {} : { headers: { [tokenHeader]: given } })).status
    expect(await get()).toBe(401)
    expect(await get('invalid')).toBe(401)
    expect(await get(await token(other))).toBe(401)
    expect(await get(mine)).toBe(200)
    clock.advance(10_000)
    expect(await get(mine)).toBe(401)
  })

  test('a start makes the tokens of before invalid', async () => {
    const url = await start()
    const headers = { [tokenHeader]: await token(url) }
    const get = async (): Promise<number> => (await raw(`${url}/latest/meta-data/instance-id`, { headers })).status
    cloud.power.stop(cloud.instance(), { hibernate: true })
    await cloud.waitForState('stopped')
    cloud.power.start(cloud.instance())
    await cloud.waitForState('running')
    expect(await get()).toBe(401)
  })

  test('IMDSv1 is off unless it is optional, for all or for some', async () => {
    const url = await start()
    const get = async (agent: string, given?: string): Promise<number> => {
      const headers = { 'User-Agent': agent, ...(given === undefined ? {} : { [tokenHeader]: given }) }
      return (await raw(`${url}/2009-04-04/meta-data/instance-id`, { headers })).status
    }
    expect(await get('curl')).toBe(401)
    cloud.instance().tokenOptionalFor = ['Cloud-Init/', 'python-requests/']
    expect([await get('Cloud-Init/22.4.2'), await get('curl')]).toEqual([200, 401])
    cloud.instance().metadataTokens = 'optional'
    expect([await get('curl'), await get('curl', 'invalid')]).toEqual([200, 401])
  })

  test('everything is 403 while the service is off; other methods are refused', async () => {
    const url = await start()
    const get = (await raw(`${url}/latest/meta-data/`, { method: 'POST' })).status
    cloud.instance().metadataEndpoint = false
    const headers = { [ttlHeader]: '60' }
    const put = (await raw(`${url}/latest/api/token`, { method: 'PUT', headers })).status
    expect([get, put, (await raw(`${url}/latest/`)).status]).toEqual([405, 403, 403])
  })
})

describe('items', () => {
  const items: readonly (readonly [string, string | RegExp | number])[] = [
    ['/latest/meta-data/instance-id', 'i-0a1b2c3d4e5f60718'],
    ['/latest/meta-data/instance-type', 'm6i.large'],
    ['/latest/meta-data/placement/region', 'eu-west-1'],
    ['/latest/meta-data/placement/availability-zone', 'eu-west-1a'],
    ['/latest/meta-data/services/domain', 'amazonaws.com'],
    ['/latest/meta-data/services/partition', 'aws'],
    ['/latest/meta-data/hibernation/configured', 'true'],
    ['/latest/meta-data/instance-life-cycle', 'on-demand'],
    ['/latest/meta-data/events/maintenance/scheduled', '[]'],
    ['/latest/meta-data/events/recommendations/rebalance', 404],
    ['/latest/meta-data/spot/instance-action', 404],
    ['/latest/meta-data/autoscaling/target-lifecycle-state', 404],
    ['/latest/meta-data/block-device-mapping/', 'ami\nroot'],
    ['/latest/meta-data/nonsense', 404],
    ['/latest/meta-data/instance-id/', 404],
    ['/latest/meta-data/constructor', 404],
    ['/latest/meta-data/%zz', 400],
    ['/latest/user-data', 404],
    ['/1999-01-01/meta-data/instance-id', 404],
    ['/2021-03-23/meta-data/mac', '02:00:00:00:00:01'],
    ['/', /^1\.0\n[\s\S]*\n2021-03-23\n[\s\S]*\nlatest$/],
    ['/latest/', 'dynamic\nmeta-data'],
    ['/latest/dynamic/', 'instance-identity/'],
    ['/latest/dynamic/instance-identity', 'document'],
    ['/latest/meta-data/iam/', 'info\nsecurity-credentials/'],
    ['/latest/meta-data/iam/security-credentials/', 'idle-agent'],
    ['/latest/meta-data/tags', 'instance/'],
    ['/latest/meta-data/network/interfaces/macs/', '02:00:00:00:00:01/'],
    ['/latest/meta-data', /^ami-id\n[\s\S]*\nhibernation\/\n[\s\S]*\ntags\/$/],
  ]
  test.each(items)('%s', async (path, expected) => {
    const answer = await metadata(await start(), path)
    if (typeof expected === 'number') return expect(answer.status).toBe(expected)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/plain')
    if (typeof expected === 'string') expect(answer.text).toBe(expected)
    else expect(answer.text).toMatch(expected)
  })

  test('items that appear with the settings', async () => {
    const url = await start({
      instances: [{ lifecycle: 'spot', userData: '#!/bin/sh\n', publicKey: 'ssh-ed25519 AAAA me', role: null }],
    })
    Object.assign(cloud.instance(), {
      targetLifecycleState: 'InService',
      spotTerminationTime: '2026-11-22T18:00:00Z',
      rebalance: '{"noticeTime":"2026-11-22T18:00:00Z"}',
    })
    const get = async (path: string): Promise<string> => (await metadata(url, path)).text
    expect(await get('/latest/meta-data/autoscaling/target-lifecycle-state')).toBe('InService')
    expect(await get('/latest/meta-data/spot/')).toBe('termination-time')
    expect(await get('/latest/meta-data/events/recommendations/rebalance')).toContain('noticeTime')
    expect(await get('/latest/user-data')).toBe('#!/bin/sh\n')
    expect(await get('/latest/meta-data/public-keys/')).toBe('0=idle-agent-test')
    expect(await get('/latest/meta-data/public-keys/0/openssh-key')).toBe('ssh-ed25519 AAAA me')
    expect((await metadata(url, '/latest/meta-data/iam/info')).status).toBe(404)
  })

  test('tags are live, by encoded key, and absent when off; Xen shows those of the last start', async () => {
    const url = await start({ instances: [{ tags: { Name: 'mine' } }] })
    const instance = cloud.instance()
    instance.tags.set('CloudWorkstation:IdleStatus', '')
    const base = '/latest/meta-data/tags/instance'
    expect((await metadata(url, base)).text).toBe('CloudWorkstation:IdleStatus\nName')
    const empty = await metadata(url, `${base}/CloudWorkstation%3AIdleStatus`)
    expect([empty.status, empty.text]).toEqual([200, ''])
    instance.hypervisor = 'xen'
    expect((await metadata(url, base)).text).toBe('Name')
    instance.metadataTags = false
    expect((await metadata(url, `${base}/Name`)).status).toBe(404)
  })

  test('the identity document tells the last start, a resume included', async () => {
    const clock = createClock({ manual: true, start: Date.parse('2026-11-22T18:00:00.500Z') })
    const url = await start({ clock })
    const read = async (): Promise<unknown> =>
      JSON.parse((await metadata(url, '/latest/dynamic/instance-identity/document')).text)
    expect(await read()).toMatchObject({
      accountId: '123456789012',
      architecture: 'x86_64',
      imageId: 'ami-0123456789abcdef0',
      instanceId: 'i-0a1b2c3d4e5f60718',
      instanceType: 'm6i.large',
      pendingTime: '2026-11-22T18:00:00Z',
      region: 'eu-west-1',
    })
    const { power } = cloud
    power.stop(cloud.instance(), { hibernate: true })
    clock.advance(600_000)
    power.start(cloud.instance())
    expect(await read()).toMatchObject({ pendingTime: '2026-11-22T18:10:00Z' })
    expect(cloud.instance().bootTime).toBe(Date.parse('2026-11-22T18:00:00.500Z'))
  })

  test('role credentials expire, and rotate before they do', async () => {
    const clock = createClock({ manual: true })
    const url = await start({ clock, credentialLifetimeSeconds: 3600 })
    const read = async (): Promise<Record<string, string>> =>
      JSON.parse((await metadata(url, '/latest/meta-data/iam/security-credentials/idle-agent')).text)
    const first = await read()
    expect(first).toMatchObject({ Code: 'Success', Type: 'AWS-HMAC' })
    expect(first['AccessKeyId']).toMatch(/^ASIA[A-Z2-7]{16}$/)
    expect(Date.parse(first['Expiration'] ?? '') - clock.now()).toBeGreaterThan(3_598_000)
    clock.advance(2_900_000)
    expect(await read()).toEqual(first)
    clock.advance(200_000)
    const second = await read()
    expect(second['AccessKeyId']).not.toBe(first['AccessKeyId'])
    cloud.credentials.rotate()
    expect((await read())['Token']).not.toBe(second['Token'])
  })

  test('a crawl as cloud-init does it meets no broken link', async () => {
    const url = await start({ instances: [{ publicKey: 'ssh-ed25519 AAAA me', tags: { a: '1' } }] })
    const headers = { [tokenHeader]: await token(url) }
    const seen: string[] = []
    async function crawl(path: string): Promise<void> {
      const answer = await raw(url + path, { headers })
      expect([path, answer.status]).toEqual([path, 200])
      seen.push(path)
      if (!path.endsWith('/')) return
      for (const line of answer.text.split('\n')) {
        const numbered = /^(\d+)=/.exec(line)
        await crawl(path + (numbered ? `${numbered[1] ?? ''}/openssh-key` : line))
      }
    }
    await crawl('/2021-03-23/meta-data/')
    expect(seen).toContain('/2021-03-23/meta-data/network/interfaces/macs/02:00:00:00:00:01/local-ipv4s')
    expect(seen.length).toBeGreaterThan(50)
  })
})
