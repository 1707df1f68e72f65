// Resource Manager: tags, rights, locks, rates and errors, by raw calls.

import { afterEach, describe, expect, test } from 'vitest'
import { type AzureCloud, type AzureOptions, startAzure, type VmSpec } from './azure.ts'
import { arm, identityToken, patchTags } from './azure-clients.ts'
import { createClock } from './clock.ts'

let cloud: AzureCloud
afterEach(() => cloud.close())

async function start(spec: VmSpec = {}, options: AzureOptions = {}): Promise<void> {
  cloud = await startAzure({ instances: [spec], ...options })
}

const tagsPath = '/providers/Microsoft.Resources/tags/default'
const tags = (): Readonly<Record<string, string>> => Object.fromEntries(cloud.instance().tags)

describe('tags', () => {
  test('are merged, names without case and in the spelling that is there', async () => {
    await start({ tags: { Name: 'a', 'cloudworkstation:idlestatus': 'active' } })
    const answer = await patchTags(cloud, 'Merge', { 'CloudWorkstation:IdleStatus': 'idle', New: '' })
    const after = { Name: 'a', 'cloudworkstation:idlestatus': 'idle', New: '' }
    expect(answer.value).toMatchObject({ name: 'default', properties: { tags: after } })
    expect(tags()).toEqual(after)
    expect((await arm(cloud, { path: tagsPath })).value).toEqual(answer.value)
    expect(cloud.requests.list({ action: 'Tags_UpdateAtScope' })).toMatchObject([
      { params: { operation: 'Merge', 'tag:CloudWorkstation:IdleStatus': 'idle', 'tag:New': '' } },
    ])
  })

  test('are replaced as a whole by Replace and by PUT, and deleted with their value only', async () => {
    await start({ tags: { Name: 'a', Other: 'b' } })
    await patchTags(cloud, 'Delete', { name: 'A', other: 'b' })
    expect(tags()).toEqual({ Name: 'a' })
    await patchTags(cloud, 'Replace', { One: '1' })
    expect(tags()).toEqual({ One: '1' })
    await arm(cloud, { method: 'PUT', path: tagsPath, body: { properties: { tags: { Two: '2' } } } })
    expect(tags()).toEqual({ Two: '2' })
    expect((await arm(cloud, { method: 'DELETE', path: tagsPath })).status).toBe(200)
    expect(tags()).toEqual({})
  })

  const many = (count: number): Readonly<Record<string, string>> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`tag-${String(index)}`, '']))

  test.each<readonly [string, unknown, string]>([
    ...['<', '>', '%', '&', '\\', '?', '/', '\t'].map(
      (sign) => [`${sign} in a name`, { [`a${sign}b`]: '' }, 'InvalidTagNameCharacters'] as const,
    ),
    ['a name of 513', { ['n'.repeat(513)]: '' }, 'InvalidTagName'],
    ['an empty name', { '': 'a' }, 'InvalidTagName'],
    ['a value of 257', { a: 'v'.repeat(257) }, 'InvalidTagValueLength'],
    ['a reserved name', { 'azure-a': '' }, 'ReservedTagName'],
    ['the 51st', many(51), 'TagLimitExceeded'],
    ['a name twice', { a: '1', A: '2' }, 'InvalidRequestContent'],
    ['a number', { a: 1 }, 'InvalidRequestContent'],
    ['no tags', undefined, 'InvalidRequestContent'],
  ])('%s is refused, and nothing is changed', async (_name, asked, code) => {
    await start({ tags: { Name: 'a' } })
    const { status, error } = await patchTags(cloud, 'Replace', asked)
    expect([status, error?.code]).toEqual([400, code])
    expect(tags()).toEqual({ Name: 'a' })
  })

  test('just fit', async () => {
    await start()
    await patchTags(cloud, 'Merge', { ['n'.repeat(512)]: 'v'.repeat(256), 'a:b #*+.,é': ' <>%&\\?/ ' })
    expect(Object.keys(tags())).toHaveLength(2)
    expect((await patchTags(cloud, 'Merge', many(48))).status).toBe(200)
    expect((await patchTags(cloud, 'Merge', { ['x'.repeat(10)]: '' })).error?.code).toBe('TagLimitExceeded')
    expect((await patchTags(cloud, 'Merge', { 'TAG-1': 'again' })).status).toBe(200)
    expect((await patchTags(cloud, 'Remove', {})).error?.code).toBe('InvalidRequestContent')
  })
})

const group = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/workstations'
const vmPath = `${group}/providers/Microsoft.Compute/virtualMachines/workstation-1`

describe('what is asked', () => {
  test.each<readonly [string, Parameters<typeof arm>[1], number, string]>([
    ['no version', { version: '' }, 400, 'MissingApiVersionParameter'],
    ['a version that is none', { version: 'latest' }, 400, 'InvalidApiVersionParameter'],
    ['another subscription', { path: vmPath.replace('1111', '2222') }, 404, 'SubscriptionNotFound'],
    ['another group', { path: vmPath.replace('workstations', 'others') }, 404, 'ResourceGroupNotFound'],
    ['another VM', { path: `${vmPath}0` }, 404, 'ResourceNotFound'],
    ['another operation', { path: `${vmPath}/explode`, method: 'POST' }, 404, 'NotFound'],
    ['another kind', { path: `${group}/providers/Microsoft.Web/sites/a` }, 404, 'InvalidResourceType'],
    [
      'hibernate that is neither',
      { path: `${vmPath}/deallocate`, method: 'POST', query: '&hibernate=yes' },
      400,
      'InvalidParameter',
    ],
  ])('%s', async (_name, call, status, code) => {
    await start()
    const answer = await arm(cloud, call)
    expect([answer.status, answer.error?.code]).toEqual([status, code])
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-ms-failure-cause': 'gateway',
      'x-ms-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
  })

  test('paths are compared without case', async () => {
    await start()
    expect(
      (
        await arm(cloud, {
          path: vmPath.replace('resourceGroups', 'resourcegroups').replace('workstation-1', 'WORKSTATION-1'),
        })
      ).status,
    ).toBe(200)
  })

  test('a member of a Uniform scale set is no VM', async () => {
    await start({ scaleSet: 'set' })
    expect((await arm(cloud, { path: vmPath })).error?.code).toBe('ResourceNotFound')
  })
})

describe('rights', () => {
  const deallocate = { method: 'POST', path: '/deallocate' } as const

  test('are the agent’s own and no more, on its own VM', async () => {
    await start()
    const token = await identityToken(cloud)
    const allowed = [{}, { path: '/instanceView' }, { path: tagsPath }, deallocate]
    for (const call of allowed) expect((await arm(cloud, { ...call, token })).status).toBeLessThan(300)
    for (const path of ['/start', '/powerOff']) {
      const { status, error } = await arm(cloud, { method: 'POST', path, token })
      expect([status, error?.code]).toEqual([403, 'AuthorizationFailed'])
    }
  })

  test('that lack are told in ARM’s words', async () => {
    await start({ role: 'reader' }, { roles: { reader: { actions: ['*/read'] } } })
    const token = await identityToken(cloud)
    const { principalId } = cloud.instance()
    const { error } = await arm(cloud, { ...deallocate, token })
    expect(error?.message).toMatch(
      new RegExp(
        `^The client '[0-9a-f-]{36}' with object id '${principalId}' does not have authorization to perform action ` +
          `'Microsoft.Compute/virtualMachines/deallocate/action' over scope '${vmPath}' or the scope is invalid. ` +
          'If access was recently granted, please refresh your credentials.$',
      ),
    )
    const tagging = await patchTags(cloud, 'Merge', { a: 'b' }, token)
    expect(tagging.error?.message).toMatch(/'Microsoft.Resources\/tags\/write' over scope '.*\/tags\/default'/)
    expect((await arm(cloud, { token })).status).toBe(200)
  })

  test('arrive late, and can be taken away', async () => {
    await start({ roleAfterSeconds: 600 })
    const token = await identityToken(cloud)
    expect((await arm(cloud, { ...deallocate, token })).status).toBe(403)
    cloud.clock.advance(599_000)
    expect((await arm(cloud, { ...deallocate, token })).status).toBe(403)
    cloud.clock.advance(1000)
    expect((await arm(cloud, { ...deallocate, token })).status).toBe(202)
    cloud.instance().role = null
    expect((await arm(cloud, { token })).status).toBe(403)
  })

  test('can be withheld, and given by write on the VM', async () => {
    const roles = {
      contributor: { actions: ['Microsoft.Compute/virtualMachines/*'], notActions: ['*/deallocate/action'] },
    }
    await start({ role: 'contributor', roleScope: 'group' }, { roles })
    const token = await identityToken(cloud)
    expect((await patchTags(cloud, 'Merge', { a: 'b' }, token)).status).toBe(200)
    expect((await arm(cloud, { ...deallocate, token })).status).toBe(403)
  })

  test('can be asked for', async () => {
    await start()
    const path = '/providers/Microsoft.Authorization/permissions'
    const token = await identityToken(cloud)
    expect((await arm(cloud, { path, token })).value).toMatchObject({
      value: [
        { actions: expect.arrayContaining(['Microsoft.Compute/virtualMachines/deallocate/action']), notActions: [] },
      ],
    })
    cloud.instance().role = null
    expect((await arm(cloud, { path, token })).value).toEqual({ value: [] })
  })
})

describe('locks', () => {
  const calls = {
    read: () => arm(cloud),
    merge: () => patchTags(cloud, 'Merge', { a: 'b' }),
    deallocate: () => arm(cloud, { method: 'POST', path: '/deallocate' }),
    delete: () => arm(cloud, { method: 'DELETE', path: tagsPath }),
  } as const

  test.each<readonly ['ReadOnly' | 'CanNotDelete', keyof typeof calls, number]>([
    ['ReadOnly', 'read', 200],
    ['ReadOnly', 'merge', 409],
    ['ReadOnly', 'deallocate', 409],
    ['ReadOnly', 'delete', 409],
    ['CanNotDelete', 'merge', 200],
    ['CanNotDelete', 'deallocate', 202],
    ['CanNotDelete', 'delete', 409],
  ])('%s and %s: %i', async (lock, call, status) => {
    await start({ lock, lockScope: 'group' })
    const answer = await calls[call]()
    expect(answer.status).toBe(status)
    if (status === 409) {
      expect(answer.error).toEqual({
        code: 'ScopeLocked',
        message: expect.stringMatching(
          new RegExp(
            `^The scope '${vmPath}' cannot perform (write|delete) operation because following scope\\(s\\) are locked: '${group}'\\.`,
          ),
        ),
      })
    }
  })
})

describe('rates', () => {
  const throttled = (): Promise<void> =>
    start({}, { throttle: true, clock: createClock({ manual: true, start: Date.parse('2026-11-22T18:00:00Z') }) })

  test('a VM’s deallocations: twelve, then four a minute; who comes back too early waits anew', async () => {
    await throttled()
    const deallocate = () => arm(cloud, { method: 'POST', path: '/deallocate' })
    for (let left = 11; left >= 0; left -= 1) {
      const { status, headers } = await deallocate()
      expect([status, headers['x-ms-ratelimit-remaining-resource']]).toEqual([
        202,
        `Microsoft.Compute/DeleteVM;${String(left)}`,
      ])
    }
    const refused = await deallocate()
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '60'])
    expect(refused.error).toMatchObject({ code: 'OperationNotAllowed', details: [{ code: 'TooManyRequests' }] })
    cloud.clock.advance(59_000)
    expect((await deallocate()).status).toBe(429)
    cloud.clock.advance(59_000)
    expect((await deallocate()).headers['retry-after']).toBe('60')
    cloud.clock.advance(60_000)
    expect((await deallocate()).status).toBe(202)
    expect((await arm(cloud)).status).toBe(200)
  })

  test('a VM’s tags: twelve changes, then four a minute', async () => {
    await throttled()
    for (let index = 0; index < 12; index += 1) expect((await patchTags(cloud, 'Merge', { a: 'b' })).status).toBe(200)
    expect((await patchTags(cloud, 'Merge', { a: 'b' })).status).toBe(429)
    cloud.clock.advance(60_000)
    for (let index = 0; index < 4; index += 1) expect((await patchTags(cloud, 'Merge', { a: 'b' })).status).toBe(200)
    expect((await patchTags(cloud, 'Merge', { a: 'b' })).status).toBe(429)
  })

  test('a principal’s reads: 250, then 25 a second; each principal has its own', async () => {
    await throttled()
    const path = '/providers/Microsoft.Authorization/permissions'
    const token = await identityToken(cloud)
    const ask = () => arm(cloud, { path, token })
    const first = await ask()
    expect(first.headers).toMatchObject({
      'x-ms-ratelimit-remaining-subscription-reads': '249',
      'x-ms-ratelimit-remaining-subscription-global-reads': '3749',
    })
    for (let index = 1; index < 250; index += 1) await ask()
    const { status, error, headers } = await ask()
    expect([status, error?.code, headers['retry-after']]).toEqual([429, 'SubscriptionRequestsThrottled', '1'])
    expect((await arm(cloud, { path })).status).toBe(200)
    cloud.clock.advance(1000)
    expect((await ask()).headers['x-ms-ratelimit-remaining-subscription-reads']).toBe('24')
  })
})

describe('faults', () => {
  test('an error by its code, with the vendor’s status and wording, and when to come back', async () => {
    await start()
    const order = { server: 'api', action: 'VirtualMachines_Deallocate', times: 1 } as const
    cloud.faults.add({ ...order, fault: { kind: 'api-error', code: 'TooManyRequests', retryAfterSeconds: 17 } })
    cloud.faults.add({ ...order, fault: { kind: 'api-error', code: 'VMHibernateFailed' } })
    cloud.faults.add({ ...order, fault: { kind: 'api-error', code: 'Unheard', message: 'of', status: 418 } })
    const deallocate = () => arm(cloud, { method: 'POST', path: '/deallocate' })
    expect((await arm(cloud)).status).toBe(200)
    const [throttled, failed, unheard] = [await deallocate(), await deallocate(), await deallocate()]
    expect([throttled.status, throttled.headers['retry-after']]).toEqual([429, '17'])
    expect([failed.status, failed.error?.message]).toEqual([
      409,
      expect.stringMatching(/^Hibernating the VM .* Retry later\.$/),
    ])
    expect([unheard.status, unheard.error]).toEqual([418, { code: 'Unheard', message: 'of' }])
    expect(cloud.instance().state).toBe('running')
    expect((await deallocate()).status).toBe(202)
  })

  test.each([
    [{ kind: 'refuse' }, /ECONNRESET|socket hang up/],
    [{ kind: 'garbage' }, /JSON/],
    [{ kind: 'reset-after', bytes: 4 }, /aborted|ECONNRESET/],
  ] as const)('%j', async (fault, error) => {
    await start()
    cloud.faults.add({ server: 'api', fault, times: 1 })
    await expect(arm(cloud)).rejects.toThrow(error)
    expect((await arm(cloud)).status).toBe(200)
  })
})
