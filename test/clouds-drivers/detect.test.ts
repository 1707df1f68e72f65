/** Which cloud it is and where it is reached: a table of firmware and environment, and that nothing is contacted. */
import { describe, expect, it } from 'vitest'
import { detectCloud } from '../../agent/clouds/detect.ts'
import { isLoopback } from '../../agent/clouds/reach.ts'
import { createCloud } from '../../agent/clouds/table.ts'
import { UsageError } from '../../agent/errors.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

type Texts = Readonly<Record<string, string>>

const nitro = { sys_vendor: 'Amazon EC2\n', product_name: 'm6i.large', bios_vendor: 'Amazon EC2', bios_version: '1.0' }
const azure = { sys_vendor: 'Microsoft Corporation', chassis_asset_tag: '7783-7084-3265-9085-8269-3286-77\n' }
const gcp = { sys_vendor: 'Google', product_name: 'Google Compute Engine\n', bios_vendor: 'Google' }
const kvm = { sys_vendor: 'QEMU', product_name: 'Standard PC (Q35 + ICH9, 2009)', bios_vendor: 'SeaBIOS' }
const xen = { sys_vendor: 'Xen', bios_vendor: 'Xen', product_name: 'HVM domU' }
const EC2_UUID = 'ec2a1b2c-dcd1-b213-94ed-01234abcdef0'

const METADATA = { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1338/' }
const AZURE_METADATA = { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9/' }
const ARM = { AZURE_RESOURCE_MANAGER_ENDPOINT: 'https://127.0.0.1:8443/' }
const API = { AWS_ENDPOINT_URL_EC2: 'http://127.0.0.1:4566/' }

function machine(dmi: Texts, env: Texts = {}, root = '/'): MemoryHost {
  const base = root === '/' ? '' : root
  const files = Object.entries(dmi).map(([name, text]) => {
    return [name.startsWith('/') ? `${base}${name}` : `${base}/sys/class/dmi/id/${name}`, text] as const
  })
  return createMemoryHost({ root, env, files: Object.fromEntries(files) })
}

interface Expected {
  readonly name: string
  readonly metadataUrl?: string
  readonly apiUrl?: string
}

const cases: readonly [string, Texts, Texts, Expected][] = [
  ['no firmware tables at all', {}, {}, { name: 'local' }],
  ['a KVM machine', kvm, {}, { name: 'local' }],
  ['EC2 Nitro', nitro, {}, { name: 'aws', metadataUrl: 'http://169.254.169.254' }],
  [
    'EC2 Nitro, IPv4',
    nitro,
    { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv4' },
    { name: 'aws', metadataUrl: 'http://169.254.169.254' },
  ],
  [
    'EC2 Nitro, IPv6',
    nitro,
    { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6' },
    { name: 'aws', metadataUrl: 'http://[fd00:ec2::254]' },
  ],
  [
    'an endpoint wins over the mode',
    nitro,
    { ...METADATA, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6' },
    { name: 'aws', metadataUrl: 'http://127.0.0.1:1338' },
  ],
  [
    'EC2 Xen by its BIOS',
    { ...xen, bios_version: '4.11.amazon\n' },
    {},
    { name: 'aws', metadataUrl: 'http://169.254.169.254' },
  ],
  [
    'EC2 Xen by its product_uuid',
    { ...xen, product_uuid: EC2_UUID.toUpperCase() },
    {},
    { name: 'aws', metadataUrl: 'http://169.254.169.254' },
  ],
  ['EC2 by product_uuid alone', { product_uuid: EC2_UUID }, {}, { name: 'aws', metadataUrl: 'http://169.254.169.254' }],
  [
    'EC2 Xen paravirtual',
    { '/sys/hypervisor/uuid': EC2_UUID },
    {},
    { name: 'aws', metadataUrl: 'http://169.254.169.254' },
  ],
  [
    'another Xen',
    { ...xen, bios_version: '4.17', product_uuid: '11112222-dcd1-b213-94ed-01234abcdef0' },
    {},
    { name: 'local' },
  ],
  ['a KVM machine whose random UUID begins with ec2', { ...kvm, product_uuid: EC2_UUID }, {}, { name: 'local' }],
  ['a vendor that only sounds like it', { sys_vendor: 'Amazon EC2 compatible' }, {}, { name: 'local' }],
  ['Azure', azure, {}, { name: 'azure', metadataUrl: 'http://169.254.169.254' }],
  [
    'Azure with endpoints',
    azure,
    { ...AZURE_METADATA, ...ARM },
    { name: 'azure', metadataUrl: 'http://127.0.0.1:9', apiUrl: 'https://127.0.0.1:8443' },
  ],
  [
    'Azure with ARM elsewhere alone',
    azure,
    ARM,
    { name: 'azure', metadataUrl: 'http://169.254.169.254', apiUrl: 'https://127.0.0.1:8443' },
  ],
  ['Hyper-V in a cellar', { ...azure, chassis_asset_tag: '1111-2222' }, {}, { name: 'local' }],
  ['GCP', gcp, {}, { name: 'gcp' }],
  [
    'firmware wins: Azure with an AWS endpoint',
    azure,
    { ...METADATA, ...API },
    { name: 'azure', metadataUrl: 'http://169.254.169.254' },
  ],
  [
    'firmware wins: Azure with a malformed AWS endpoint',
    azure,
    { AWS_ENDPOINT_URL: '?' },
    { name: 'azure', metadataUrl: 'http://169.254.169.254' },
  ],
  [
    'firmware wins: EC2 with an Azure endpoint',
    nitro,
    { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9' },
    { name: 'aws', metadataUrl: 'http://169.254.169.254' },
  ],
  [
    'a metadata endpoint names AWS',
    kvm,
    { ...METADATA, ...API },
    { name: 'aws', metadataUrl: 'http://127.0.0.1:1338', apiUrl: 'http://127.0.0.1:4566' },
  ],
  ['a metadata endpoint without an API endpoint', {}, METADATA, { name: 'aws', metadataUrl: 'http://127.0.0.1:1338' }],
  [
    'the general API endpoint',
    {},
    { ...METADATA, AWS_ENDPOINT_URL: 'https://localhost:8443' },
    { name: 'aws', metadataUrl: 'http://127.0.0.1:1338', apiUrl: 'https://localhost:8443' },
  ],
  [
    'the particular API endpoint wins',
    {},
    { ...METADATA, ...API, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' },
    { name: 'aws', metadataUrl: 'http://127.0.0.1:1338', apiUrl: 'http://127.0.0.1:4566' },
  ],
  ['an API endpoint alone is not enough', kvm, API, { name: 'local' }],
  ['a mode alone is not enough', kvm, { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6' }, { name: 'local' }],
  ['ARM alone is not enough', kvm, { AZURE_RESOURCE_MANAGER_ENDPOINT: 'http://127.0.0.1:9' }, { name: 'local' }],
  [
    'an identity endpoint names Azure, and is where its metadata is',
    kvm,
    AZURE_METADATA,
    { name: 'azure', metadataUrl: 'http://127.0.0.1:9' },
  ],
  [
    'empty variables are not set',
    kvm,
    { AWS_EC2_METADATA_SERVICE_ENDPOINT: '', AWS_ENDPOINT_URL_EC2: ' ' },
    { name: 'local' },
  ],
]

describe('the cloud', () => {
  it.each(cases)('%s', async (_name, dmi, env, expected) => {
    const host = machine(dmi, env)
    const { because, ...found } = await detectCloud(host)
    expect(found).toEqual(expected)
    expect(because).toMatch(/\w+ \w+/)
    expect(host.requests).toEqual([])
  })

  it('unreadable firmware names nothing', async () => {
    const host = machine(nitro)
    for (const name of Object.keys(nitro)) host.files.failing.set(`/sys/class/dmi/id/${name}`, 'EACCES')
    expect((await detectCloud(host)).name).toBe('local')
  })
})

describe('below --root', () => {
  it('the default metadata address is not asked', async () => {
    const found = await detectCloud(machine(nitro, {}, '/fixture'))
    expect(found).toEqual({ name: 'aws', because: expect.stringContaining('metadata is not asked below --root') })
  })

  it('nor by its IPv6 address', async () => {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6' }
    expect(await detectCloud(machine(nitro, env, '/fixture'))).not.toHaveProperty('metadataUrl')
  })

  it('an endpoint that is set is asked', async () => {
    const found = await detectCloud(machine(nitro, { ...METADATA, ...API }, '/fixture'))
    expect(found).toMatchObject({ metadataUrl: 'http://127.0.0.1:1338', apiUrl: 'http://127.0.0.1:4566' })
  })

  it('of Azure neither, unless an endpoint is set', async () => {
    expect(await detectCloud(machine(azure, {}, '/fixture'))).toEqual({
      name: 'azure',
      because: expect.stringContaining('metadata is not asked below --root'),
    })
    expect(await detectCloud(machine(azure, { ...AZURE_METADATA, ...ARM }, '/fixture'))).toMatchObject({
      metadataUrl: 'http://127.0.0.1:9',
      apiUrl: 'https://127.0.0.1:8443',
    })
  })

  it('the firmware is the one below the root', async () => {
    const host = createMemoryHost({ root: '/fixture', files: { '/sys/class/dmi/id/sys_vendor': 'Amazon EC2' } })
    expect((await detectCloud(host)).name).toBe('local')
  })
})

describe('malformed endpoints name their variable', () => {
  const bad = [
    'localhost:1338',
    '127.0.0.1:1338',
    'ftp://127.0.0.1',
    'http://',
    'http://:80',
    'http://a b',
    'http://user:secret@127.0.0.1',
    'http://127.0.0.1:0',
    'http://127.0.0.1:65536',
    'http://127.0.0.1:99999999',
    'http://127.0.0.1?x=1',
    'http://127.0.0.1#x',
    'http://127.1',
    'http://2130706433',
    'http://0x7f000001',
    'http://127.0.0.256',
    'http://010.0.0.1',
    'http://127.0.0.1.',
    'http://127.0.0.1\nX: y',
    'http://[::1',
  ]
  it.each(bad)('%j', async (text) => {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: text }
    const error = await detectCloud(machine({}, env)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(UsageError)
    expect(error).toMatchObject({ message: expect.stringMatching(/^AWS_EC2_METADATA_SERVICE_ENDPOINT: /) })
  })

  it.each(['AWS_ENDPOINT_URL_EC2', 'AWS_ENDPOINT_URL'])('%s', async (name) => {
    await expect(detectCloud(machine({}, { ...METADATA, [name]: 'x' }))).rejects.toThrow(name)
  })

  it('AZURE_POD_IDENTITY_AUTHORITY_HOST', async () => {
    await expect(detectCloud(machine(azure, { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'https://h' }))).rejects.toThrow(
      'AZURE_POD_IDENTITY_AUTHORITY_HOST',
    )
  })

  it('AZURE_RESOURCE_MANAGER_ENDPOINT, over which a token is sent, is https', async () => {
    const env = { AZURE_RESOURCE_MANAGER_ENDPOINT: 'http://127.0.0.1:8080' }
    await expect(detectCloud(machine(azure, env))).rejects.toThrow(
      /^AZURE_RESOURCE_MANAGER_ENDPOINT: .*the scheme is not https; expected https:/,
    )
  })

  it('no password is repeated', async () => {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://user:secret@127.0.0.1' }
    await expect(detectCloud(machine({}, env))).rejects.toThrow(/^(?!.*secret)/)
  })

  it('metadata is not spoken over https', async () => {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'https://127.0.0.1' }
    await expect(detectCloud(machine({}, env))).rejects.toThrow('the scheme is not http')
  })

  it.each(['ipv7', '6', 'IPv4,IPv6'])('mode %j', async (mode) => {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: mode }
    await expect(detectCloud(machine(nitro, env))).rejects.toThrow('AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE')
  })
})

describe('loopback', () => {
  const endpoints: readonly [string, boolean][] = [
    ['http://127.0.0.1', true],
    ['http://127.255.3.4:80/path', true],
    ['http://LOCALHOST:1', true],
    ['http://api.localhost', true],
    ['http://[::1]:80', true],
    ['http://[0:0:0:0:0:0:0:1]', true],
    ['http://[::ffff:127.0.0.1]', true],
    ['http://[::ffff:7f00:1]', true],
    ['http://0.0.0.0', true],
    ['http://[::]', true],
    ['http://169.254.169.254', false],
    ['http://[fd00:ec2::254]', false],
    ['http://[1::]', false],
    ['http://[::11]', false],
    ['http://127.example.com', false],
    ['http://localhost.example.com', false],
    ['http://10.0.0.1', false],
    ['https://ec2.eu-west-1.amazonaws.com', false],
  ]
  it.each(endpoints)('%s: %j', (endpoint, expected) => {
    expect(isLoopback(endpoint)).toBe(expected)
  })
})

describe('the driver', () => {
  const drivers: readonly [string, Texts, string, string][] = [
    ['EC2', nitro, 'aws', 'hibernate'],
    ['Azure', azure, 'azure', 'hibernate'],
    ['GCP', gcp, 'gcp', 'report'],
    ['none', kvm, 'local', 'report'],
  ]
  it.each(drivers)('%s', async (_name, dmi, name, defaultAction) => {
    const host = machine(dmi)
    const { cloud, because } = await createCloud(host, { stateDir: '/state' })
    expect({ name: cloud.name, defaultAction: cloud.defaultAction }).toEqual({ name, defaultAction })
    expect(because).not.toBe('')
    expect(host.requests).toEqual([])
  })

  it.each([['gcp', gcp]])('%s reports, and contacts nothing whatever is asked of it', async (name, dmi) => {
    const host = machine({ ...dmi, '/etc/machine-id': '0123456789abcdef0123456789abcdef' }, { ...METADATA, ...API })
    host.files.makeDir('/state')
    const { cloud } = await createCloud(host, { stateDir: '/state' })
    const { signal } = new AbortController()
    expect(await cloud.identify(signal)).toEqual({ id: `${name}-0123456789ab` })
    await cloud.writeTags({ 'P:IdleStatus': 'idle' }, signal)
    expect(await cloud.operatorTags('P', signal)).toEqual({})
    expect(await cloud.canHibernate(signal)).toBe(false)
    expect(await cloud.act('stop', signal)).toMatchObject({
      result: 'refused',
      why: 'unsupported',
      message: expect.stringContaining(`no driver for ${name} yet`),
    })
    expect(host.requests).toEqual([])
  })
})
