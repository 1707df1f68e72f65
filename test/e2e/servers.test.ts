// The idle episode of the built executable against three EC2s: our own, moto's, and answers that moto 5.2.1 once gave.
// Metadata is ours in all of them, since moto's takes any token and is no test of IMDSv2; it shows no tags, so that
// the operator's are asked of the server.
import { readFileSync } from 'node:fs'
import { DescribeInstancesCommand, DescribeTagsCommand, type EC2Client } from '@aws-sdk/client-ec2'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operatorClient } from '../clouds/clients.ts'
import { acted, type Machine, startMachine } from './machine.ts'
import { hasMoto, type Moto, startMoto } from './moto.ts'
import { type Exchange, playBack, recordTo, type Wire } from './wire.ts'

interface Story {
  readonly name: 'hibernate' | 'stop'
  readonly hibernation: boolean
}

const stories: readonly Story[] = [
  { name: 'hibernate', hibernation: true },
  { name: 'stop', hibernation: false },
]

/** What a server saw, and what it says of the instance in the end. */
interface Told {
  readonly server: string
  readonly exchanges: readonly Exchange[]
  readonly state: string
  readonly tags: readonly string[]
}

const motoHere = hasMoto()
let moto: Moto | undefined
beforeAll(async () => {
  moto = motoHere ? await startMoto() : undefined
}, 40_000)
afterAll(() => moto?.close())

/** Runs the executable until it has acted. */
async function episode(machine: Machine, wire: Wire): Promise<void> {
  machine.env = { ...machine.cloud.env, AWS_ENDPOINT_URL_EC2: wire.url }
  const checks = await machine.until(acted)
  for (const { code, stderr } of checks) expect([code, stderr]).toEqual([0, ''])
}

async function told(
  server: string,
  wire: Wire,
  { client, id }: { readonly client: EC2Client; readonly id: string },
): Promise<Told> {
  try {
    const { Reservations: [reservation] = [] } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }))
    const { Tags = [] } = await client.send(
      new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: [id] }] }),
    )
    const tags = Tags.map(({ Key = '', Value = '' }) => `${Key}=${Value.replace(/^\d{4}-.*Z$/, '(a time)')}`)
    const state = reservation?.Instances?.[0]?.State?.Name ?? '(unknown)'
    return { server, exchanges: wire.exchanges, state, tags: tags.sort() }
  } finally {
    client.destroy()
  }
}

async function againstOurs({ hibernation }: Story): Promise<Told> {
  const machine = await startMachine({ instance: { hibernation, metadataTags: false } })
  const wire = await recordTo(machine.cloud.apiUrl)
  try {
    await episode(machine, wire)
    const { id } = await machine.cloud.waitForState('stopped')
    return await told('ours', wire, { client: operatorClient(machine.cloud), id })
  } finally {
    await wire.close()
    await machine.close()
  }
}

async function againstMoto({ hibernation }: Story, { launch, url, client }: Moto): Promise<Told> {
  const id = await launch({ hibernation })
  const machine = await startMachine({ instance: { id, hibernation, metadataTags: false } })
  const wire = await recordTo(url)
  try {
    await episode(machine, wire)
    expect(machine.cloud.requests.counts().api).toBe(0)
    return await told('moto', wire, { client: client(), id })
  } finally {
    await wire.close()
    await machine.close()
  }
}

const recording = (name: string): string => `test/golden/ec2-recorded-${name}.json`

async function againstRecorded({ name, hibernation }: Story): Promise<Told> {
  const recorded = JSON.parse(readFileSync(recording(name), 'utf8')) as readonly Exchange[]
  const machine = await startMachine({ instance: { hibernation, metadataTags: false } })
  const wire = await playBack(recorded)
  try {
    await episode(machine, wire)
    expect(machine.cloud.requests.counts().api).toBe(0)
    return { server: 'recorded', exchanges: wire.exchanges, state: '-', tags: [] }
  } finally {
    await wire.close()
    await machine.close()
  }
}

function table({ name }: Story, all: readonly Told[]): string {
  const servers = all.map(({ server }) => server.padEnd(9)).join('')
  const rows = (all[0]?.exchanges ?? []).map(({ call }, index) => {
    const statuses = all.map(({ exchanges }) => String(exchanges[index]?.status ?? '-').padEnd(9))
    return `  ${statuses.join('')}${call}`
  })
  const states = all.map(({ state }) => state.padEnd(9)).join('')
  return [`${name}:`, `  ${servers}request`, ...rows, `  ${states}(the instance in the end)`, ''].join('\n')
}

test.concurrent.for(stories)(
  '$name: the same requests and the same end',
  { timeout: 120_000 },
  async (story, { expect }) => {
    const running = [againstOurs(story), ...(moto ? [againstMoto(story, moto)] : []), againstRecorded(story)]
    const all = await Promise.all(running)
    process.stdout.write(table(story, all))
    const [ours, ...others] = all
    const calls = (one: Told | undefined) => one?.exchanges.map(({ call, status }) => `${String(status)} ${call}`)
    for (const other of others) expect(calls(other)).toEqual(calls(ours))
    const ends = all.filter(({ server }) => server !== 'recorded')
    for (const { state, tags } of ends) expect({ state, tags }).toEqual({ state: 'stopped', tags: ours?.tags })
    expect(ours?.exchanges.at(-1)?.call).toBe(`StopInstances Hibernate=${String(story.hibernation)}`)
    expect(ours?.exchanges.map(({ call }) => call.split(' ')[0])).toEqual([
      'CreateTags',
      'CreateTags',
      'DescribeTags',
      'CreateTags',
      'StopInstances',
    ])
    const motos = all.find(({ server }) => server === 'moto')
    if (motos)
      await expect(`${JSON.stringify(motos.exchanges, undefined, 2)}\n`).toMatchFileSnapshot(
        `../golden/ec2-recorded-${story.name}.json`,
      )
  },
)
