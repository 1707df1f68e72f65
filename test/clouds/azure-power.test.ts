// Deallocating, hibernating and starting a VM, and what its state is said to be.

import { afterEach, describe, expect, test } from 'vitest'
import { type AzureCloud, type AzureOptions, isBilled, startAzure, type VmSpec } from './azure.ts'
import { type ArmAnswer, arm } from './azure-clients.ts'
import { createClock } from './clock.ts'

let cloud: AzureCloud
afterEach(() => cloud.close())

async function start(spec: VmSpec = {}, options: AzureOptions = {}): Promise<void> {
  const clock = createClock({ manual: true, start: Date.parse('2026-11-22T18:00:00Z') })
  cloud = await startAzure({
    instances: [spec],
    clock,
    delays: { stopMs: 5000, hibernateMs: 5000, startMs: 5000 },
    ...options,
  })
}

const deallocate = (hibernate?: boolean): Promise<ArmAnswer> =>
  arm(cloud, {
    method: 'POST',
    path: '/deallocate',
    query: hibernate === undefined ? '' : `&hibernate=${String(hibernate)}`,
  })

const post = (path: string): Promise<ArmAnswer> => arm(cloud, { method: 'POST', path })

async function statuses(): Promise<readonly string[]> {
  const { value } = await arm(cloud, { path: '/instanceView' })
  return (value as { readonly statuses: readonly { readonly code: string }[] }).statuses.map(({ code }) => code)
}

/** What an answer's poller is told now. */
async function poll(
  answer: ArmAnswer,
  header: 'azure-asyncoperation' | 'location' = 'azure-asyncoperation',
): Promise<ArmAnswer> {
  const url = new URL(String(answer.headers[header]))
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'api-version')
    .map(([name, value]) => `&${name}=${value}`)
  return arm(cloud, { path: url.pathname, query: query.join('') })
}

describe('deallocation', () => {
  test.each([
    [undefined, 'deallocated', ['ProvisioningState/succeeded', 'PowerState/deallocated']],
    [false, 'deallocated', ['ProvisioningState/succeeded', 'PowerState/deallocated']],
    [true, 'hibernated', ['ProvisioningState/succeeded', 'PowerState/deallocated', 'HibernationState/Hibernated']],
  ] as const)('hibernate=%s is accepted, takes its time and ends %s', async (hibernate, end, codes) => {
    await start()
    const answer = await deallocate(hibernate)
    expect([answer.status, answer.value, answer.headers['retry-after']]).toEqual([202, undefined, '10'])
    expect([cloud.instance().state, isBilled(cloud.instance().state)]).toEqual(['deallocating', false])
    expect(await statuses()).toEqual(['ProvisioningState/updating', 'PowerState/deallocating'])
    expect((await poll(answer)).value).toMatchObject({ status: 'InProgress', startTime: '2026-11-22T18:00:00.000Z' })
    expect((await poll(answer, 'location')).status).toBe(202)
    cloud.clock.advance(5000)
    expect([cloud.instance().state, isBilled(cloud.instance().state)]).toEqual([end, false])
    expect((await poll(answer)).value).toMatchObject({ status: 'Succeeded', endTime: '2026-11-22T18:00:05.000Z' })
    expect((await poll(answer, 'location')).status).toBe(200)
    expect(await statuses()).toEqual(codes)
    expect((await deallocate()).status).toBe(202)
  })

  test('that fails after it was accepted leaves the machine running', async () => {
    await start({ deallocationFails: 'VMHibernateFailed' })
    const answer = await deallocate(true)
    expect(answer.status).toBe(202)
    cloud.clock.advance(5000)
    expect((await poll(answer)).value).toMatchObject({ status: 'Failed', error: { code: 'VMHibernateFailed' } })
    expect([cloud.instance().state, isBilled(cloud.instance().state)]).toEqual(['running', true])
  })

  test('waits for its hook; one that fails leaves the machine in between', async () => {
    const events: string[] = []
    const hooks = {
      onStop: () => {
        events.push('stop')
        throw new Error('the guest hangs')
      },
      onHibernate: () => void events.push('hibernate'),
    }
    await start({}, { hooks })
    await deallocate(true)
    await expect.poll(() => events).toEqual(['hibernate'])
    cloud.clock.advance(5000)
    expect((await cloud.waitForState('hibernated')).memoryKept).toBe(true)
    await post('/start')
    cloud.clock.advance(5000)
    await deallocate(false)
    await expect.poll(() => cloud.instance().hookError).toBe('the guest hangs')
    cloud.clock.advance(5000)
    expect(cloud.instance().state).toBe('deallocating')
  })
})

describe('hibernation is refused', () => {
  test.each<readonly [string, VmSpec, string, RegExp]>([
    [
      'where it is not enabled',
      { hibernation: false },
      'OperationNotAllowed',
      /is enabled for hibernation\. Enable the property/,
    ],
    [
      'where the extension failed',
      { hibernationExtension: 'failed' },
      'OperationNotAllowed',
      /since VM has extension 'AzureHibernateExtension' in failed state$/,
    ],
    [
      'too soon after boot',
      { hibernationReadySeconds: 120 },
      'VMHibernateNotSupported',
      /^The VM 'workstation-1' doesn't support hibernation\./,
    ],
    ['with an ephemeral disk, as every deallocation is', { ephemeralOsDisk: true }, 'OperationNotAllowed', /ephemeral/],
  ])('%s', async (_name, spec, code, message) => {
    await start(spec)
    const { status, error } = await deallocate(true)
    expect([status, error?.code]).toEqual([409, code])
    expect(error?.message).toMatch(message)
    expect(cloud.instance().state).toBe('running')
    if (spec.ephemeralOsDisk !== true) expect((await deallocate(false)).status).toBe(202)
  })

  test('after a cold boot only, and for so many calls', async () => {
    await start({ hibernationReadySeconds: 120, notReadyCalls: 1 })
    cloud.clock.advance(120_000)
    expect((await deallocate(true)).error?.code).toBe('VMHibernateNotSupported')
    expect((await deallocate(true)).status).toBe(202)
    cloud.clock.advance(5000)
    expect((await post('/start')).status).toBe(202)
    cloud.clock.advance(5000)
    // A resume is no boot.
    expect((await deallocate(true)).status).toBe(202)
    cloud.clock.advance(5000)
    await deallocate(false)
    cloud.clock.advance(5000)
    await post('/start')
    cloud.clock.advance(5000)
    expect((await deallocate(true)).error?.code).toBe('VMHibernateNotSupported')
  })

  test('of a machine that is off', async () => {
    await start()
    cloud.power.guestOff(cloud.instance())
    cloud.clock.advance(5000)
    expect((await deallocate(true)).error?.message).toMatch(/is successfully provisioned and is running\.$/)
  })
})

describe('a guest’s own shutdown', () => {
  test('leaves the machine allocated and paid for, until it is deallocated', async () => {
    await start()
    cloud.power.guestOff(cloud.instance())
    cloud.clock.advance(5000)
    expect([cloud.instance().state, isBilled(cloud.instance().state)]).toEqual(['stopped', true])
    expect(await statuses()).toEqual(['ProvisioningState/succeeded', 'PowerState/stopped'])
    await deallocate()
    cloud.clock.advance(5000)
    expect(isBilled(cloud.instance().state)).toBe(false)
  })

  test('is what powerOff does, too', async () => {
    await start()
    await post('/powerOff')
    cloud.clock.advance(5000)
    expect(cloud.instance().state).toBe('stopped')
  })
})

test('the model shows the state when asked to', async () => {
  await start({ priority: 'Spot', evictionPolicy: 'Deallocate' })
  const plain = await arm(cloud)
  expect(plain.value).toMatchObject({
    name: 'workstation-1',
    identity: { type: 'SystemAssigned', principalId: cloud.instance().principalId },
    properties: { vmId: cloud.instance().id, priority: 'Spot', additionalCapabilities: { hibernationEnabled: true } },
  })
  expect(JSON.stringify(plain.value)).not.toContain('PowerState')
  const { value } = await arm(cloud, { query: '&$expand=instanceView' })
  expect(value).toMatchObject({ properties: { instanceView: { statuses: [{}, { code: 'PowerState/running' }] } } })
})

test('a start while it is being deallocated is refused', async () => {
  await start()
  await deallocate()
  expect((await post('/start')).error?.code).toBe('Conflict')
})
