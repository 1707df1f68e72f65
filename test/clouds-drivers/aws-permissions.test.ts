// `doctor`'s dry runs against the loopback EC2: allowed, refused, and nothing ever done.
import { expect, it, onTestFinished } from 'vitest'
import { createAws } from '../../agent/clouds/aws.ts'
import { permissions } from '../../agent/clouds/aws-send.ts'
import { createHost } from '../../agent/host/real.ts'
import { type AwsOptions, startAws } from '../clouds/aws.ts'
import type { Fault } from '../clouds/faults.ts'

async function askAll(options: AwsOptions, fault?: Fault) {
  const cloud = await startAws(options)
  onTestFinished(() => cloud.close())
  if (fault !== undefined) cloud.faults.add({ server: 'api', fault })
  const driver = createAws(createHost({ root: '/', env: {} }), { metadataUrl: cloud.metadataUrl, apiUrl: cloud.apiUrl })
  const answers = await driver.permissions?.('CloudWorkstation', new AbortController().signal)
  expect(cloud.instance().state).toBe('running')
  expect(cloud.instance().tags.has('CloudWorkstation:IdleStatus')).toBe(false)
  return answers ?? []
}

async function ask(options: AwsOptions) {
  return (await askAll(options)).map(({ action, problem }) => [action, problem?.split(':')[0]])
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

it.each<[string, number]>([
  ['an hour behind', 3_600_000],
  ['an hour ahead', -3_600_000],
  ['right', 0],
])('are told to a clock that is %s, with the offset', async (_what, skewMs) => {
  for (const { problem, clockOffsetMs } of await askAll({}, { kind: 'wrong-date', skewMs })) {
    expect(problem).toBeUndefined()
    expect(Math.abs((clockOffsetMs ?? 0) - skewMs)).toBeLessThan(5_000)
  }
})

it.each<[string, Fault]>([
  ['hangs', { kind: 'hang' }],
  ['breaks the connection', { kind: 'refuse' }],
  ['answers nonsense', { kind: 'status', status: 502, body: '<html>' }],
])('are not asked one by one of an API that %s', async (_what, fault) => {
  const began = Date.now()
  await expect(askAll({}, fault)).rejects.toMatchObject({
    code: 'no-api',
    message: expect.stringMatching(/^EC2 cannot be reached: /),
  })
  expect(Date.now() - began).toBeLessThan(9_000)
})
