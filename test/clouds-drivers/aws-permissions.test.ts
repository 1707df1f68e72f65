// `doctor`'s dry runs against the loopback EC2: allowed, refused, and nothing ever done.
import { expect, it, onTestFinished } from 'vitest'
import { createAws } from '../../agent/clouds/aws.ts'
import { permissions } from '../../agent/clouds/aws-send.ts'
import { createHost } from '../../agent/host/real.ts'
import { type AwsOptions, startAws } from '../clouds/aws.ts'

async function ask(options: AwsOptions) {
  const cloud = await startAws(options)
  onTestFinished(() => cloud.close())
  const driver = createAws(createHost({ root: '/', env: {} }), { metadataUrl: cloud.metadataUrl, apiUrl: cloud.apiUrl })
  const answers = await driver.permissions?.('CloudWorkstation', new AbortController().signal)
  expect(cloud.instance().state).toBe('running')
  expect(cloud.instance().tags.has('CloudWorkstation:IdleStatus')).toBe(false)
  return answers?.map(({ action, problem }) => [action, problem?.split(':')[0]])
}

it('are all allowed by the policy that we ship', async () => {
  expect(await ask({})).toEqual(permissions.map(({ action }) => [action, undefined]))
})

it('names each that is missing', async () => {
  const roles = { 'idle-agent': { actions: ['CreateTags'], selfOnly: true } }
  expect(await ask({ roles })).toEqual([
    ['ec2:StopInstances', 'UnauthorizedOperation'],
    ['ec2:CreateTags', undefined],
    ['ec2:DescribeTags', 'UnauthorizedOperation'],
  ])
})

it('cannot be asked without a role', async () => {
  await expect(ask({ instances: [{ role: null }] })).rejects.toThrow(/role|profile/)
})
