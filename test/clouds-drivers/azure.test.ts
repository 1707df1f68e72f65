/** The contract of the Azure driver against a loopback Azure, what its role and its tags are, and that the SDK in it is sealed off from the environment. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { managerOf, type Vm } from '../../agent/clouds/azure-metadata.ts'
import { openApi, permissions } from '../../agent/clouds/azure-send.ts'
import { readToken } from '../../agent/clouds/azure-token.ts'
import { type Fault, startAzure, type VmSpec } from '../clouds/azure.ts'
import { cloudContract } from '../contracts/clouds.ts'
import { watchConnections } from '../host/connections.ts'
import { startDriver } from './start-azure.ts'

const facts = { hibernation: true, acts: true, tellsStart: false, defaultAction: 'hibernate' } as const

cloudContract('azure', facts, async () => {
  const connections = watchConnections()
  const { azure, cloud } = await startDriver()
  const ours = [azure.metadataUrl, azure.apiUrl].map((url) => url.replace(/^https?:\/\//, ''))
  return {
    cloud,
    stored: async () => azure.instance().tags,
    setTag: async (key, value) => void azure.instance().tags.set(key, value),
    refuseStops: () => {
      azure.instance().lock = 'ReadOnly'
    },
    stopping: () => azure.instance().state !== 'running',
    requests: () => azure.requests.counts().total,
    metadataRequests: () => azure.requests.counts().metadata,
    strays: () => connections.begun.filter((to) => !ours.includes(to)),
    async close() {
      connections.stop()
      await azure.close()
    },
  }
})

describe('the role', () => {
  it('needs no more than is declared', async () => {
    const actions = permissions.map(({ action }) => action)
    await using it = await startDriver({
      azure: { roles: { 'idle-agent': { actions } }, instances: [{ scaleSet: 'set', orchestration: 'Flexible' }] },
    })
    await it.cloud.writeTags({ 'P:IdleStatus': 'idle' }, it.signal)
    expect(await it.cloud.operatorTags('P', it.signal)).toEqual({})
    expect(await it.cloud.permissions?.('P', it.signal)).toEqual(permissions)
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'accepted' })
    for (const { reason } of permissions) expect(reason).toMatch(/\w+ \w+/)
  })
})

describe('permissions', () => {
  async function missing(...actions: readonly string[]) {
    await using it = await startDriver({ azure: { roles: { 'idle-agent': { actions, notActions: ['*/tags/read'] } } } })
    const answers = (await it.cloud.permissions?.('P', it.signal)) ?? []
    expect(it.azure.instance().state).toBe('running')
    return answers.flatMap(({ action, problem }) => (problem === undefined ? [] : [action.replace(/^.*?\./, '')]))
  }

  it.each<[readonly string[], readonly string[]]>([
    [
      [],
      [
        'Compute/virtualMachines/deallocate/action',
        'Resources/tags/write',
        'Resources/tags/read',
        'Authorization/permissions/read',
      ],
    ],
    [['*'], ['Resources/tags/read']],
    [
      ['Microsoft.Compute/virtualMachines/*'],
      ['Resources/tags/write', 'Resources/tags/read', 'Authorization/permissions/read'],
    ],
    [
      ['microsoft.compute/*/ACTION', 'Microsoft.Resources/tags/*'],
      ['Resources/tags/read', 'Authorization/permissions/read'],
    ],
    [
      ['Microsoft.Compute/virtualMachines/deallocate'],
      [
        'Compute/virtualMachines/deallocate/action',
        'Resources/tags/write',
        'Resources/tags/read',
        'Authorization/permissions/read',
      ],
    ],
  ])('%j leaves out %j', async (actions, expected) => {
    expect(await missing(...actions)).toEqual(expected)
  })

  it('are all missing without a role', async () => {
    await using it = await startDriver({ azure: { instances: [{ role: null }] } })
    const answers = (await it.cloud.permissions?.('P', it.signal)) ?? []
    expect(answers.map(({ problem }) => problem)).toEqual(
      permissions.map(() => 'no role is assigned to its identity here'),
    )
  })

  it.each<[string, Fault, string]>([
    ['may not be asked for', { kind: 'api-error', code: 'AuthorizationFailed' }, 'not-told'],
    ['get no answer', { kind: 'hang' }, 'no-api'],
    ['get an answer of somebody else', { kind: 'garbage' }, 'no-api'],
  ])('%s', async (_name, fault, code) => {
    await using it = await startDriver({ driver: { callMs: 1500 } })
    it.azure.faults.add({ server: 'api', fault })
    await expect(it.cloud.permissions?.('P', it.signal)).rejects.toMatchObject({ code })
  })
})

describe('tags', () => {
  it('are merged under their names whatever the case, all in one call', async () => {
    await using it = await startDriver({ azure: { instances: [{ tags: { 'p:IDLESTATUS': 'active', Team: 'x' } }] } })
    await it.cloud.writeTags({ 'P:IdleStatus': 'idle', 'P:IdleSince': '' }, it.signal)
    expect(Object.fromEntries(it.azure.instance().tags)).toEqual({
      'p:IDLESTATUS': 'idle',
      Team: 'x',
      'P:IdleSince': '',
    })
    expect(
      it.azure.requests.list({ server: 'api' }).map(({ action, params }) => [action, params['operation']]),
    ).toEqual([['Tags_UpdateAtScope', 'Merge']])
  })

  it("an operator's are found in any case", async () => {
    await using it = await startDriver({ azure: { instances: [{ tags: { 'cloudWORKSTATION:protected': 'yes' } }] } })
    expect(await it.cloud.operatorTags('CloudWorkstation', it.signal)).toEqual({ Protected: 'yes' })
    expect(it.azure.requests.counts().api).toBe(0)
  })

  const member = { scaleSet: 'set', orchestration: 'Flexible' } as const

  it('of a member of a scale set are asked of Resource Manager', async () => {
    await using it = await startDriver({ azure: { instances: [{ ...member, tags: { 'P:Protected': 'yes' } }] } })
    expect(await it.cloud.operatorTags('P', it.signal)).toEqual({ Protected: 'yes' })
    expect(it.sent('Tags_GetAtScope')).toBe(1)
  })

  it('and where that is refused, old ones count only if they forbid something', async () => {
    const roles = { 'idle-agent': { actions: ['Microsoft.Resources/tags/write'] } }
    await using it = await startDriver({ azure: { roles, instances: [member] } })
    await expect(it.cloud.operatorTags('P', it.signal)).rejects.toMatchObject({ retryable: false })
    it.azure.instance().startTags.set('P:Protected', 'yes')
    expect(await it.cloud.operatorTags('P', it.signal)).toEqual({ Protected: 'yes' })
  })
})

/** What the child below does: each call once, its outcome as JSON on stdout. */
const SCRIPT = `
import { createAzure } from '${process.cwd()}/agent/clouds/azure.ts'
import { createLoopbackHost } from '${process.cwd()}/test/host/loopback.ts'
const [metadataUrl, apiUrl] = process.argv.slice(2)
const host = createLoopbackHost()
const cloud = createAzure(host, { metadataUrl, apiUrl, stateDir: '/' })
const { signal } = new AbortController()
await cloud.writeTags({ 'P:IdleStatus': 'idle' }, signal)
const tags = await cloud.operatorTags('P', signal)
process.stdout.write(JSON.stringify({ tags, outcome: await cloud.act('hibernate', signal) }))
`

/** An environment that would lead the SDK astray: to the trap, to another identity, to a proxy, or to printing. */
function strayEnvironment(home: string, trap: string): Readonly<Record<string, string>> {
  writeFileSync(join(home, 'token'), 'a federated token')
  return {
    HOME: home,
    PATH: process.env['PATH'] ?? '',
    AZURE_POD_IDENTITY_AUTHORITY_HOST: trap,
    AZURE_RESOURCE_MANAGER_ENDPOINT: trap,
    IDENTITY_ENDPOINT: `${trap}/identity`,
    IDENTITY_HEADER: 'secret',
    IDENTITY_SERVER_THUMBPRINT: 'f00',
    IMDS_ENDPOINT: trap,
    MSI_ENDPOINT: `${trap}/msi`,
    MSI_SECRET: 'secret',
    AZURE_CLIENT_ID: '00000000-0000-4000-8000-000000000001',
    AZURE_TENANT_ID: '00000000-0000-4000-8000-000000000002',
    AZURE_FEDERATED_TOKEN_FILE: join(home, 'token'),
    AZURE_AUTHORITY_HOST: trap,
    AZURE_REGIONAL_AUTHORITY_NAME: 'nowhere',
    AZURE_LOG_LEVEL: 'verbose',
    DEBUG: '*',
    HTTP_PROXY: trap,
    http_proxy: trap,
    HTTPS_PROXY: trap,
    https_proxy: trap,
    ALL_PROXY: trap,
    NO_PROXY: '',
  }
}

describe('the SDK', () => {
  it('takes nothing from the environment, and prints nothing', { timeout: 30_000 }, async () => {
    const home = mkdtempSync(join(tmpdir(), 'idle-agent-home-'))
    let trapped = 0
    const trap = createServer((socket) => {
      trapped += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => void trap.listen(0, '127.0.0.1', resolve))
    const address = trap.address()
    const trapUrl = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`
    const azure = await startAzure()
    try {
      const script = join(home, 'script.ts')
      writeFileSync(script, SCRIPT)
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        [script, azure.metadataUrl, azure.apiUrl],
        {
          env: { ...strayEnvironment(home, trapUrl), NODE_EXTRA_CA_CERTS: azure.env['NODE_EXTRA_CA_CERTS'] },
          timeout: 20_000,
        },
      )
      expect(JSON.parse(stdout)).toMatchObject({ tags: {}, outcome: { result: 'accepted' } })
      expect(stderr).toBe('')
      expect(trapped).toBe(0)
      expect(azure.requests.list({ server: 'api' }).map(({ action }) => action)).toEqual([
        'Tags_UpdateAtScope',
        'VirtualMachines_Deallocate',
      ])
    } finally {
      await azure.close()
      trap.close()
      rmSync(home, { recursive: true })
    }
  })

  const places: readonly [string, string][] = [
    ['AzurePublicCloud', 'management.azure.com:443'],
    ['AzureUSGovernmentCloud', 'management.usgovcloudapi.net:443'],
    ['AzureChinaCloud', 'management.chinacloudapi.cn:443'],
  ]
  it.each(places)('without an endpoint goes to the Resource Manager of %s', async (environment, to) => {
    const connections = watchConnections()
    const manager = managerOf({ environment } as Vm)
    const place = { subscription: '11111111-2222-3333-4444-555555555555', group: 'g', name: 'n' }
    try {
      const api = await openApi({ endpoint: manager, place, token: 'T', now: Date.now })
      expect(await api.deallocate(false, new AbortController().signal)).toHaveProperty('failure')
      expect(connections.begun).toEqual([to])
    } finally {
      connections.stop()
    }
  })

  it.each(places)('asks for a token of %s for that address, of the one identity endpoint', async (environment, to) => {
    const instances = [{ environment } as VmSpec]
    await using it = await startDriver({ azure: { instances } })
    await it.cloud.writeTags({ 'P:IdleStatus': 'idle' }, it.signal)
    const asked = it.azure.requests.list({ path: '/metadata/identity/oauth2/token' })
    expect(asked.map(({ params }) => params)).toEqual([
      { 'api-version': '2018-02-01', resource: `https://${to.replace(':443', '')}/` },
    ])
  })

  it('does not keep a token that could be kept for hours', async () => {
    let asked = 0
    const manager = 'https://management.azure.com'
    const nowMs = Date.now()
    const answer = () => {
      asked += 1
      const expires_on = String(Math.round(nowMs / 1000) + 86_400)
      return { access_token: `T${asked}`, resource: manager, token_type: 'Bearer', expires_on }
    }
    const ask = async () => ({ status: 200, headers: {}, body: JSON.stringify(answer()) })
    const imds = { ask, get: async () => '' }
    const { signal } = new AbortController()
    const read = () => readToken({ imds, manager, nowMs }, { signal, until: Infinity })
    expect([await read(), await read(), await read()]).toEqual(['T1', 'T2', 'T3'])
  })

  it('keeps neither token nor connection: after a resume both may be worth nothing', async () => {
    await using it = await startDriver()
    const connections = watchConnections()
    await it.cloud.writeTags({ 'P:IdleStatus': 'idle' }, it.signal)
    await it.cloud.writeTags({ 'P:IdleStatus': 'active' }, it.signal)
    connections.stop()
    expect(it.azure.requests.list({ path: '/metadata/identity/oauth2/token' }).length).toBe(2)
    const api = it.azure.apiUrl.replace('https://', '')
    expect(connections.begun.filter((to) => to === api)).toHaveLength(2)
  })
})
