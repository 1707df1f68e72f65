/** The contract of the EC2 driver against a loopback EC2, and that the SDK in it is sealed off from this machine's AWS settings. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { openApi, permissions } from '../../agent/clouds/aws-send.ts'
import { startAws } from '../clouds/aws.ts'
import { createClock } from '../clouds/clock.ts'
import { cloudContract } from '../contracts/clouds.ts'
import { watchConnections } from '../host/connections.ts'
import { startDriver } from './start-aws.ts'

const facts = { hibernation: true, acts: true, tellsStart: true, defaultAction: 'hibernate' } as const

for (const metadataTags of [true, false]) {
  cloudContract(`aws, tags in metadata ${metadataTags ? 'on' : 'off'}`, facts, async () => {
    const connections = watchConnections()
    const { aws, cloud } = await startDriver({ aws: { instances: [{ metadataTags }] } })
    const ours = [aws.metadataUrl, aws.apiUrl].map((url) => url.replace('http://', ''))
    return {
      cloud,
      stored: async () => aws.instance().tags,
      setTag: async (key, value) => void aws.instance().tags.set(key, value),
      refuseStops: () => {
        aws.instance().disableApiStop = true
      },
      stopping: () => aws.instance().state !== 'running',
      requests: () => aws.requests.counts().total,
      metadataRequests: () => aws.requests.counts().metadata,
      strays: () => connections.begun.filter((to) => !ours.includes(to)),
      async close() {
        connections.stop()
        await aws.close()
      },
    }
  })
}

describe('the role', () => {
  it('is asked for exactly the calls that are made', () => {
    const source = readFileSync('agent/clouds/aws-send.ts', 'utf8')
    const called = [...source.matchAll(/new sdk\.(\w+)Command\(/g)].map(([, name]) => `ec2:${name ?? ''}`)
    expect(permissions.map(({ action }) => action).toSorted()).toEqual([...new Set(called)].toSorted())
    for (const { reason } of permissions) expect(reason).toMatch(/\w+ \w+/)
  })

  it('needs no more than that', async () => {
    const actions = permissions.map(({ action }) => action.replace('ec2:', ''))
    await using it = await startDriver({
      aws: { roles: { 'idle-agent': { actions, selfOnly: true } }, instances: [{ metadataTags: false }] },
    })
    await it.cloud.writeTags({ 'P:IdleStatus': 'idle' }, it.signal)
    expect(await it.cloud.operatorTags('P', it.signal)).toEqual({})
    expect(await it.cloud.act('hibernate', it.signal)).toMatchObject({ result: 'accepted' })
  })
})

/** What the child below does: each call once, its outcome as JSON on stdout. */
const SCRIPT = `
import { createAws } from '${process.cwd()}/agent/clouds/aws.ts'
import { createLoopbackHost } from '${process.cwd()}/test/host/loopback.ts'
const [metadataUrl, apiUrl] = process.argv.slice(2)
const cloud = createAws(createLoopbackHost(), { metadataUrl, apiUrl })
const { signal } = new AbortController()
await cloud.writeTags({ 'P:IdleStatus': 'idle' }, signal)
const tags = await cloud.operatorTags('P', signal)
process.stdout.write(JSON.stringify({ tags, outcome: await cloud.act('hibernate', signal) }))
`

/** A home and an environment that would lead the SDK's default chains astray: to `trap`, and to keys that are not ours. */
function strayEnvironment(home: string, trap: string): Record<string, string> {
  mkdirSync(join(home, '.aws'))
  const profile = `region = us-east-1\nendpoint_url = ${trap}\nuse_fips_endpoint = true\nmax_attempts = 9\n`
  writeFileSync(join(home, '.aws', 'config'), `[default]\n${profile}\n[profile other]\n${profile}`)
  writeFileSync(
    join(home, '.aws', 'credentials'),
    '[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = no\n',
  )
  return {
    HOME: home,
    PATH: process.env['PATH'] ?? '',
    AWS_PROFILE: 'other',
    AWS_REGION: 'us-west-2',
    AWS_ACCESS_KEY_ID: 'AKIDENV',
    AWS_SECRET_ACCESS_KEY: 'no',
    AWS_ENDPOINT_URL: trap,
    AWS_ENDPOINT_URL_EC2: trap,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: trap,
    AWS_USE_DUALSTACK_ENDPOINT: 'true',
    AWS_MAX_ATTEMPTS: '9',
    AWS_DISABLE_CLOCK_SKEW_CORRECTION: 'true',
    HTTP_PROXY: trap,
    http_proxy: trap,
  }
}

describe('the SDK', () => {
  const regions: readonly [string, string][] = [
    ['eu-west-1', 'ec2.eu-west-1.amazonaws.com:443'],
    ['us-gov-west-1', 'ec2.us-gov-west-1.amazonaws.com:443'],
    ['cn-north-1', 'ec2.cn-north-1.amazonaws.com.cn:443'],
  ]
  it.each(regions)(
    "without an endpoint goes to the vendor's own for %s, whatever the environment says",
    async (region, to) => {
      const trap = 'http://127.0.0.1:9'
      vi.stubEnv('AWS_ENDPOINT_URL', trap)
      vi.stubEnv('AWS_ENDPOINT_URL_EC2', trap)
      vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true')
      vi.stubEnv('AWS_USE_DUALSTACK_ENDPOINT', 'true')
      // Ends each connection to another machine before a name is looked up.
      const connections = watchConnections()
      const credentials = { accessKeyId: 'A', secretAccessKey: 'B', sessionToken: 'C', expiresMs: 0 }
      const api = await openApi({ region, credentials, attempts: 1, clockOffsetMs: 0 })
      try {
        expect(await api.stop('i-0', false, new AbortController().signal)).toHaveProperty('failure')
        expect(connections.begun).toEqual([to])
      } finally {
        api.close()
        connections.stop()
        vi.unstubAllEnvs()
      }
    },
  )

  it("takes nothing from this machine's AWS settings, and prints nothing", async () => {
    const home = mkdtempSync(join(tmpdir(), 'idle-agent-home-'))
    let trapped = 0
    const trap = createServer((_request, response) => {
      trapped += 1
      response.end()
    })
    await new Promise<void>((resolve) => void trap.listen(0, '127.0.0.1', resolve))
    const address = trap.address()
    const trapUrl = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`
    // Three hours ahead of us, so that each call needs the correction that the environment forbids.
    const clock = createClock({ start: Date.now() + 3 * 3_600_000 })
    const aws = await startAws({ clock, instances: [{ metadataTags: false }] })
    try {
      const script = join(home, 'script.ts')
      writeFileSync(script, SCRIPT)
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, aws.metadataUrl, aws.apiUrl], {
        env: strayEnvironment(home, trapUrl),
        timeout: 20_000,
      })
      expect(JSON.parse(stdout)).toMatchObject({ tags: {}, outcome: { result: 'accepted' } })
      expect(stderr).toBe('')
      expect(trapped).toBe(0)
      const { id } = aws.instance()
      const actions = ['CreateTags', 'DescribeTags', 'StopInstances']
      // The first of each was refused for its time, before anybody asked who signed it.
      const expected = actions.flatMap((action) => [`${action} by nobody`, `${action} by ${id}`])
      const calls = aws.requests.list({ server: 'api' })
      expect(calls.map(({ action, instanceId }) => `${action ?? ''} by ${instanceId ?? 'nobody'}`)).toEqual(expected)
    } finally {
      await aws.close()
      trap.close()
      rmSync(home, { recursive: true })
    }
  })
})
