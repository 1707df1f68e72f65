// The `aws` command as it would be used on the instance: it gets its credentials from our metadata service.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AwsCloud, startAws } from '../clouds/aws.ts'
import { runClient, works } from '../clouds/programs.ts'

const here = works('the aws command', 'aws', ['--version'])

let cloud: AwsCloud
beforeAll(async () => {
  cloud = await startAws({ instances: [{ notReadyCalls: 1 }] })
})
afterAll(() => cloud.close())

const id = 'i-0a1b2c3d4e5f60718'

/** What a command printed, as JSON; or the code of the error that it ended in. */
async function aws(...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runClient(cloud, ['aws', 'ec2', ...args, '--output', 'json'])
  if (code === 0) return stdout === '' ? undefined : (JSON.parse(stdout) as unknown)
  return /\((\w[\w.]*)\) when calling/.exec(stderr)?.[1] ?? stderr
}

describe.skipIf(!here)('the aws command', () => {
  test('tags, asks, hibernates and waits', { timeout: 60_000 }, async () => {
    const tag = { Key: 'CloudWorkstation:IdleStatus', Value: 'idle' }
    expect(await aws('create-tags', '--resources', id, '--tags', `Key=${tag.Key},Value=${tag.Value}`)).toBe(undefined)
    const own = ['describe-tags', '--filters', `Name=resource-id,Values=${id}`]
    expect(await aws(...own)).toEqual({ Tags: [{ ...tag, ResourceId: id, ResourceType: 'instance' }] })
    const hibernate = ['stop-instances', '--hibernate', '--instance-ids', id]
    expect(await aws(...hibernate, '--dry-run')).toBe('DryRunOperation')
    expect(await aws(...hibernate)).toBe('UnsupportedOperation')
    expect(await aws(...hibernate)).toMatchObject({ StoppingInstances: [{ CurrentState: { Name: 'stopping' } }] })
    expect(await aws('wait', 'instance-stopped', '--instance-ids', id)).toBe(undefined)
    expect(await aws('describe-instances', '--instance-ids', id)).toMatchObject({
      Reservations: [
        { Instances: [{ State: { Name: 'stopped' }, StateReason: { Code: 'Client.UserInitiatedHibernate' } }] },
      ],
    })
    // Its own credentials do not let an instance start anything.
    expect(await aws('start-instances', '--instance-ids', id)).toBe('UnauthorizedOperation')
    const agents = new Set(cloud.requests.list({ server: 'api' }).map(({ userAgent }) => userAgent.split('/')[0]))
    expect([...agents]).toEqual(['aws-cli'])
  })
})
