/** The disk sensor: which disks count, at what rate they are in use, and by whom. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Disk, type DiskSample, disk, parseDisks, parseIoStat } from '../../agent/sensors/disk.ts'
import { createMachine, fixtureBootId } from '../host/fixture.ts'
import { io, line, plant, sectors, use } from './disk-machine.ts'
import { interval, sample } from './machine.ts'

const namesOf = (text: string): readonly string[] => parseDisks(text).map(({ name }) => name)

describe('the disks that count', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['NVMe, not its partitions', ['nvme0n1', 'nvme0n1p1', 'nvme0n1p14', 'nvme1n1'], ['nvme0n1', 'nvme1n1']],
    ['the eleventh namespace beside the first', ['nvme0n1', 'nvme0n11'], ['nvme0n1', 'nvme0n11']],
    ['SCSI, not its partitions, beyond z too', ['sda', 'sda1', 'sda15', 'sdaa', 'sdaa1'], ['sda', 'sdaa']],
    ['virtio', ['vda', 'vda1', 'vdb'], ['vda', 'vdb']],
    ['Xen', ['xvda', 'xvda1'], ['xvda']],
    ['a Xen disk that has a name like a partition', ['xvda1', 'xvdb'], ['xvda1', 'xvdb']],
    ['a card and its boot parts', ['mmcblk0', 'mmcblk0p1', 'mmcblk0boot0'], ['mmcblk0', 'mmcblk0boot0']],
    ['network block devices', ['rbd0', 'rbd0p1', 'nbd3'], ['rbd0', 'nbd3']],
    ['none in memory', ['loop0', 'loop12', 'ram0', 'zram0', 'sda'], ['sda']],
    ['none that lies on others', ['sda', 'dm-0', 'md127', 'md127p1', 'md_d0', 'bcache0', 'drbd0', 'zd16'], ['sda']],
    ['a multipath disk, not its paths', ['nvme0n1', 'nvme0c0n1', 'nvme0c1n1'], ['nvme0n1']],
    ['none', [], []],
  ])('%s', (_, names, expected) => {
    expect(namesOf(names.map((name) => line(name)).join(''))).toEqual(expected)
  })

  it('are read in sectors of 512 bytes, by column, however many there are', () => {
    for (const columns of [14, 18, 20]) {
      const found = parseDisks(line('sda', { read: 3, written: 5, columns }))
      expect(found).toEqual([{ name: 'sda', id: '8:0', read: 1536, written: 2560 }])
    }
  })

  it.each([
    ['a line that is cut off', line('sda', { columns: 13 })],
    ['an old partition', '   8 1 sda1 1 2 3 4\n'],
    ['text for a number', line('sda').replace(' 2 0 4', ' 2 x 4')],
    ['a negative number', line('sda').replace(' 2 0 4', ' 2 -5 4')],
    ['something else', 'nonsense\n'],
    ['zeros', '\0\0\0\0\n'],
  ])('throws at %s', (_, text) => {
    expect(() => parseDisks(text)).toThrow()
  })

  it('throws or reads, whatever it is given, and never makes up a disk', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        let found: readonly Disk[] = []
        try {
          found = parseDisks(text)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
        for (const { name, read, written } of found)
          expect([text.includes(name), read >= 0, written >= 0]).not.toContain(false)
      }),
    )
  })
})

const quiet = 'debian12-vm-quiet'
describe('the rate', () => {
  it.each<[string, { read?: number; written?: number }, string, string]>([
    ['nothing', { read: 512 }, 'idle', '4 B/s read, 0 B/s written; limit 100.0 kB/s'],
    [
      'the limit',
      { read: 3_999_744, written: 8_000_000 },
      'idle',
      '33.3 kB/s read, 66.7 kB/s written; limit 100.0 kB/s',
    ],
    ['more, read', { read: 12_001_024 }, 'active', 'nvme0n1: 100.0 kB/s read, 0 B/s written, limit 100.0 kB/s'],
    ['more, written', { written: 1.2e9 }, 'active', 'nvme0n1: 0 B/s read, 10.0 MB/s written, limit 100.0 kB/s'],
    [
      'more, together',
      { read: 9e6, written: 9e6 },
      'active',
      'nvme0n1: 75.0 kB/s read, 75.0 kB/s written, limit 100.0 kB/s',
    ],
    ['beyond 2^32', { read: 6e12 }, 'active', 'nvme0n1: 50000.0 MB/s read, 0 B/s written, limit 100.0 kB/s'],
  ])('%s', async (_, bytes, kind, reason) => {
    const machine = createMachine(quiet)
    const reading = await interval(disk, machine, { then: () => use(machine, bytes) })
    expect(reading).toMatchObject({ kind, reason, unit: 'bytes per second', limit: 100_000 })
  })

  it('is over the whole interval, however long', async () => {
    const machine = createMachine(quiet)
    const then = (): void => use(machine, { read: 50_000_000 })
    expect(await interval(disk, machine, { ms: 900_000, then })).toMatchObject({ kind: 'idle', value: 55_555 })
  })
})

describe('disks that come and go', () => {
  const sda = { read: 1000, written: 1000 }
  const much = sectors(1.2e9)
  it.each<[string, string, string, object]>([
    [
      'a new one counts whole',
      line('sda', sda),
      line('sda', sda) + line('sdb', { read: much, id: '8 16' }),
      { kind: 'active', value: 10_000_000 },
    ],
    [
      'one of another number under its name counts whole',
      line('sda', sda),
      line('sda', { read: much, id: '8 32' }),
      { kind: 'active' },
    ],
    [
      'one that vanished does not',
      line('sda', sda) + line('sdb', { read: much, id: '8 16' }),
      line('sda', sda),
      { kind: 'idle', value: 0 },
    ],
    ['none left is unknown', line('sda', sda), '', { kind: 'unknown', reason: 'no disk is left' }],
    ['none ever is absent', line('loop0'), line('loop0', { read: much }), { kind: 'absent', reason: 'no disks' }],
  ])('%s', async (_, before, now, expected) => {
    const machine = createMachine(quiet)
    machine.write('/proc/diskstats', before)
    const then = (): void => machine.write('/proc/diskstats', now)
    expect(await interval(disk, machine, { then })).toMatchObject(expected)
  })

  it('a counter that went back is an error, not a number', async () => {
    const machine = createMachine(quiet)
    machine.write('/proc/diskstats', line('sda', { read: 1000 }))
    const then = (): void => machine.write('/proc/diskstats', line('sda', { read: 999 }))
    await expect(interval(disk, machine, { then })).rejects.toThrow('bytes read from sda went down')
  })

  it('cannot be told where the list is missing, unreadable or no list', async () => {
    const machine = createMachine(quiet)
    machine.write('/proc/diskstats', 'garbage\n')
    await expect(sample(disk, machine)).rejects.toThrow('cut off')
    machine.forbid('/proc/diskstats')
    await expect(sample(disk, machine)).rejects.toThrow('permission denied')
    const without = createMachine(quiet)
    without.remove('/proc/diskstats')
    await expect(sample(disk, without)).rejects.toThrow('absent')
  })

  it('is empty where there are no disks, and an error where there are', async () => {
    const machine = createMachine(quiet)
    machine.write('/proc/diskstats', '')
    expect((await sample(disk, machine)).disks).toEqual([])
    machine.write('/sys/block/nvme0n1/dev', '259:0\n')
    await expect(sample(disk, machine)).rejects.toThrow('/proc/diskstats is empty, although')
  })
})

describe('in a container', () => {
  const mount = '/sys/fs/cgroup'

  it("its host's disks are not its own", async () => {
    const machine = createMachine('container-nspawn')
    const then = (): void => use(machine, { written: 1e12 })
    expect(await interval(disk, machine, { then })).toMatchObject({
      kind: 'absent',
      reason: expect.stringMatching(/^a container: /),
    })
  })

  it('what its own group used is told from the rest', async () => {
    const machine = createMachine('container-nspawn')
    machine.write(
      `${mount}/io.stat`,
      '259:0 rbytes=1000 wbytes=1000 rios=1 wios=1 dbytes=0 dios=0\n253:0 rbytes=9 wbytes=9\n',
    )
    const quietly = (): void => use(machine, { written: 1e12 })
    expect(await interval(disk, machine, { then: quietly })).toMatchObject({ kind: 'idle', value: 0 })
    const then = (): void =>
      machine.write(`${mount}/io.stat`, '259:0 rbytes=1000 wbytes=120001000 rios=1 wios=1 dbytes=0 dios=0\n')
    expect(await interval(disk, machine, { then })).toMatchObject({ kind: 'active', value: 1_000_000 })
  })

  it('one that was made anew counts from its beginning', async () => {
    const machine = createMachine('container-nspawn')
    machine.write(`${mount}/io.stat`, '259:0 rbytes=120000000 wbytes=0\n')
    const first = (one: DiskSample): DiskSample => ({ ...one, ino: one.ino + 1 })
    expect(await interval(disk, machine, { first })).toMatchObject({ kind: 'active', value: 1_000_000 })
    expect(await interval(disk, machine)).toMatchObject({ kind: 'idle', value: 0 })
  })

  const found: readonly Disk[] = [{ name: 'sda', id: '8:0', read: 7, written: 7 }]
  it.each<[string, string, readonly Disk[]]>([
    ['a disk', '8:0 rbytes=5 wbytes=6 rios=1\n', [{ name: 'sda', id: '8:0', read: 5, written: 6 }]],
    ['what lies on it', '253:0 rbytes=5 wbytes=6\n', []],
    ['a disk without figures', '8:0 \n8:0 cost.usage=5\n', []],
    ['nothing', '', []],
  ])('io.stat: %s', (_, text, expected) => {
    expect(parseIoStat(text, found)).toEqual(expected)
  })

  it('io.stat: a number that is none', () => {
    expect(() => parseIoStat('8:0 rbytes=x wbytes=6\n', found)).toThrow('rbytes')
    expect(() => parseIoStat('8:0 rbytes=5\n', found)).toThrow('wbytes')
    for (const noise of ['\u0000\ufffd\n', 'rbytes=5 wbytes=6\n', '8', '8:0rbytes=5'])
      expect(() => parseIoStat(noise, found), noise).toThrow(/not understood|cut off/)
  })
})

describe('what this agent reads and writes itself', () => {
  const agent = { pid: 999_999, comm: 'idle-agent' }

  it.each<[string, number, number, number]>([
    ['a check by cron: all of it', 731_000, 999_999, 0],
    ['one that goes on: what came on top', 5, 700_000_000, 500_000],
  ])('%s', async (_, start, earlier, value) => {
    const machine = createMachine(quiet)
    machine.self = { pid: 999_999, startTicks: start, bootId: fixtureBootId, cpuMs: 0 }
    if (start === 5) plant(machine, { ...agent, start }, io(earlier))
    const reading = await interval(disk, machine, {
      then: () => {
        use(machine, { read: 1.2e8 })
        plant(machine, { ...agent, start }, io(start === 5 ? earlier + 6e7 : 1.2e8))
      },
    })
    expect(reading).toMatchObject({ kind: value === 0 ? 'idle' : 'active', value })
  })

  it('is not taken off where it watches another machine', async () => {
    const machine = createMachine(quiet)
    plant(machine, { ...agent, start: 731_000 }, io(1.2e8))
    const then = (): void => use(machine, { read: 1.2e8 })
    expect(await interval(disk, machine, { then })).toMatchObject({ kind: 'active', value: 1_000_000 })
  })
})
