// Azure's metadata service as its page describes it: the header, versions, formats, statuses and rates.

import { afterEach, describe, expect, test } from 'vitest'
import { type AzureCloud, type AzureOptions, startAzure, type VmSpec } from './azure.ts'
import { imds } from './azure-clients.ts'
import { raw } from './clients.ts'
import { createClock } from './clock.ts'

let cloud: AzureCloud
afterEach(() => cloud.close())

async function start(spec: VmSpec = {}, options: AzureOptions = {}): Promise<void> {
  cloud = await startAzure({ instances: [spec], ...options })
}

const instancePath = '/metadata/instance?api-version=2021-12-13'

async function document(path = instancePath): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse((await imds(cloud, path)).text) as Readonly<Record<string, unknown>>
}

describe('what is refused', () => {
  test.each<readonly [string, string, RequestInit, number, RegExp]>([
    ['no header', instancePath, {}, 400, /Required metadata header not specified/],
    ['another header', instancePath, { headers: { Metadata: 'yes' } }, 400, /Required metadata header/],
    ['a proxy', instancePath, { headers: { Metadata: 'true', 'X-Forwarded-For': '10.0.0.1' } }, 400, /X-Forwarded-For/],
    ['no version', '/metadata/instance', { headers: { Metadata: 'true' } }, 400, /api-version is invalid or was not/],
    [
      'an unknown version',
      '/metadata/instance?api-version=2021-12-14',
      { headers: { Metadata: 'true' } },
      400,
      /"newest-versions":\["2025-04-07","2024-07-17","2024-03-15"\]/,
    ],
    ['two versions', `${instancePath}&api-version=2021-12-13`, { headers: { Metadata: 'true' } }, 400, /only once/],
    [
      'a leaf as JSON',
      '/metadata/instance/compute/vmId?api-version=2021-12-13',
      { headers: { Metadata: 'true' } },
      400,
      /format=text/,
    ],
    [
      'an unknown element',
      '/metadata/instance/compute/nothing?api-version=2021-12-13',
      { headers: { Metadata: 'true' } },
      404,
      /Not found/,
    ],
    [
      'an unknown category',
      '/metadata/elsewhere?api-version=2021-12-13',
      { headers: { Metadata: 'true' } },
      404,
      /Not found/,
    ],
    ['another method', instancePath, { method: 'PUT', headers: { Metadata: 'true' } }, 405, /Method Not Allowed/],
  ])('%s', async (_name, path, init, status, error) => {
    await start()
    const answer = await raw(`${cloud.metadataUrl}${path}`, init)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/json; charset=utf-8'])
    expect(answer.text).toMatch(error)
  })
})

describe('the instance document', () => {
  test('has texts for all values, and an empty one for what does not apply', async () => {
    await start({ tags: { Name: 'a' }, dataDisks: ['data-1'], publicKeys: ['ssh-ed25519 AAAA'] })
    const leaves: unknown[] = []
    JSON.parse(JSON.stringify(await document()), (_key, value: unknown) => {
      if (typeof value !== 'object') leaves.push(value)
      return value
    })
    expect(leaves.length).toBeGreaterThan(60)
    expect(leaves.filter((leaf) => typeof leaf !== 'string')).toEqual([])
    expect(await document('/metadata/instance/compute/osProfile?api-version=2021-12-13')).toEqual({
      adminUsername: 'azureuser',
      computerName: 'workstation-1',
      disablePasswordAuthentication: 'true',
    })
  })

  test('says what the agent has to know', async () => {
    await start({
      tags: { 'CloudWorkstation:Protected': 'true', Name: 'a;b' },
      priority: 'Spot',
      evictionPolicy: 'Deallocate',
      hibernation: false,
      scaleSet: 'set',
      orchestration: 'Flexible',
      securityType: 'TrustedLaunch',
      ephemeralOsDisk: true,
      resourceDiskKb: 4096,
      environment: 'AzureUSGovernmentCloud',
      userData: '#cloud-config',
    })
    const set =
      '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/workstations/providers/Microsoft.Compute'
    expect(await document()).toMatchObject({
      compute: {
        vmId: '5c08b38e-4d57-4c23-ac45-aca61037f084',
        resourceId: `${set}/virtualMachines/workstation-1`,
        azEnvironment: 'AzureUSGovernmentCloud',
        additionalCapabilities: { hibernationEnabled: 'false' },
        priority: 'Spot',
        evictionPolicy: 'Deallocate',
        vmScaleSetName: 'set',
        virtualMachineScaleSet: { id: `${set}/virtualMachineScaleSets/set` },
        securityProfile: { securityType: 'TrustedLaunch', virtualTpmEnabled: 'true' },
        storageProfile: { osDisk: { diffDiskSettings: { option: 'Local' } }, resourceDisk: { size: '4096' } },
        tags: 'CloudWorkstation:Protected:true;Name:a;b',
        tagsList: [
          { name: 'CloudWorkstation:Protected', value: 'true' },
          { name: 'Name', value: 'a;b' },
        ],
        userData: Buffer.from('#cloud-config').toString('base64'),
      },
      network: {
        interface: [{ macAddress: '020000000001', ipv4: { ipAddress: [{ privateIpAddress: '10.77.0.50' }] } }],
      },
    })
  })

  test('names no scale set id for a member of a Uniform one, which is no VM resource either', async () => {
    await start({ scaleSet: 'set' })
    const { compute } = (await document()) as { readonly compute: Readonly<Record<string, unknown>> }
    expect(compute['virtualMachineScaleSet']).toEqual({ id: '' })
    expect(compute['resourceId']).toMatch(/\/virtualMachineScaleSets\/set\/virtualMachines\/0$/)
  })

  test('shows new tags at once, to a member of a scale set after its next start', async () => {
    const tagsOf = async () =>
      (await imds(cloud, '/metadata/instance/compute/tags?format=text&api-version=2021-12-13')).text
    await start({ tags: { a: '1' } })
    cloud.instance().tags.set('a', '2')
    expect(await tagsOf()).toBe('a:2')
    cloud.instance().scaleSet = 'set'
    expect(await tagsOf()).toBe('a:1')
    cloud.power.start(cloud.instance())
    expect(await tagsOf()).toBe('a:2')
  })

  test.each<readonly [string, string, boolean]>([
    ['additionalCapabilities', '2021-10-01', false],
    ['additionalCapabilities', '2021-11-01', true],
    ['tagsList', '2019-06-01', false],
    ['tagsList', '2019-06-04', true],
    ['vmId', '2017-04-02', true],
  ])('%s in version %s: %s', async (name, version, there) => {
    await start()
    expect(Object.hasOwn(await document(`/metadata/instance/compute?api-version=${version}`), name)).toBe(there)
  })

  test('one element, whatever the case, as text or as JSON', async () => {
    await start()
    const at = (path: string) => imds(cloud, `/metadata/instance/${path}&api-version=2021-12-13`)
    expect((await at('Compute/VMID?format=text')).text).toBe(cloud.instance().id)
    expect((await at('network/interface/0/ipv4/ipAddress/0/privateIpAddress?format=text')).text).toBe('10.77.0.50')
    expect((await at('compute/osProfile?format=text')).text).toBe(
      'adminUsername\ncomputerName\ndisablePasswordAuthentication',
    )
    expect((await at('network?format=text')).text).toBe('interface/')
    expect((await at('compute/osProfile?format=xml')).status).toBe(400)
  })

  test('the versions, without one', async () => {
    await start()
    const { apiVersions } = (await document('/metadata/versions')) as { readonly apiVersions: readonly string[] }
    expect(apiVersions).toHaveLength(35)
    expect([apiVersions[0], apiVersions.at(-1)]).toEqual(['2017-03-01', '2025-04-07'])
  })
})

describe('rates', () => {
  test('five requests a second, and twenty for identity beside them', async () => {
    await start({}, { throttle: true, clock: createClock({ manual: true, start: Date.parse('2026-11-22T18:00:00Z') }) })
    const statuses = async (path: string, count: number) => {
      const answers = await Promise.all(Array.from({ length: count }, () => imds(cloud, path)))
      return answers.map(({ status }) => status).sort()
    }
    expect(await statuses(instancePath, 6)).toEqual([200, 200, 200, 200, 200, 429])
    const token = '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/'
    for (let index = 0; index < 20; index += 1) expect((await imds(cloud, token)).status).toBe(200)
    expect((await imds(cloud, token)).status).toBe(429)
    cloud.clock.advance(1000)
    expect([await statuses(instancePath, 1), await statuses(token, 1)]).toEqual([[200], [200]])
  })

  test('five tokens at once', async () => {
    await start({}, { throttle: true })
    cloud.faults.add({ server: 'metadata', path: '/metadata/identity/*', times: 5, fault: { kind: 'hang' } })
    const token = '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/'
    const waiting = new AbortController()
    const headers = { Metadata: 'true' }
    const hanging = Array.from({ length: 5 }, () =>
      fetch(`${cloud.metadataUrl}${token}`, { headers, signal: waiting.signal }),
    )
    const ended = Promise.allSettled(hanging)
    await expect.poll(() => cloud.requests.list().length).toBe(5)
    expect((await imds(cloud, token)).status).toBe(429)
    waiting.abort()
    await ended
    await expect.poll(() => cloud.requests.list().filter(({ done }) => !done)).toEqual([])
    expect((await imds(cloud, token)).status).toBe(200)
  })

  test('cost nothing unless asked', async () => {
    await start()
    for (let index = 0; index < 8; index += 1) expect((await imds(cloud, instancePath)).status).toBe(200)
  })
})

describe('scheduled events', () => {
  const path = '/metadata/scheduledevents?api-version=2020-07-01'
  const event = { EventId: 'A1', EventType: 'Reboot', EventStatus: 'Scheduled', Resources: ['workstation-1'] }

  test('are put on by the first call, for a day', async () => {
    await start()
    expect(cloud.instance().eventsUntil).toBe(0)
    expect(await document(path)).toEqual({ DocumentIncarnation: 1, Events: [] })
    expect(cloud.instance().eventsUntil - cloud.clock.now()).toBeGreaterThan(23 * 3_600_000)
    await imds(cloud, instancePath)
    expect((await imds(cloud, '/metadata/scheduledevents?api-version=2021-12-13')).status).toBe(400)
  })

  test('are listed, and begin when they are approved', async () => {
    await start({ scheduledEvents: JSON.stringify([event]) })
    expect(await document(path)).toEqual({ DocumentIncarnation: 1, Events: [event] })
    const approve = (body: unknown) =>
      raw(`${cloud.metadataUrl}${path}`, { method: 'POST', headers: { Metadata: 'true' }, body: JSON.stringify(body) })
    expect((await approve({ StartRequests: [{ EventId: 'B2' }] })).status).toBe(400)
    expect((await approve({})).status).toBe(400)
    expect((await approve({ StartRequests: [{ EventId: 'A1' }] })).status).toBe(200)
    expect(await document(path)).toEqual({ DocumentIncarnation: 2, Events: [{ ...event, EventStatus: 'Started' }] })
  })
})
