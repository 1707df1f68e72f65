// Clients that we did not write and that share no code with the agent's: boto3 and the `aws` command.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AwsCloud, startAws } from './aws.ts'
import { runClient, works } from './programs.ts'

const hasBoto3 = works('boto3', 'python3', ['-c', 'import boto3'])
const hasCli = works('the aws command', 'aws', ['--version'])

let cloud: AwsCloud
beforeAll(async () => {
  cloud = await startAws({ instances: [{ notReadyCalls: 1 }] })
})
afterAll(() => cloud.close())

const script = `
import json, boto3
from botocore.exceptions import ClientError
ec2 = boto3.client('ec2')
id = '${'i-0a1b2c3d4e5f60718'}'
seen = []
def call(name, **args):
    try:
        answer = getattr(ec2, name)(**args)
        answer.pop('ResponseMetadata')
        seen.append(answer)
    except ClientError as error:
        seen.append([error.response['Error']['Code'], error.response['ResponseMetadata']['HTTPStatusCode']])
call('create_tags', Resources=[id], Tags=[{'Key': 'CloudWorkstation:IdleStatus', 'Value': 'idle'}])
call('describe_tags', Filters=[{'Name': 'resource-id', 'Values': [id]}])
call('stop_instances', InstanceIds=[id], Hibernate=True, DryRun=True)
call('stop_instances', InstanceIds=[id], Hibernate=True)
call('stop_instances', InstanceIds=['i-0ffffffffffffffff'])
call('start_instances', InstanceIds=[id])
call('describe_instance_attribute', InstanceId=id, Attribute='disableApiStop')
call('describe_instance_status', IncludeAllInstances=True)
call('stop_instances', InstanceIds=[id], Hibernate=True)
ec2.get_waiter('instance_stopped').wait(InstanceIds=[id], WaiterConfig={'Delay': 1, 'MaxAttempts': 3})
instance = ec2.describe_instances(InstanceIds=[id])['Reservations'][0]['Instances'][0]
seen.append([instance['State'], instance['StateReason']['Code'], instance['HibernationOptions']])
def tamper(request, **_):
    text = request.headers['Authorization']
    text = text.decode() if isinstance(text, bytes) else text
    del request.headers['Authorization']
    request.headers['Authorization'] = text[:-1] + ('0' if text[-1] != '0' else '1')
ec2.meta.events.register('before-send.ec2', tamper)
call('describe_tags')
print(json.dumps(seen, default=str))
`

describe.skipIf(!hasBoto3)('boto3, with credentials from our metadata service', () => {
  test('parses every answer and every refusal', async () => {
    const { code, stdout, stderr } = await runClient(cloud, ['python3', '-c', script])
    expect([code, stderr]).toEqual([0, ''])
    const id = 'i-0a1b2c3d4e5f60718'
    const tag = { Key: 'CloudWorkstation:IdleStatus', Value: 'idle', ResourceId: id, ResourceType: 'instance' }
    const stopping = {
      InstanceId: id,
      CurrentState: { Code: 64, Name: 'stopping' },
      PreviousState: { Code: 16, Name: 'running' },
    }
    expect(JSON.parse(stdout)).toEqual([
      {},
      { Tags: [tag] },
      ['DryRunOperation', 412],
      ['UnsupportedOperation', 400],
      ['InvalidInstanceID.NotFound', 400],
      ['UnauthorizedOperation', 403],
      { InstanceId: id, DisableApiStop: { Value: false } },
      { InstanceStatuses: [expect.objectContaining({ InstanceId: id, InstanceState: { Code: 16, Name: 'running' } })] },
      { StoppingInstances: [stopping] },
      [{ Code: 80, Name: 'stopped' }, 'Client.UserInitiatedHibernate', { Configured: true }],
      ['AuthFailure', 401],
    ])
    const agents = new Set(cloud.requests.list({ server: 'api' }).map(({ userAgent }) => userAgent.split('/')[0]))
    expect([...agents]).toEqual(['Boto3'])
  })
})

describe.skipIf(!hasCli)('the aws command', () => {
  const describeTags = ['aws', 'ec2', 'describe-tags', '--output', 'json']

  test('is believed with the operator’s key and refused with a tampered one', async () => {
    const { accessKeyId, secretAccessKey } = cloud.credentials.operator
    const key = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_EC2_METADATA_DISABLED: 'true' }
    const [good, bad] = await Promise.all([
      runClient(cloud, describeTags, { ...key, AWS_SECRET_ACCESS_KEY: secretAccessKey }),
      runClient(cloud, describeTags, { ...key, AWS_SECRET_ACCESS_KEY: `${secretAccessKey.slice(0, -1)}!` }),
    ])
    expect([good.code, good.stderr]).toEqual([0, ''])
    expect(JSON.parse(good.stdout)).toHaveProperty('Tags')
    expect(bad.code).not.toBe(0)
    expect(bad.stderr).toMatch(/AuthFailure/)
  })
})
