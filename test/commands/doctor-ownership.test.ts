/** What `doctor` says of who else owns the instance. */
import { expect, it } from 'vitest'
import type { Parts } from '../../agent/check/parts.ts'
import { ownershipFinding } from '../../agent/commands/doctor-ownership.ts'
import { type RowSpec, startRow } from '../check/row-machine.ts'

const stores = {
  '/sys/block/nvme1n1/device/model': 'Amazon EC2 NVMe Instance Storage\n',
  '/sys/block/nvme1n1/dev': '259:1\n',
  '/proc/self/mountinfo':
    '22 1 259:0 / / rw - ext4 /dev/nvme0n1p1 rw\n90 22 259:1 / /scratch rw - xfs /dev/nvme1n1 rw\n',
  '/scratch/x': '',
}

/** Three words that both say: what is wrong and what to do about it are two things. */
function shared(text: string, remedy: string): readonly string[] {
  const words = text.split(' ')
  return words
    .map((_, index) => words.slice(index, index + 3).join(' '))
    .filter((three) => three.split(' ').length === 3 && remedy.includes(three))
}

it.each<[string, RowSpec, string, RegExp, RegExp | undefined]>([
  ['an instance of its own', {}, 'ok', /^nobody else owns this instance$/, undefined],
  [
    'a member of a group',
    { instance: { targetLifecycleState: 'InService' } },
    'fault',
    /Auto Scaling group \(InService\)/,
    /Standby/,
  ],
  ['a member of a fleet', { instance: { tags: { 'aws:ec2:fleet-id': 'fleet-1' } } }, 'fault', /fleet-id/, /by itself/],
  [
    'managed by a service',
    { instance: { tags: { 'eks:nodegroup-name': 'n' } } },
    'fault',
    /managed by/,
    /scale it down/,
  ],
  ['Spot', { instance: { lifecycle: 'spot' } }, 'fault', /persistent/, /allow: \[spot\]/],
  ['data on instance store', { files: stores }, 'fault', /lost: \/scratch/, /allow: \[instance-store-data\]/],
  [
    'the same, allowed',
    { files: stores, settings: { allow: ['instance-store-data'] } },
    'ok',
    /given up, as allowed: \/scratch$/,
    undefined,
  ],
  [
    'hibernation that is not ready is told elsewhere',
    { files: { '/var/lib/hibinit-agent/hibernation-enabled': '' } },
    'ok',
    /nobody else/,
    undefined,
  ],
])('%s', async (_name, spec, level, text, remedy) => {
  await using machine = await startRow(spec)
  const found = await ownershipFinding(machine.parts())
  expect(found).toMatchObject({ name: 'owner', level, text: expect.stringMatching(text) })
  if (remedy === undefined) expect(found.remedy).toBeUndefined()
  else expect(found.remedy).toMatch(remedy)
  expect(shared(found.text, found.remedy ?? '')).toEqual([])
  expect(machine.aws.requests.list({ server: 'api' }).filter(({ action }) => action !== 'DescribeTags')).toEqual([])
})

it('is a fault where nobody can tell', async () => {
  await using machine = await startRow()
  const path = '/latest/meta-data/instance-life-cycle'
  machine.aws.faults.add({ server: 'metadata', path, fault: { kind: 'status', status: 500 } })
  const parts: Parts = machine.parts()
  expect(await ownershipFinding(parts)).toMatchObject({
    level: 'fault',
    text: expect.stringContaining('cannot be told'),
  })
})
