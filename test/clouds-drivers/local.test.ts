/** No cloud: the contract, the identity's sources, and files that are not what they should be. */
import { describe, expect, it } from 'vitest'
import { createLocal } from '../../agent/clouds/local.ts'
import { cloudContract } from '../contracts/clouds.ts'
import { createMemoryHost } from '../host/memory.ts'

const MACHINE = '0123456789abcdef0123456789abcdef'
const BOOT = '11111111-2222-4333-8444-555555555555'
const PATH = '/var/lib/idle-agent/tags.json'
const { signal } = new AbortController()

function start(files: Readonly<Record<string, string>> = { '/etc/machine-id': `${MACHINE}\n` }) {
  const host = createMemoryHost({ files })
  host.files.makeDir('/var/lib/idle-agent')
  return { host, cloud: createLocal(host, { name: 'local', stateDir: '/var/lib/idle-agent' }) }
}

const facts = { hibernation: false, acts: false, tellsStart: false, defaultAction: 'report' } as const

cloudContract('local', facts, async () => {
  const { host, cloud } = start()
  const stored = async () => new Map<string, string>(Object.entries(JSON.parse(host.files.read(PATH) ?? '{}')))
  return {
    cloud,
    stored,
    setTag: async (key, value) => {
      host.files.write(PATH, JSON.stringify({ ...Object.fromEntries(await stored()), [key]: value }))
    },
    refuseStops: () => {},
    stopping: () => false,
    requests: () => host.requests.length,
    metadataRequests: () => host.requests.length,
    strays: () => host.requests.map(({ url }) => url),
    close: async () => {},
  }
})

describe('identity', () => {
  const cases: readonly [string, Record<string, string>, string | undefined][] = [
    ['machine-id, not all of it', { '/etc/machine-id': `${MACHINE}\n` }, 'local-0123456789ab'],
    [
      'machine-id before boot id',
      { '/etc/machine-id': MACHINE, '/proc/sys/kernel/random/boot_id': BOOT },
      'local-0123456789ab',
    ],
    [
      'boot id where the image has no machine-id',
      { '/proc/sys/kernel/random/boot_id': `${BOOT}\n` },
      'local-boot-11111111',
    ],
    [
      'a first boot',
      { '/etc/machine-id': 'uninitialized\n', '/proc/sys/kernel/random/boot_id': BOOT },
      'local-boot-11111111',
    ],
    ['an empty machine-id', { '/etc/machine-id': '' }, undefined],
    ['neither', {}, undefined],
    ['garbage in both', { '/etc/machine-id': 'x'.repeat(32), '/proc/sys/kernel/random/boot_id': '?' }, undefined],
  ]

  it.each(cases)('%s', async (_name, files, expected) => {
    const { cloud } = start(files)
    if (expected === undefined) await expect(cloud.identify(signal)).rejects.toMatchObject({ code: 'no-identity' })
    else expect(await cloud.identify(signal)).toEqual({ id: expected })
  })

  it('an unreadable machine-id leaves the boot id', async () => {
    const { host, cloud } = start({ '/etc/machine-id': MACHINE, '/proc/sys/kernel/random/boot_id': BOOT })
    host.files.failing.set('/etc/machine-id', 'EACCES')
    expect((await cloud.identify(signal)).id).toBe('local-boot-11111111')
  })
})

describe('the file of tags', () => {
  it.each(['', '{', '[]', 'null', '"x"', '{"a":1}', '{"a":null}', '\u0000'])(
    '%j is not taken for "no tags", nor overwritten',
    async (text) => {
      const { host, cloud } = start()
      host.files.write(PATH, text)
      await expect(cloud.operatorTags('P', signal)).rejects.toMatchObject({ name: 'CloudError', code: 'unreadable' })
      await expect(cloud.writeTags({ a: 'b' }, signal)).rejects.toMatchObject({ code: 'unreadable' })
      expect(host.files.read(PATH)).toBe(text)
    },
  )

  it('a full disk is a CloudError, since tags never hold up anything', async () => {
    const { host, cloud } = start()
    host.files.full = true
    await expect(cloud.writeTags({ a: 'b' }, signal)).rejects.toMatchObject({ name: 'CloudError', code: 'unwritable' })
  })
})

it('says why it stops nothing', async () => {
  const { cloud } = start()
  expect(await cloud.act('stop', signal)).toEqual({
    result: 'refused',
    why: 'unsupported',
    code: 'NoDriver',
    message: "this version stops machines only through a cloud's API, and this machine is in none that it knows",
  })
})
