// What the names of instance types tell, beside what EC2 says of each: the answers of DescribeInstanceTypes that moto holds.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { instanceSize } from '../../provisioning/sizes.ts'

const reader = `
import gzip, json, os, sys, moto.ec2
path = os.path.join(os.path.dirname(moto.ec2.__file__), 'resources', 'instance_types.json.gz')
types = json.load(gzip.open(path))
json.dump([{'name': name, 'hibernates': one['HibernationSupported'], 'gib': one['MemoryInfo']['SizeInMiB'] / 1024,
  'arms': one['ProcessorInfo']['SupportedArchitectures'], 'hypervisor': one.get('Hypervisor')} for name, one in types.items()], sys.stdout)
`

interface Known {
  readonly name: string
  readonly hibernates: boolean
  readonly gib: number
  readonly arms: readonly string[]
  readonly hypervisor: string | null
}

function known(): readonly Known[] {
  const { stdout, status } = spawnSync('python3', ['-c', reader], { encoding: 'utf8', maxBuffer: 64_000_000 })
  return status === 0 ? (JSON.parse(stdout) as readonly Known[]) : []
}

const types = known()
if (types.length === 0) process.stderr.write('SKIPPED: moto is not here, and with it what EC2 says of instance types\n')

/** Apple's, and what only i386 Linux runs on. */
const ours = types.filter(({ name, arms }) => !name.startsWith('mac') && arms.some((one) => one !== 'i386'))

test.skipIf(types.length === 0)('every instance type can be read, with its architecture', () => {
  const wrong = ours.filter(({ name, arms }) => {
    const architecture = instanceSize(name)?.architecture
    return architecture === undefined || !arms.includes(architecture === 'x64' ? 'x86_64' : 'arm64')
  })
  expect(wrong.map(({ name }) => name)).toEqual([])
})

test.skipIf(types.length === 0)('none is launched for hibernation that EC2 would refuse', () => {
  const wrong = ours.filter(({ name, hibernates }) => {
    const size = instanceSize(name)
    return size?.hibernates === true && (size.memoryGib ?? 0) < 150 && !hibernates
  })
  // 96 GiB, and refused all the same: doctor and the launch tell.
  expect(wrong.map(({ name }) => name)).toEqual(['c6a.12xlarge'])
})

test.skipIf(types.length === 0)('the memory is at least what there is, and little more', () => {
  const wrong = ours.filter(({ name, gib }) => {
    const size = instanceSize(name)
    if (size?.hibernates !== true) return false
    return size.memoryGib === undefined || size.memoryGib < gib || size.memoryGib > gib * 1.25
  })
  expect(wrong.map(({ name }) => name)).toEqual([])
})

test.skipIf(types.length === 0)('Xen is told where it matters: its metadata shows old tags', () => {
  const wrong = ours.filter(({ name, hypervisor }) => hypervisor === 'xen' && instanceSize(name)?.xen !== true)
  expect(wrong.map(({ name }) => name)).toEqual([])
})
