/** What would be lost with instance store volumes: by model, partition, RAID, LVM, btrfs, Xen's names; and what holds nothing. */
import { describe, expect, it } from 'vitest'
import { dataOnInstanceStore } from '../../agent/clouds/aws-instance-store.ts'
import { parseMounts } from '../../agent/clouds/disk-data.ts'
import { createMemoryHost } from '../host/memory.ts'

const STORE = 'Amazon EC2 NVMe Instance Storage        \n'
const EBS = 'Amazon Elastic Block Store              \n'

const root = {
  '/sys/block/nvme0n1/device/model': EBS,
  '/sys/block/nvme0n1/dev': '259:0\n',
  '/sys/block/nvme0n1/nvme0n1p1/dev': '259:1\n',
}
const rootMount = '22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw\n'
const store = { '/sys/block/nvme1n1/device/model': STORE, '/sys/block/nvme1n1/dev': '259:2\n' }
const second = { '/sys/block/nvme2n1/device/model': STORE, '/sys/block/nvme2n1/dev': '259:3\n' }
const raid = {
  ...store,
  ...second,
  '/sys/block/nvme1n1/holders/md127': '',
  '/sys/block/nvme2n1/holders/md127': '',
  '/sys/block/md127/dev': '9:127\n',
}
const lvm = {
  ...store,
  '/sys/block/nvme1n1/nvme1n1p1/dev': '259:4\n',
  '/sys/block/nvme1n1/nvme1n1p1/holders/dm-0': '',
  '/sys/block/dm-0/dev': '253:0\n',
}

function mounted(device: string, point: string, source: string): string {
  return `${rootMount}90 22 ${device} / ${point} rw,noatime shared:9 - xfs ${source} rw\n`
}

interface Case {
  readonly files: Readonly<Record<string, string>>
  readonly mounts?: string
  readonly swaps?: string
  readonly ephemerals?: readonly string[]
  readonly lost: readonly string[]
}

const cases: Readonly<Record<string, Case>> = {
  'no disks at all': { files: {}, lost: [] },
  'EBS alone': { files: root, lost: [] },
  'a blank volume': { files: { ...root, ...store }, lost: [] },
  'a mounted volume': {
    files: { ...root, ...store, '/data/x': '' },
    mounts: mounted('259:2', '/data', '/dev/nvme1n1'),
    lost: ['/data'],
  },
  'a mounted volume with nothing but lost+found': {
    files: { ...root, ...store, '/data/lost+found/.x': '' },
    mounts: mounted('259:2', '/data', '/dev/nvme1n1'),
    lost: [],
  },
  'a mount point that cannot be seen': {
    files: { ...root, ...store },
    mounts: mounted('259:2', '/data', '/dev/nvme1n1'),
    lost: ['/data'],
  },
  'a blank in the name of the mount point': {
    files: { ...root, ...store, '/my data/x': '' },
    mounts: mounted('259:2', '/my\\040data', '/dev/nvme1n1'),
    lost: ['/my data'],
  },
  'a terminal escape in the name of the mount point': {
    files: { ...root, ...store, '/a\u001b[2J/x': '' },
    mounts: mounted('259:2', '/a\\033[2J', '/dev/nvme1n1'),
    lost: ['/a?[2J'],
  },
  'btrfs, whose device number is its own': {
    files: { ...root, ...store, '/data/x': '' },
    mounts: mounted('0:45', '/data', '/dev/nvme1n1'),
    lost: ['/data'],
  },
  'RAID over two, told once': {
    files: { ...root, ...raid, '/scratch/x': '' },
    mounts: mounted('9:127', '/scratch', '/dev/md127'),
    lost: ['/scratch'],
  },
  'RAID that is not mounted': {
    files: { ...root, ...raid },
    lost: ['nvme1n1, which is divided up but not mounted', 'nvme2n1, which is divided up but not mounted'],
  },
  'LVM on a partition': {
    files: { ...root, ...lvm, '/scratch/x': '' },
    mounts: mounted('253:0', '/scratch', '/dev/mapper/vg-scratch'),
    lost: ['/scratch'],
  },
  'a partition that is not mounted (ZFS has such)': {
    files: { ...root, ...store, '/sys/block/nvme1n1/nvme1n1p9/dev': '259:9\n' },
    lost: ['nvme1n1, which is divided up but not mounted'],
  },
  'swap on the volume': { files: { ...root, ...store }, swaps: '/dev/nvme1n1  partition 4 0 -2\n', lost: [] },
  'swap on its partition': {
    files: { ...root, ...store, '/sys/block/nvme1n1/nvme1n1p1/dev': '259:4\n' },
    swaps: '/dev/nvme1n1p1  partition 4 0 -2\n',
    lost: [],
  },
  'a device mapped on itself': {
    files: { ...root, ...store, '/sys/block/nvme1n1/holders/nvme1n1': '' },
    lost: [],
  },
  "Xen's name for what metadata calls sdb": {
    files: { '/sys/block/xvdb/dev': '202:16\n', '/mnt/x': '' },
    mounts: mounted('202:16', '/mnt', '/dev/xvdb'),
    ephemerals: ['sdb'],
    lost: ['/mnt'],
  },
  'a volume that metadata names and the instance type does not have': {
    files: root,
    ephemerals: ['sdb', 'sdc'],
    lost: [],
  },
}

describe('what would be lost', () => {
  it.each(Object.entries(cases))('%s', async (_name, { files, mounts = rootMount, swaps = '', ephemerals, lost }) => {
    const host = createMemoryHost({
      files: { ...files, '/proc/self/mountinfo': mounts, '/proc/swaps': `Filename Type Size Used Priority\n${swaps}` },
    })
    expect([...(await dataOnInstanceStore(host, ephemerals ?? []))].sort()).toEqual(lost)
  })

  it.each(['/proc/self/mountinfo', '/proc/swaps', '/sys/block/nvme1n1/device/model', '/sys/block'])(
    'nobody knows where %s cannot be read',
    async (path) => {
      const host = createMemoryHost({ files: { ...store, '/proc/self/mountinfo': rootMount, '/proc/swaps': '' } })
      host.files.failing.set(path, 'EIO')
      await expect(dataOnInstanceStore(host, [])).rejects.toThrow(path)
    },
  )

  it.each<[string, string, string | undefined]>([
    ['is missing', '/proc/self/mountinfo', undefined],
    ['is empty', '/proc/self/mountinfo', ''],
    ['means nothing', '/proc/self/mountinfo', '\u0000\u0001 - x\n'],
    ['is cut off', '/proc/self/mountinfo', mounted('259:2', '/data', '/dev/nvme1n1').slice(0, -60)],
    ['is missing', '/sys/block/nvme1n1/device/model', undefined],
    ['is empty', '/sys/block/nvme1n1/device/model', '\n'],
    ['means nothing', '/sys/block/nvme1n1/device/model', '\u0000\ufffd\n'],
  ])('nobody knows where one %s: %s', async (_, path, text) => {
    const host = createMemoryHost({ files: { ...root, ...store, '/proc/self/mountinfo': rootMount, '/data/x': '' } })
    if (text === undefined) host.files.remove(path)
    else host.files.write(path, text)
    await expect(dataOnInstanceStore(host, [])).rejects.toThrow(path)
  })
})

it('lines of mountinfo that are none are passed over', () => {
  expect(parseMounts(`\nnonsense\n${rootMount}`)).toEqual([{ device: '259:1', point: '/', source: '/dev/nvme0n1p1' }])
})
