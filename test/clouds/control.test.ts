// The control server through its client.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AwsCloud, startAws } from './aws.ts'
import { metadata, raw } from './clients.ts'
import { type ControlClient, createControlClient } from './control-client.ts'

const id = 'i-0a1b2c3d4e5f60718'
let cloud: AwsCloud
let control: ControlClient
beforeEach(async () => {
  cloud = await startAws()
  control = createControlClient(cloud.controlUrl)
})
afterEach(() => cloud.close())

test('the log, from a number on, with counts', async () => {
  await metadata(cloud.metadataUrl, '/latest/meta-data/instance-id')
  const { requests, counts } = await control.requests(1)
  expect(requests).toMatchObject([{ number: 2, server: 'metadata', method: 'GET', status: 200, done: true }])
  expect(counts).toEqual({
    total: 2,
    metadata: 2,
    api: 0,
    byKind: { 'metadata PUT /latest/api/token': 1, 'metadata GET /latest/meta-data/instance-id': 1 },
  })
  await control.clearRequests()
  expect((await control.requests()).counts.total).toBe(0)
})

test('faults are ordered, listed and cleared', async () => {
  const ordered = await control.orderFault({ server: 'metadata', times: 3, fault: { kind: 'status', status: 500 } })
  expect((await raw(`${cloud.metadataUrl}/latest/`)).status).toBe(500)
  expect(await control.faults()).toMatchObject([{ id: ordered, left: 2 }])
  await control.clearFaults(ordered)
  expect(await control.faults()).toEqual([])
  await control.clearFaults()
})

test('an instance is read and changed; a bad change changes nothing', async () => {
  const changed = await control.change(id, { disableApiStop: true, tags: { a: '1', b: '2' } })
  expect(changed).toMatchObject({ id, disableApiStop: true, tags: { a: '1', b: '2' }, state: 'running' })
  expect(await control.change(id, { tags: { a: null } })).toMatchObject({ tags: { b: '2' } })
  expect((await control.instances()).map((instance) => instance.id)).toEqual([id])
  const bad = [
    { hibernation: 'yes' },
    { colour: 'red' },
    { spotRequest: 'twice' },
    { tags: { a: 1 } },
    { state: 'stopped' },
  ]
  for (const body of bad) {
    const init = { method: 'PATCH', body: JSON.stringify({ disableApiStop: false, ...body }) }
    expect((await raw(`${cloud.controlUrl}/_control/instances/${id}`, init)).status).toBe(400)
  }
  expect((await control.instance(id)).disableApiStop).toBe(true)
})

test('power, clock and credentials', async () => {
  expect((await control.power(id, 'hibernate')).state).toBe('stopping')
  await cloud.waitForState('stopped')
  expect((await control.power(id, 'start')).state).toBe('pending')
  await cloud.waitForState('running')
  const before = await control.now()
  expect((await control.advance(60_000)) - before).toBeGreaterThanOrEqual(60_000)
  const first = cloud.credentials.session(id, 'idle-agent')
  await control.expireCredentials()
  expect(first.expiresAt).toBeLessThanOrEqual(cloud.clock.now())
  const second = cloud.credentials.session(id, 'idle-agent')
  await control.rotateCredentials()
  expect(cloud.credentials.session(id, 'idle-agent')).not.toBe(second)
})

test.each([
  ['GET', 'elsewhere', 404],
  ['GET', '_control/nothing', 404],
  ['GET', '_control/instances/i-1', 404],
  ['POST', `_control/instances/${id}/explode`, 404],
  ['POST', '_control/faults', 400],
  ['POST', '_control/clock', 400],
])('%s %s is answered %i', async (method, path, status) => {
  const body = method === 'POST' ? '{' : null
  const answer = await raw(`${cloud.controlUrl}/${path}`, { method, body: path.includes('explode') ? '{}' : body })
  expect(answer.status).toBe(status)
  expect(JSON.parse(answer.text)).toHaveProperty('error')
})
