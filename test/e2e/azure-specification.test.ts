// What the driver sends and what the loopback Azure answers, against the vendor's own specification, by the vendor's validator.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Traffic } from '../clouds/azure/traffic.ts'
import type { AzureCloud } from '../clouds/azure.ts'
import { type ArmCall, arm, imds, patchTags } from '../clouds/azure-clients.ts'
import { type Started, startDriver } from '../clouds-drivers/start-azure.ts'
import { hasSpecification, installOav, specificationOf, validate } from './oav.ts'

const tagsPath = '/providers/Microsoft.Resources/tags/default'
const computeVersion = '2024-07-01'
const tagsVersion = '2021-04-01'
const metadataVersion = '2023-07-01'

const traffic: Traffic[] = []
let oav = ''

/** Calls and refusals that the driver meets, by the driver. */
async function byTheDriver({ azure, cloud, signal }: Started): Promise<void> {
  await cloud.writeTags({ 'CloudWorkstation:IdleStatus': 'idle', 'CloudWorkstation:IdleSince': '' }, signal)
  const vm = azure.instance()
  for (const settings of [
    { hibernation: false },
    { hibernation: true, lock: 'ReadOnly' },
    { lock: null, role: null },
  ] as const) {
    Object.assign(vm, settings)
    await cloud.act('hibernate', signal)
  }
  vm.role = 'idle-agent'
  expect(await cloud.act('hibernate', signal)).toMatchObject({ result: 'accepted' })
  await azure.waitForState('hibernated')
}

/** The rest of what the servers can answer. */
async function byHand(cloud: AzureCloud): Promise<void> {
  const compute: readonly ArmCall[] = [
    {},
    { query: '&$expand=instanceView' },
    { path: '/instanceView' },
    { method: 'POST', path: '/start' },
    { method: 'POST', path: '/powerOff' },
    { method: 'POST', path: '/deallocate' },
  ]
  for (const call of compute) await arm(cloud, { version: computeVersion, ...call })
  const replaced = { properties: { tags: { a: 'b' } } }
  const tags: readonly ArmCall[] = [{}, { method: 'PUT', body: replaced }, { method: 'DELETE' }]
  for (const call of tags) await arm(cloud, { version: tagsVersion, path: tagsPath, ...call })
  for (const name of ['a', 'a/b']) await patchTags(cloud, 'Replace', { [name]: '' })
  await imds(cloud, `/metadata/instance?api-version=${metadataVersion}&format=json`)
  await imds(cloud, '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://nowhere/')
}

const isTags = ({ liveRequest: { url } }: Traffic): boolean => url.includes(`${tagsPath}?`) && url.includes(tagsVersion)
const isCompute = ({ liveRequest: { url } }: Traffic): boolean => /\/virtualMachines\/[^/]+(?:\/\w+)?\?/.test(url)
const isInstance = ({ liveRequest: { url } }: Traffic): boolean => url.includes('/metadata/instance?')
const isToken = ({ liveRequest: { url } }: Traffic): boolean => url.includes('/metadata/identity/oauth2/token')

describe.skipIf(!hasSpecification)('the vendor’s validator passes', () => {
  beforeAll(async () => {
    oav = installOav()
    const disks = { dataDisks: ['data-1'], securityType: 'TrustedLaunch', publicKeys: ['ssh-ed25519 A'] } as const
    const set = { scaleSet: 'set', orchestration: 'Flexible', userData: '#!/bin/sh', tags: { Name: 'a' } } as const
    const instances = [{ ...disks, ...set }]
    await using started = await startDriver({ azure: { instances, onTraffic: (one) => traffic.push(one) } })
    await byTheDriver(started)
    await byHand(started.azure)
  }, 240_000)
  afterAll(() => traffic.splice(0))

  type Where = Parameters<typeof specificationOf>
  test.each<readonly [string, (one: Traffic) => boolean, Where, readonly string[]]>([
    [
      'tags',
      isTags,
      ['resources', tagsVersion, 'Tags_UpdateAtScope'],
      ['CreateOrUpdateAtScope', 'DeleteAtScope', 'GetAtScope', 'UpdateAtScope'].map((name) => `Tags_${name}`),
    ],
    [
      'compute',
      isCompute,
      ['compute', computeVersion, 'VirtualMachines_Deallocate'],
      ['Deallocate', 'Get', 'InstanceView', 'PowerOff', 'Start'].map((name) => `VirtualMachines_${name}`),
    ],
    ['metadata', isInstance, ['imds', metadataVersion, 'Instances_GetMetadata'], ['Instances_GetMetadata']],
    ['identity', isToken, ['imds', '2018-02-01', 'Identity_GetToken'], ['Identity_GetToken']],
  ])('%s', (_name, fits, where, operations) => {
    const own = traffic.filter(fits)
    const { passed, errors } = validate(oav, specificationOf(...where), own)
    expect({ passed, errors }).toEqual({ passed: operations, errors: [] })
  })

  test('and does not pass what is wrong', () => {
    const own = traffic.filter((one) => isCompute(one) && one.liveResponse.statusCode === '202').slice(0, 1)
    const wrong = own.map(({ liveRequest, liveResponse }) => ({
      liveRequest: { ...liveRequest, url: liveRequest.url.replace('hibernate=true', 'hibernate=yes') },
      liveResponse: { ...liveResponse, statusCode: '201' },
    }))
    const { errors } = validate(oav, specificationOf('compute', computeVersion, 'VirtualMachines_Deallocate'), wrong)
    expect(errors).toEqual([
      expect.stringMatching(/^VirtualMachines_Deallocate request INVALID_TYPE/),
      expect.stringMatching(/^VirtualMachines_Deallocate response INVALID_RESPONSE_CODE/),
    ])
  })
})
