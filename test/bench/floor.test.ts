// The floor does what it says: it decides by its limits, keeps its state, and asks nobody but this machine.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AwsCloud, startAws } from '../clouds/aws.ts'
import { startProgram } from '../e2e/machine.ts'
import { clocksAgo } from './agent-state.ts'
import { compileFloor, floorCheck } from './floor-side.ts'

const folder = mkdtempSync(join(tmpdir(), 'floor-'))
const compiled = compileFloor(folder)
const state = join(folder, 'state')
let cloud: AwsCloud

beforeAll(async () => {
  cloud = await startAws()
})
afterAll(async () => {
  await cloud.close()
  rmSync(folder, { recursive: true })
})

/** What a check says that finds this state; with limits that nothing exceeds but a counter that went back. */
async function check(before: string | undefined, { cores = '1e9', env = cloud.env } = {}): Promise<string> {
  rmSync(state, { force: true })
  if (before !== undefined) writeFileSync(state, before)
  const [program] = floorCheck(folder, env).argv
  const { code, stdout, stderr } = await startProgram(program, [state, cores, '1e15', '1e15', '0'], env).done
  return `${code} ${stdout}${stderr}`.trim()
}

/** A state that was left so many seconds ago, with the machine idle for so long; counters at nought. */
function left(secondsAgo: number, idleSeconds: number, counters = '0 0 0', id = cloud.instance().id): string {
  return `${clocksAgo(secondsAgo * 1000).bootMs} ${clocksAgo(idleSeconds * 1000).bootMs}\n${counters} ${id}\n`
}

describe.skipIf(!compiled)('the floor', () => {
  test('is active at its first check, then idle, and keeps since when', async () => {
    expect(await check(undefined)).toBe('0 active: this is the first check')
    expect(readFileSync(state, 'utf8')).toMatch(/^(\d+) \1\n[1-9]\d* \d+ \d+ i-[0-9a-f]+\n$/)
    expect(await check(left(120, 185))).toBe('0 idle for 3 min')
    expect(await check(readFileSync(state, 'utf8'))).toBe('0 idle for 3 min')
    expect(await check(left(120, 605))).toBe('0 idle for 10 min, would hibernate')
  })

  test.each([
    { what: 'CPU', counters: '99999999999999999 0 0' },
    { what: 'network', counters: '0 999999999999999999 0' },
    { what: 'disk', counters: '0 0 99999999999999999' },
  ])('is active where the counter of $what went back', async ({ what, counters }) => {
    expect(await check(left(120, 185, counters))).toBe(`0 active: ${what}`)
    expect(readFileSync(state, 'utf8')).toMatch(/^(\d+) \1\n/)
  })

  test('is active above a limit, after a gap, and for another instance', async () => {
    expect(await check(left(120, 185), { cores: '0.0000001' })).toBe('0 active: CPU')
    expect(await check(left(400, 500))).toBe('0 active: nobody looked for a while')
    expect(await check(left(120, 185, '0 0 0', 'i-0'))).toBe('0 active: another instance')
  })

  test('leaves its state alone where metadata does not answer', async () => {
    const before = left(120, 185)
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1' }
    expect(await check(before, { env })).toMatch(/^1 unknown: metadata/)
    expect(readFileSync(state, 'utf8')).toBe(before)
  })

  test.each([
    'http://169.254.169.254',
    'http://127.0.0.1.example.com:80',
    'http://127.0.0.1:9@example.com',
    'https://127.0.0.1:9',
    'http://[fd00:ec2::254]',
    '',
  ])('asks nothing of %j', async (endpoint) => {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint }
    expect(await check(undefined, { env })).toMatch(/^2 floor: AWS_EC2_METADATA_SERVICE_ENDPOINT must be/)
  })
})
