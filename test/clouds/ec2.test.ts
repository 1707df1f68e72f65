// The EC2 API as the official client, with credentials from our metadata service, sees it.

import {
  CreateTagsCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeTagsCommand,
  type EC2Client,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2'
import { afterEach, describe, expect, test } from 'vitest'
import { type AwsCloud, type AwsOptions, type InstanceSpec, startAws } from './aws.ts'
import { errorCode, instanceClient } from './clients.ts'
import { createClock } from './clock.ts'

let cloud: AwsCloud
let client: EC2Client
afterEach(async () => {
  client.destroy()
  await cloud.close()
})

const id = 'i-0a1b2c3d4e5f60718'
const stranger = 'i-00000000000000002'

async function start(options: AwsOptions = {}, spec: InstanceSpec = {}): Promise<void> {
  cloud = await startAws({ instances: [spec, { id: stranger }], ...options })
  client = instanceClient(cloud)
}

const stop = (extra: Partial<StopInstancesCommand['input']> = {}) =>
  client.send(new StopInstancesCommand({ InstanceIds: [id], ...extra }))
const tag = (tags: Readonly<Record<string, string>>, resource = id) => {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
  return client.send(new CreateTagsCommand({ Resources: [resource], Tags }))
}

describe('tags, by the official client with credentials from our metadata', () => {
  test('are written, overwritten, and found by filters', async () => {
    await start()
    await tag({ 'CloudWorkstation:IdleStatus': 'idle', 'CloudWorkstation:IdleReason': '<0.1 & "ok"\n', empty: '' })
    await tag({ 'CloudWorkstation:IdleStatus': 'active' })
    const Filters = [
      { Name: 'resource-id', Values: [id] },
      { Name: 'key', Values: ['CloudWorkstation:*'] },
    ]
    const { Tags } = await client.send(new DescribeTagsCommand({ Filters }))
    expect(Tags).toEqual([
      { Key: 'CloudWorkstation:IdleStatus', ResourceId: id, ResourceType: 'instance', Value: 'active' },
      { Key: 'CloudWorkstation:IdleReason', ResourceId: id, ResourceType: 'instance', Value: '<0.1 & "ok"\n' },
    ])
    expect(cloud.instance().tags.get('empty')).toBe('')
    const [call] = cloud.requests.list({ action: 'CreateTags' })
    expect(call).toMatchObject({ instanceId: id, status: 200, params: { 'Tag.1.Key': 'CloudWorkstation:IdleStatus' } })
    expect(JSON.stringify(cloud.requests.list())).not.toContain(cloud.credentials.session(id, 'idle-agent').token)
  })

  const long = 'x'.repeat(129)
  const full = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${String(index)}`, '']))
  const cases: readonly (readonly [string, Record<string, string>, string | undefined])[] = [
    ['the longest key and value', { [long.slice(1)]: 'v'.repeat(256) }, undefined],
    ['a key too long', { [long]: '' }, 'InvalidParameterValue'],
    ['a value too long', { a: 'v'.repeat(257) }, 'InvalidParameterValue'],
    ['a reserved prefix', { 'aws:x': '' }, 'InvalidParameterValue'],
    ['a key that metadata cannot show', { 'kubernetes.io/x': '' }, 'InvalidParameterValue'],
    ['a key that means the directory', { _index: '' }, 'InvalidParameterValue'],
    ['an empty key', { '': 'x' }, 'InvalidParameterValue'],
    ['fifty', full, undefined],
    ['fifty-one', { ...full, more: '' }, 'TagLimitExceeded'],
  ]
  test.each(cases)('limits: %s', async (_name, tags, code) => {
    await start()
    cloud.instance().tags.set('aws:autoscaling:groupName', 'does not count')
    expect(await errorCode(tag(tags))).toBe(code)
    expect(cloud.instance().tags.size).toBe(code ? 1 : Object.keys(tags).length + 1)
  })

  test('only what exists can be tagged', async () => {
    await start()
    expect(await errorCode(tag({ a: '' }, 'vol-1'))).toBe('InvalidID')
    expect(await errorCode(tag({ a: '' }, 'i-0ffffffffffffffff'))).toBe('InvalidInstanceID.NotFound')
  })

  test('any key goes where metadata does not show tags', async () => {
    await start({}, { metadataTags: false })
    await tag({ 'kubernetes.io/x y': '' })
    expect([...cloud.instance().tags.keys()]).toEqual(['kubernetes.io/x y'])
  })
})

describe('describes', () => {
  test('DescribeInstances tells everything the agent and its operator read', async () => {
    await start({}, { lifecycle: 'spot', operator: 'eks.amazonaws.com', tags: { Name: 'mine' } })
    const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }))
    expect(Reservations).toHaveLength(1)
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
      InstanceId: id,
      State: { Code: 16, Name: 'running' },
      LaunchTime: new Date(cloud.instance().launchTime),
      RootDeviceType: 'ebs',
      InstanceLifecycle: 'spot',
      HibernationOptions: { Configured: true },
      MetadataOptions: { HttpTokens: 'required', InstanceMetadataTags: 'enabled' },
      Operator: { Managed: true, Principal: 'eks.amazonaws.com' },
      Tags: [{ Key: 'Name', Value: 'mine' }],
      IamInstanceProfile: { Arn: 'arn:aws:iam::123456789012:instance-profile/idle-agent' },
    })
  })

  test('DescribeInstances by filter; an unknown one is an error', async () => {
    await start({}, { tags: { Name: 'mine' } })
    const find = async (Name: string, Values: string[]): Promise<(string | undefined)[]> => {
      const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ Filters: [{ Name, Values }] }))
      return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId))
    }
    expect(await find('tag:Name', ['m?n*'])).toEqual([id])
    expect(await find('instance-state-name', ['running', 'pending'])).toEqual([id, stranger])
    expect(await find('instance-state-name', ['stopped'])).toEqual([])
    expect(await errorCode(find('colour', ['red']))).toBe('InvalidParameterValue')
  })

  test('DescribeInstanceAttribute', async () => {
    await start({}, { disableApiStop: true, shutdownBehavior: 'terminate', userData: 'hello' })
    const get = (Attribute: 'disableApiStop') =>
      client.send(new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute }))
    const other = (name: string) => get(name as 'disableApiStop') // the test names them freely
    expect((await get('disableApiStop')).DisableApiStop).toEqual({ Value: true })
    expect((await other('disableApiTermination')).DisableApiTermination).toEqual({ Value: false })
    const behaviour = await other('instanceInitiatedShutdownBehavior')
    expect(behaviour.InstanceInitiatedShutdownBehavior).toEqual({ Value: 'terminate' })
    expect((await other('rootDeviceName')).RootDeviceName).toEqual({ Value: '/dev/xvda' })
    expect((await other('userData')).UserData).toEqual({ Value: 'aGVsbG8=' })
    expect(await errorCode(other('colour'))).toBe('InvalidParameterValue')
  })

  test('DescribeInstanceStatus shows running instances unless all are asked for', async () => {
    await start()
    cloud.instance(stranger).state = 'stopped'
    const ids = async (IncludeAllInstances: boolean): Promise<(string | undefined)[]> => {
      const answer = await client.send(new DescribeInstanceStatusCommand({ IncludeAllInstances }))
      return (answer.InstanceStatuses ?? []).map(({ InstanceId }) => InstanceId)
    }
    expect([await ids(false), await ids(true)]).toEqual([[id], [id, stranger]])
  })
})

describe('who may do what', () => {
  test('a dry run says whether it would be allowed, and does nothing', async () => {
    await start()
    await expect(stop({ DryRun: true })).rejects.toMatchObject({
      name: 'DryRunOperation',
      $metadata: { httpStatusCode: 412 },
    })
    const denied = { name: 'UnauthorizedOperation', $metadata: { httpStatusCode: 403 } }
    await expect(stop({ DryRun: true, InstanceIds: [stranger] })).rejects.toMatchObject(denied)
    expect(cloud.instance().state).toBe('running')
  })

  test('self only: another instance is out of reach, describing is not', async () => {
    await start()
    expect(await errorCode(stop({ InstanceIds: [stranger] }))).toBe('UnauthorizedOperation')
    expect(await errorCode(tag({ a: '' }, stranger))).toBe('UnauthorizedOperation')
    expect(await errorCode(client.send(new DescribeInstancesCommand({})))).toBeUndefined()
    expect(await errorCode(client.send(new StartInstancesCommand({ InstanceIds: [id] })))).toBe('UnauthorizedOperation')
  })

  test('a role may be allowed fewer actions and fewer tag keys', async () => {
    const roles = { 'idle-agent': { actions: ['CreateTags'], selfOnly: true, tagKeys: ['a', 'b'] } }
    await start({ roles })
    expect(await errorCode(tag({ a: '', b: '' }))).toBeUndefined()
    expect(await errorCode(tag({ a: '', c: '' }))).toBe('UnauthorizedOperation')
    expect(await errorCode(stop())).toBe('UnauthorizedOperation')
  })

  test('ended credentials are refused; the next ones from metadata are good', async () => {
    await start()
    await tag({ a: '1' })
    cloud.credentials.expire()
    expect(await errorCode(tag({ a: '2' }))).toBe('RequestExpired')
    client.destroy()
    client = instanceClient(cloud)
    await tag({ a: '3' })
    expect(cloud.instance().tags.get('a')).toBe('3')
  })
})

describe('throttling by the vendor’s buckets', () => {
  test('is off unless asked, and refills with the cloud’s time', async () => {
    const clock = createClock({ manual: true })
    await start({ throttle: true, clock })
    const codes = new Map<string | undefined, number>()
    for (let call = 0; call < 60; call += 1) {
      const code = await errorCode(client.send(new DescribeInstancesCommand({})))
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    expect(Object.fromEntries(codes)).toEqual({ undefined: 50, RequestLimitExceeded: 10 })
    expect(await errorCode(client.send(new DescribeInstancesCommand({ InstanceIds: [id] })))).toBeUndefined()
    clock.advance(100)
    expect(await errorCode(client.send(new DescribeInstancesCommand({})))).toBeUndefined()
    expect(await errorCode(client.send(new DescribeInstancesCommand({})))).toBe('RequestLimitExceeded')
    cloud.throttle.enabled = false
    expect(await errorCode(client.send(new DescribeInstancesCommand({})))).toBeUndefined()
  })
})
