/** What is taken from Azure's metadata, what is not, and how it is asked. */
import { describe, expect, it } from 'vitest'
import { createAzureImds } from '../../agent/clouds/azure-imds.ts'
import { managerOf, placeOf, readVm, type Vm } from '../../agent/clouds/azure-metadata.ts'
import { CloudError } from '../../agent/errors.ts'
import type { HttpAnswer, HttpRequest } from '../../agent/host/host.ts'
import { createMemoryHost } from '../host/memory.ts'
import { startDriver } from './start-azure.ts'

const { signal } = new AbortController()
const resourceId =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/ws/providers/Microsoft.Compute/virtualMachines/w-1'

/** Written from the vendor's page of the instance metadata service, 2021-12-13. */
const compute = {
  additionalCapabilities: { hibernationEnabled: 'true' },
  azEnvironment: 'AzurePublicCloud',
  location: 'westeurope',
  name: 'w-1',
  priority: 'Regular',
  resourceGroupName: 'ws',
  resourceId,
  storageProfile: { osDisk: { diffDiskSettings: { option: '' } } },
  tagsList: [{ name: 'Team', value: 'Vision: A;B' }],
  virtualMachineScaleSet: { id: '' },
  vmId: '5C08B38E-4D57-4C23-AC45-ACA61037F084',
  vmScaleSetName: '',
}

interface Asked {
  readonly requests: HttpRequest[]
  readonly sleeps: number
}

/** Answers one after the other, the last for ever; a text is a 200. */
async function read(...answers: readonly (string | number)[]): Promise<{ vm: Vm | CloudError; asked: Asked }> {
  const requests: HttpRequest[] = []
  let sleeps = 0
  const host = createMemoryHost({
    onSleep: () => {
      sleeps += 1
    },
    http: async (request): Promise<HttpAnswer> => {
      const answer = answers[Math.min(requests.length, answers.length - 1)] ?? ''
      requests.push(request)
      return typeof answer === 'number'
        ? { status: answer, headers: {}, body: '' }
        : { status: 200, headers: {}, body: answer }
    },
  })
  const until = host.clocks().monoMs + 2500
  const vm = await readVm(createAzureImds(host, 'http://127.0.0.1:9'), { signal, until }).catch((error: unknown) => {
    if (error instanceof CloudError) return error
    throw error
  })
  return { vm, asked: { requests, sleeps } }
}

async function parse(change: object): Promise<Vm | CloudError> {
  return (await read(JSON.stringify({ ...compute, ...change }))).vm
}

describe('the document', () => {
  it('is one request, with its header and its version', async () => {
    const { vm, asked } = await read(JSON.stringify(compute))
    expect(vm).toEqual({
      id: '5c08b38e-4d57-4c23-ac45-aca61037f084',
      region: 'westeurope',
      name: 'w-1',
      resourceId,
      group: 'ws',
      environment: 'AzurePublicCloud',
      hibernation: true,
      spot: false,
      scaleSet: 'none',
      ephemeral: false,
      tags: new Map([['team', 'Vision: A;B']]),
      userData: '',
    })
    expect(asked.requests.map(({ method, url, headers }) => ({ method, url, headers }))).toEqual([
      {
        method: 'GET',
        url: 'http://127.0.0.1:9/metadata/instance/compute?api-version=2021-12-13',
        headers: { Metadata: 'true' },
      },
    ])
  })

  it.each<[string, object, Partial<Vm>]>([
    ['no hibernation', { additionalCapabilities: { hibernationEnabled: 'false' } }, { hibernation: false }],
    ['a platform without it', { additionalCapabilities: undefined }, { hibernation: false }],
    ['Spot', { priority: 'Spot' }, { spot: true }],
    ['a Uniform set', { vmScaleSetName: 'set' }, { scaleSet: 'uniform' }],
    ['a Flexible set', { vmScaleSetName: 'set', virtualMachineScaleSet: { id: '/x' } }, { scaleSet: 'flexible' }],
    [
      'an older platform',
      { virtualMachineScaleSet: undefined, priority: undefined },
      { scaleSet: 'none', spot: false },
    ],
    [
      'an ephemeral disk',
      { storageProfile: { osDisk: { diffDiskSettings: { option: 'Local' } } } },
      { ephemeral: true },
    ],
    ['no tags, and no list of them', { tagsList: undefined, tags: '' }, { tags: new Map() }],
    ['no storage profile', { storageProfile: undefined }, { ephemeral: false }],
  ])('%s', async (_name, change, expected) => {
    expect(await parse(change)).toMatchObject(expected)
  })

  it.each<[string, object]>([
    ['no vmId', { vmId: '' }],
    ['a vmId that is none', { vmId: 'workstation' }],
    ['no location', { location: '' }],
    ['a location that is a path', { location: '../x' }],
    ['a flag that is neither', { additionalCapabilities: { hibernationEnabled: 'maybe' } }],
    ['no list of tags: nobody knows whether Protected is among them', { tagsList: undefined }],
    ['tags that are no tags', { tagsList: [{ name: 'a' }] }],
  ])('%s is not taken', async (_name, change) => {
    expect(await parse(change)).toMatchObject({ name: 'CloudError', code: 'garbage', retryable: true })
  })

  it.each(['', '<html>', '[]', 'null', '{'])('%j is not taken', async (text) => {
    expect((await read(text)).vm).toMatchObject({ code: 'garbage', message: expect.not.stringContaining('<html>') })
  })
})

describe('statuses', () => {
  const good = JSON.stringify(compute)
  it.each([429, 410, 500, 503])('%d once: asked again, once', async (status) => {
    const { vm, asked } = await read(status, good)
    expect(vm).toMatchObject({ region: 'westeurope' })
    expect([asked.requests.length, asked.sleeps]).toEqual([2, 1])
  })

  it.each<[number, string, boolean, number]>([
    [429, 'throttled', true, 2],
    [410, 'gone', true, 2],
    [500, 'unavailable', true, 2],
    [400, 'refused', false, 1],
    [404, 'refused', false, 1],
    [403, 'forbidden', false, 1],
  ])('%d for ever: %s', async (status, code, retryable, requests) => {
    const { vm, asked } = await read(status)
    expect(vm).toMatchObject({ code, retryable, message: expect.stringContaining(String(status)) })
    expect(asked.requests.length).toBe(requests)
  })

  it('are what the loopback gives above five requests a second', async () => {
    await using it = await startDriver({ azure: { throttle: true } })
    const asked = Array.from({ length: 6 }, () => it.cloud.identify(it.signal))
    expect(new Set((await Promise.all(asked)).map(({ id }) => id)).size).toBe(1)
    expect(
      it.azure.requests
        .list({ server: 'metadata' })
        .map(({ status }) => status)
        .toSorted(),
    ).toEqual([...Array.from({ length: 6 }, () => 200), 429])
  })
})

const vm = { resourceId, environment: 'AzurePublicCloud' } as Vm

describe('the resource id becomes part of an address', () => {
  it('and is taken apart', () => {
    const place = { subscription: '11111111-2222-3333-4444-555555555555', group: 'ws', name: 'w-1' }
    expect(placeOf(vm)).toEqual(place)
    expect(placeOf({ ...vm, resourceId: resourceId.replace('resourceGroups', 'resourcegroups') })).toEqual(place)
    const odd = resourceId.replace('/ws/', '/Größe_(1).x-y/')
    expect(placeOf({ ...vm, resourceId: odd }).group).toBe('Größe_(1).x-y')
  })

  it.each([
    '',
    resourceId.slice(1),
    `${resourceId}/`,
    `${resourceId}?x=1`,
    `${resourceId}\n`,
    resourceId.replace('/w-1', '/..'),
    resourceId.replace('/ws/', '/../'),
    resourceId.replace('/ws/', '/./'),
    resourceId.replace('/ws/', '/a/b/'),
    resourceId.replace('/ws/', '/%2e%2e/'),
    resourceId.replace('/w-1', '/w 1'),
    resourceId.replace('1111-2222', 'x'),
    resourceId.replace('virtualMachines/w-1', 'virtualMachineScaleSets/set/virtualMachines/0'),
    resourceId.replace('Microsoft.Compute', 'Microsoft.Network'),
  ])('%j is none', (text) => {
    expect(() => placeOf({ ...vm, resourceId: text })).toThrow(CloudError)
  })
})

describe('the cloud that the VM is in', () => {
  it.each([
    ['AzurePublicCloud', 'https://management.azure.com'],
    ['AZUREPUBLICCLOUD', 'https://management.azure.com'],
    ['AzureUSGovernmentCloud', 'https://management.usgovcloudapi.net'],
    ['AzureChinaCloud', 'https://management.chinacloudapi.cn'],
  ])('%s has its Resource Manager at %s', (environment, manager) => {
    expect(managerOf({ ...vm, environment })).toBe(manager)
  })

  it.each(['AzureGermanCloud', '', 'https://evil.example'])('%j is named in the error', (environment) => {
    expect(() => managerOf({ ...vm, environment })).toThrow(`'${environment.replace(/[:/]/g, '?')}'`)
  })
})
