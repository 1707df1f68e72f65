// The vendor's own libraries as clients of the simulated Azure: they parse what it answers, and poll as they are told.

import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { ComputeManagementClient } from '@azure/arm-compute'
import { ManagedIdentityCredential } from '@azure/identity'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createVm } from './azure/vm.ts'
import { type AzureCloud, startAzure, type VmSettings } from './azure.ts'

// One cloud for all: the library keeps its tokens, and what it knows of the endpoint, as long as the process lives.
let cloud: AzureCloud
let client: ComputeManagementClient
const trusted = getCACertificates('default')

beforeAll(async () => {
  cloud = await startAzure({ pollSeconds: 0, delays: { hibernateMs: 50 } })
  setDefaultCACertificates([...trusted, cloud.caCert])
  vi.stubEnv('AZURE_POD_IDENTITY_AUTHORITY_HOST', cloud.metadataUrl)
  client = new ComputeManagementClient(new ManagedIdentityCredential(), cloud.instance().subscriptionId, {
    endpoint: cloud.apiUrl,
    retryOptions: { maxRetries: 0 },
  })
})
afterEach(() => {
  Object.assign(cloud.instance(), createVm({}, cloud.clock.now()))
  cloud.requests.clear()
})
afterAll(async () => {
  setDefaultCACertificates(trusted)
  vi.unstubAllEnvs()
  await cloud.close()
})

const names = ['workstations', 'workstation-1'] as const

/** Code and status of what a call ends in. */
async function outcome(call: PromiseLike<unknown>): Promise<readonly [unknown, unknown]> {
  try {
    await call
    return ['done', undefined]
  } catch (error) {
    const { code, statusCode } = error as { readonly code?: unknown; readonly statusCode?: unknown }
    return [code, statusCode]
  }
}

test('the identity library says that there is no identity, and gets a token of the one that comes', async () => {
  const credential = new ManagedIdentityCredential()
  const token = () => credential.getToken('https://management.azure.com/.default')
  cloud.instance().identity = false
  await expect(token()).rejects.toThrow(/invalid_request|Identity not found/)
  cloud.instance().identity = true
  const { token: value, expiresOnTimestamp } = await token()
  expect(cloud.tokens.check(`Bearer ${value}`).principal.vmId).toBe(cloud.instance().id)
  expect(expiresOnTimestamp).toBeGreaterThan(cloud.clock.now())
})

test('a VM and its state are read', async () => {
  cloud.instance().tags.set('Name', 'a')
  const vm = await client.virtualMachines.get(...names, { expand: 'instanceView' })
  expect(vm).toMatchObject({
    name: 'workstation-1',
    vmId: cloud.instance().id,
    tags: { Name: 'a' },
    hardwareProfile: { vmSize: 'Standard_D4s_v5' },
    additionalCapabilities: { hibernationEnabled: true },
    identity: { type: 'SystemAssigned', principalId: cloud.instance().principalId },
    instanceView: { statuses: [{ code: 'ProvisioningState/succeeded' }, { code: 'PowerState/running' }] },
  })
})

test('it is hibernated, and polled until it is', async () => {
  await client.virtualMachines.deallocate(...names, { hibernate: true, updateIntervalInMs: 5 })
  expect(cloud.instance().state).toBe('hibernated')
  expect(cloud.requests.list({ action: 'VirtualMachines_Deallocate' })).toMatchObject([
    { status: 202, params: { hibernate: 'true' }, instanceId: cloud.instance().id },
  ])
  expect(cloud.requests.list({ action: 'Operations_Get' }).length).toBeGreaterThan(0)
  const { statuses = [] } = await client.virtualMachines.instanceView(...names)
  expect(statuses.map(({ code }) => code)).toContain('HibernationState/Hibernated')
})

test('an accepted hibernation that fails is told by its operation', async () => {
  cloud.instance().deallocationFails = 'VMHibernateFailed'
  const ended = client.virtualMachines.deallocate(...names, { hibernate: true, updateIntervalInMs: 5 })
  await expect(Promise.resolve(ended)).rejects.toThrow(/VMHibernateFailed/)
  expect(cloud.instance().state).toBe('running')
})

test.each<readonly [string, Partial<VmSettings>, string, number]>([
  ['not enabled', { hibernation: false }, 'OperationNotAllowed', 409],
  ['too soon', { hibernationReadySeconds: 60 }, 'VMHibernateNotSupported', 409],
  ['locked', { lock: 'ReadOnly' }, 'ScopeLocked', 409],
  ['no role', { role: null }, 'AuthorizationFailed', 403],
])('a refusal is seen: %s', async (_name, settings, code, status) => {
  Object.assign(cloud.instance(), settings)
  expect(
    await outcome(client.virtualMachines.deallocate(...names, { hibernate: true, updateIntervalInMs: 5 })),
  ).toEqual([code, status])
  expect(cloud.instance().state).toBe('running')
})

test('a fault is seen, once', async () => {
  const fault = { kind: 'api-error', code: 'TooManyRequests', retryAfterSeconds: 0 } as const
  cloud.faults.add({ server: 'api', action: 'VirtualMachines_Get', times: 1, fault })
  expect(await outcome(client.virtualMachines.get(...names))).toEqual(['TooManyRequests', 429])
  expect(await outcome(client.virtualMachines.get(...names))).toEqual(['done', undefined])
})
