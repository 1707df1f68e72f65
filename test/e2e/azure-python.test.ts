// The vendor's libraries for Python (Debian: python3-azure) as clients of the loopback Azure: they share no code with the agent's.
import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AzureCloud, startAzure } from '../clouds/azure.ts'

// Debian's packages are for Debian's Python, whatever else comes first in the path.
const python = '/usr/bin/python3'
const modules = 'import azure.identity, azure.mgmt.compute, azure.mgmt.resource.resources'
const here = spawnSync(python, ['-c', modules], { stdio: 'ignore', timeout: 30_000 }).status === 0
if (!here) process.stderr.write('SKIPPED: the vendor’s libraries for Python are not here (python3-azure)\n')

const script = `
import json, os, sys
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
manager, subscription, vm = sys.argv[1:4]
options = {'base_url': manager, 'credential_scopes': ['https://management.azure.com/.default'], 'retry_total': 0, 'polling_interval': 0}
credential = ManagedIdentityCredential()
compute = ComputeManagementClient(credential, subscription, **options)
resources = ResourceManagementClient(credential, subscription, api_version='2021-04-01', **options)
own = ('workstations', 'workstation-1')
seen = []
def call(what):
    try:
        seen.append(what())
    except HttpResponseError as error:
        seen.append([error.status_code, error.error.code])
tags = {'operation': 'Merge', 'properties': {'tags': {'CloudWorkstation:IdleStatus': 'idle'}}}
def statuses():
    return [status.code for status in compute.virtual_machines.instance_view(*own).statuses]
call(lambda: compute.virtual_machines.get(*own).additional_capabilities.hibernation_enabled)
call(lambda: resources.tags.update_at_scope(vm, tags).properties.tags)
call(lambda: resources.tags.get_at_scope(vm).properties.tags)
call(lambda: resources.tags.update_at_scope(vm, {'operation': 'Merge', 'properties': {'tags': {'a/b': ''}}}))
call(statuses)
call(lambda: compute.virtual_machines.begin_deallocate(*own, hibernate=True).result())
call(lambda: compute.virtual_machines.begin_deallocate(*own, hibernate=True).result())
call(statuses)
call(lambda: compute.virtual_machines.begin_start(*own).result())
print(json.dumps(seen))
`

let cloud: AzureCloud
beforeAll(async () => {
  cloud = await startAzure({ instances: [{ notReadyCalls: 1, tags: { Name: 'a' } }], pollSeconds: 0 })
})
afterAll(() => cloud.close())

test.skipIf(!here)('they parse every answer and every refusal', { timeout: 60_000 }, async () => {
  const { NODE_EXTRA_CA_CERTS: ca = '', ...env } = cloud.env
  const id =
    '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/workstations/providers/Microsoft.Compute'
  const argv = [
    '-W',
    'ignore',
    '-c',
    script,
    cloud.apiUrl,
    '11111111-2222-3333-4444-555555555555',
    `${id}/virtualMachines/workstation-1`,
  ]
  const { PATH = '', PYTHONPATH = '' } = process.env
  const child = spawn(python, argv, {
    env: { PATH, PYTHONPATH, HOME: '/nonexistent', NO_PROXY: '*', REQUESTS_CA_BUNDLE: ca, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 50_000,
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  expect(stderr).toBe('')
  const merged = { Name: 'a', 'CloudWorkstation:IdleStatus': 'idle' }
  expect(JSON.parse(stdout)).toEqual([
    true,
    merged,
    merged,
    [400, 'InvalidTagNameCharacters'],
    ['ProvisioningState/succeeded', 'PowerState/running'],
    [409, 'VMHibernateNotSupported'],
    null,
    ['ProvisioningState/succeeded', 'PowerState/deallocated', 'HibernationState/Hibernated'],
    [403, 'AuthorizationFailed'],
  ])
  const agents = new Set(
    cloud.requests.list({ server: 'api' }).map(({ userAgent }) => /azsdk-python-[\w-]+/.exec(userAgent)?.[0]),
  )
  expect([...agents].sort()).toEqual(['azsdk-python-azure-mgmt-compute', 'azsdk-python-azure-mgmt-resource'])
})
