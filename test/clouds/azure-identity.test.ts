// The identity endpoint, and what ARM makes of the tokens that it gives.

import { afterEach, describe, expect, test } from 'vitest'
import { type AzureCloud, type AzureOptions, startAzure, type VmSpec } from './azure.ts'
import { arm, identityToken, imds } from './azure-clients.ts'
import { raw } from './clients.ts'
import { createClock } from './clock.ts'

let cloud: AzureCloud
afterEach(() => cloud.close())

async function start(spec: VmSpec = {}, options: AzureOptions = {}): Promise<void> {
  cloud = await startAzure({ instances: [spec], ...options })
}

const path = '/metadata/identity/oauth2/token'
const good = '?api-version=2018-02-01&resource=https://management.azure.com/'

describe('the endpoint', () => {
  test('answers as the vendor’s libraries expect it, the same token again', async () => {
    await start({}, { clock: createClock({ manual: true, start: Date.parse('2026-11-22T18:00:00Z') }) })
    const first = JSON.parse((await imds(cloud, path + good)).text) as Readonly<Record<string, unknown>>
    expect(first).toMatchObject({
      resource: 'https://management.azure.com/',
      token_type: 'Bearer',
      expires_in: '86400',
      expires_on: String(Date.parse('2026-11-23T18:00:00Z') / 1000),
      not_before: String(Date.parse('2026-11-22T18:00:00Z') / 1000),
    })
    const [, claims = ''] = String(first['access_token']).split('.')
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      aud: 'https://management.azure.com/',
      oid: cloud.instance().principalId,
      xms_mirid: expect.stringMatching(/\/virtualMachines\/workstation-1$/),
    })
    expect(JSON.parse((await imds(cloud, path + good)).text)).toEqual(first)
    cloud.tokens.rotate()
    expect(JSON.parse((await imds(cloud, path + good)).text)).not.toEqual(first)
  })

  test.each<readonly [string, string, Readonly<Record<string, string>>, VmSpec, number, string]>([
    ['no header', good, {}, {}, 400, 'bad_request_102'],
    ['a proxy', good, { Metadata: 'true', 'X-Forwarded-For': '10.0.0.1' }, {}, 400, 'invalid_request'],
    ['no version', '?resource=https://management.azure.com/', { Metadata: 'true' }, {}, 400, 'invalid_request'],
    ['no resource', '?api-version=2018-02-01', { Metadata: 'true' }, {}, 400, 'invalid_request'],
    ['no identity', good, { Metadata: 'true' }, { identity: false }, 400, 'invalid_request'],
    ['an identity that is not its own', `${good}&client_id=1234`, { Metadata: 'true' }, {}, 400, 'invalid_request'],
    [
      'an unknown resource',
      '?api-version=2018-02-01&resource=https://example.org',
      { Metadata: 'true' },
      {},
      400,
      'invalid_resource',
    ],
  ])('%s', async (_name, query, headers, spec, status, error) => {
    await start(spec)
    const answer = await raw(`${cloud.metadataUrl}${path}${query}`, { headers })
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toEqual({ error, error_description: expect.stringMatching(/\w+/) })
  })
})

describe('ARM', () => {
  const code = async (token: string | null): Promise<readonly [number, string | undefined]> => {
    const { status, error } = await arm(cloud, { token })
    return [status, error?.code]
  }

  test.each<readonly [string, () => Promise<string | null>, string]>([
    ['no token', async () => null, 'AuthenticationFailed'],
    ['a token of somebody else', async () => 'a.b.c', 'InvalidAuthenticationToken'],
    ['a token that was changed', async () => `${await identityToken(cloud)}x`, 'InvalidAuthenticationToken'],
    ['another audience', () => identityToken(cloud, 'https://vault.azure.net'), 'InvalidAuthenticationTokenAudience'],
  ])('refuses %s', async (_name, token, expected) => {
    await start()
    expect(await code(await token())).toEqual([401, expected])
  })

  test('refuses a token after its time, and says until when it was good', async () => {
    await start({}, { tokenLifetimeSeconds: 3600 })
    const token = await identityToken(cloud)
    expect(await code(token)).toEqual([200, undefined])
    cloud.clock.advance(3_600_000)
    const { headers, error } = await arm(cloud, { token })
    expect(error?.code).toBe('ExpiredAuthenticationToken')
    expect(headers['www-authenticate']).toMatch(/^Bearer authorization_uri="https:.*error="invalid_token"/)
    expect(await code(await identityToken(cloud))).toEqual([200, undefined])
  })

  test.each(['https://management.azure.com', 'https://management.core.windows.net/'])('takes %s', async (resource) => {
    await start()
    expect(await code(await identityToken(cloud, resource))).toEqual([200, undefined])
  })

  test('knows whose token it is', async () => {
    const other = '00000000-0000-4000-8000-000000000002'
    await start({}, { instances: [{}, { id: other, name: 'workstation-2' }] })
    await arm(cloud, { token: await identityToken(cloud) })
    const own = cloud.requests.list({ server: 'api' })
    expect(own.map(({ instanceId }) => instanceId)).toEqual([cloud.instance().id])
    const { status } = await arm(cloud, {
      token: await identityToken(cloud),
      path: `${'/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/workstations'}/providers/Microsoft.Compute/virtualMachines/workstation-2`,
    })
    expect(status).toBe(403)
  })

  test('is trusted by its own authority only', async () => {
    await start()
    await using another = {
      cloud: await startAzure(),
      async [Symbol.asyncDispose]() {
        await this.cloud.close()
      },
    }
    await expect(arm({ ...cloud, caCert: another.cloud.caCert })).rejects.toThrow(/signature|unable to verify/)
    await expect(raw(cloud.apiUrl)).rejects.toThrow(/fetch failed/)
  })
})
