// Stopping, hibernating and starting, by the official client.

import { type EC2Client, StartInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2'
import { afterEach, describe, expect, test } from 'vitest'
import { type AwsCloud, type AwsOptions, type InstanceSpec, startAws } from './aws.ts'
import { errorCode, instanceClient, operatorClient } from './clients.ts'

let cloud: AwsCloud
let client: EC2Client
afterEach(async () => {
  client.destroy()
  await cloud.close()
})

const id = 'i-0a1b2c3d4e5f60718'
const stranger = 'i-00000000000000002'

async function start(options: AwsOptions = {}, spec: InstanceSpec = {}): Promise<void> {
  cloud = await startAws({ instances: [spec, { id: stranger }], ...options })
  client = instanceClient(cloud)
}

const stop = (extra: Partial<StopInstancesCommand['input']> = {}) =>
  client.send(new StopInstancesCommand({ InstanceIds: [id], ...extra }))
describe('power', () => {
  test('hibernation goes through stopping to stopped, waits for its hook, and says why', async () => {
    const events: string[] = []
    let release = (): void => {}
    const hooks = {
      onHibernate: (instance: { state: string }) => {
        events.push(`hibernate while ${instance.state}`)
        return new Promise<void>((resolve) => {
          release = resolve
        })
      },
      onStart: () => void events.push('start'),
    }
    await start({ delays: { hibernateMs: 60_000 }, hooks })
    const answer = await stop({ Hibernate: true })
    expect(answer.StoppingInstances).toEqual([
      { InstanceId: id, CurrentState: { Code: 64, Name: 'stopping' }, PreviousState: { Code: 16, Name: 'running' } },
    ])
    await expect.poll(() => events).toEqual(['hibernate while stopping'])
    cloud.clock.advance(60_000)
    expect(cloud.instance().state).toBe('stopping')
    release()
    await cloud.waitForState('stopped')
    expect(cloud.instance().stateReason).toEqual({
      code: 'Client.UserInitiatedHibernate',
      message: 'Client.UserInitiatedHibernate: User initiated hibernate',
    })
    expect(cloud.instance().transitionReason).toMatch(/^User initiated \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\)$/)
  })

  test('a stop says another reason; a start gives a new launch time and clears it', async () => {
    await start()
    const launched = cloud.instance().launchTime
    await stop()
    await cloud.waitForState('stopped')
    expect(cloud.instance().stateReason?.code).toBe('Client.UserInitiatedShutdown')
    expect((await stop({ Hibernate: true })).StoppingInstances?.[0]?.CurrentState?.Name).toBe('stopped')
    cloud.clock.advance(5000)
    const operator = operatorClient(cloud)
    const { StartingInstances } = await operator.send(new StartInstancesCommand({ InstanceIds: [id] }))
    operator.destroy()
    expect(StartingInstances?.[0]?.CurrentState?.Name).toBe('pending')
    await cloud.waitForState('running')
    expect(cloud.instance().launchTime).toBeGreaterThanOrEqual(launched + 5000)
    expect(cloud.instance().stateReason).toBeUndefined()
  })

  test('a guest whose hook fails hangs in stopping', async () => {
    await start({ hooks: { onStop: () => Promise.reject(new Error('no guest')) } })
    await stop()
    await expect.poll(() => cloud.instance().hookError).toBe('no guest')
    expect(cloud.instance().state).toBe('stopping')
  })

  test.each([
    ['stop', 'ebs', 'stopped'],
    ['terminate', 'ebs', 'terminated'],
    ['stop', 'instance-store', 'terminated'],
  ] as const)('an OS shutdown with behaviour %s on %s ends %s', async (shutdownBehavior, rootDeviceType, end) => {
    await start({}, { shutdownBehavior, rootDeviceType })
    cloud.power.guestOff(cloud.instance())
    await cloud.waitForState(end)
    expect(cloud.instance().stateReason?.code).toBe('Client.InstanceInitiatedShutdown')
  })
})

describe('refusals of a stop, as the vendor words them', () => {
  const cases: readonly (readonly [string, InstanceSpec, string, RegExp])[] = [
    ['no hibernation', { hibernation: false }, 'UnsupportedHibernationConfiguration', /hibernation/],
    [
      'too soon',
      { hibernationReadySeconds: 120 },
      'UnsupportedOperation',
      /is not ready to hibernate yet, retry in a few minutes/,
    ],
    [
      'one-time Spot',
      { lifecycle: 'spot', spotRequest: 'one-time' },
      'UnsupportedOperation',
      /one-time Spot Instance request/,
    ],
    ['fleet', { lifecycle: 'spot', fleet: true }, 'UnsupportedOperation', /is in a fleet, which does not support stop/],
    ['instance store', { rootDeviceType: 'instance-store' }, 'UnsupportedOperation', /root device type/],
    [
      'stop protection',
      { disableApiStop: true },
      'OperationNotPermitted',
      /may not be stopped. Modify its 'disableApiStop'/,
    ],
  ]
  test.each(cases)('%s', async (_name, spec, code, message) => {
    await start({}, spec)
    await expect(stop({ Hibernate: true })).rejects.toMatchObject({
      name: code,
      message: expect.stringMatching(message),
    })
    expect(cloud.instance().state).toBe('running')
  })

  test.each(['pending', 'shutting-down', 'terminated'] as const)('%s', async (state) => {
    await start()
    cloud.instance().state = state
    expect(await errorCode(stop())).toBe('IncorrectInstanceState')
  })

  test('not ready for the next two calls; a plain stop is not asked', async () => {
    await start({}, { notReadyCalls: 2 })
    const codes = [await errorCode(stop({ Hibernate: true })), await errorCode(stop({ Hibernate: true }))]
    expect(codes).toEqual(['UnsupportedOperation', 'UnsupportedOperation'])
    expect(await errorCode(stop({ Hibernate: true }))).toBeUndefined()
  })

  test('readiness counts from the cold boot, in the cloud’s time', async () => {
    await start({}, { hibernationReadySeconds: 120, launchTime: Date.now() - 119_000 })
    expect(await errorCode(stop({ Hibernate: true }))).toBe('UnsupportedOperation')
    cloud.clock.advance(2000)
    expect(await errorCode(stop({ Hibernate: true }))).toBeUndefined()
  })

  test('an unknown and a malformed id', async () => {
    await start()
    expect(await errorCode(stop({ InstanceIds: ['i-0ffffffffffffffff'] }))).toBe('InvalidInstanceID.NotFound')
    expect(await errorCode(stop({ InstanceIds: ['i-xyz'] }))).toBe('InvalidInstanceID.Malformed')
    expect(await errorCode(stop({ InstanceIds: [] }))).toBe('MissingParameter')
  })
})
