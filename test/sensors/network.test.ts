/** The network sensor: which interfaces count, and at what rate they are in use. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { network, parseInterfaces } from '../../agent/sensors/network.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { interval, sample } from './machine.ts'

const heading =
  'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n'

interface Link {
  readonly name: string
  readonly received?: number
  readonly sent?: number
  readonly index?: number
  readonly device?: boolean
  readonly bridge?: boolean
  readonly down?: boolean
  readonly master?: string
}

/** Gives the machine these interfaces instead of its own. */
function plug(machine: Machine, links: readonly Link[]): void {
  machine.remove('/sys/class/net')
  const line = ({ name, received = 0, sent = 0 }: Link) => `${name}:${received} 0 0 0 0 0 0 0 ${sent} 0 0 0 0 0 0 0\n`
  machine.write('/proc/net/dev', heading + links.map(line).join(''))
  for (const [position, { name, index = position + 1, ...link }] of links.entries()) {
    machine.write(`/sys/class/net/${name}/ifindex`, `${index}\n`)
    machine.write(`/sys/class/net/${name}/operstate`, link.down === true ? 'down\n' : 'up\n')
    if (link.device === true) machine.write(`/sys/class/net/${name}/device/uevent`, '')
    if (link.bridge === true) machine.write(`/sys/class/net/${name}/bridge/stp_state`, '0\n')
    if (link.master !== undefined) machine.link(`/sys/class/net/${name}/master`, `../../${link.master}`)
  }
}

async function counted(links: readonly Link[]): Promise<readonly string[]> {
  const machine = createMachine('debian12-vm-quiet')
  plug(machine, links)
  return (await sample(network, machine)).interfaces.map(({ name }) => name)
}

describe('the interfaces that count', () => {
  it.each<[string, readonly Link[], readonly string[]]>([
    [
      'a device, not lo, ifb or a bridge',
      [{ name: 'lo' }, { name: 'ifb0' }, { name: 'eth0', device: true }, { name: 'docker0', bridge: true }],
      ['eth0'],
    ],
    [
      'a device behind a bridge',
      [
        { name: 'eth0', device: true, master: 'br0' },
        { name: 'br0', bridge: true },
      ],
      ['eth0'],
    ],
    [
      'both parts of a bond',
      [
        { name: 'bond0' },
        { name: 'eth0', device: true, master: 'bond0' },
        { name: 'eth1', device: true, master: 'bond0' },
      ],
      ['eth0', 'eth1'],
    ],
    [
      "Azure's pair once",
      [
        { name: 'eth0', device: true },
        { name: 'enP1s1', device: true, master: 'eth0' },
      ],
      ['eth0'],
    ],
    ["a container's veth", [{ name: 'lo' }, { name: 'eth0' }], ['eth0']],
    [
      "a container's veth, not the bridge within or its ports",
      [{ name: 'eth0' }, { name: 'docker0', bridge: true }, { name: 'veth1', master: 'docker0' }],
      ['eth0'],
    ],
    [
      "a container's bridge, if nothing else is left",
      [
        { name: 'br0', bridge: true },
        { name: 'host0', master: 'br0' },
      ],
      ['br0'],
    ],
    ['none that is down in a container', [{ name: 'eth0' }, { name: 'tun0', down: true }], ['eth0']],
    ['none but lo', [{ name: 'lo' }], []],
  ])('%s', async (_, links, expected) => {
    expect(await counted(links)).toEqual(expected)
  })

  it('are all but lo where there is no /sys', async () => {
    const machine = createMachine('container-nspawn')
    machine.remove('/sys')
    expect((await sample(network, machine)).interfaces).toEqual([
      { name: 'host0', index: 0, received: 5_000_000, sent: 700_000 },
    ])
  })

  it('are also those that a /sys of another network does not show', async () => {
    const machine = createMachine('debian12-vm-quiet')
    plug(machine, [{ name: 'eth0', device: true }, { name: 'net1' }])
    machine.remove('/sys/class/net/net1')
    expect((await sample(network, machine)).interfaces.map(({ name }) => name)).toEqual(['eth0', 'net1'])
  })
})

describe('network', () => {
  it('is idle on a quiet machine', async () => {
    const reading = await interval(network, createMachine('debian12-vm-quiet'))
    const reason = '0 B/s in, 0 B/s out; limits 10.0 kB/s and 5.0 kB/s'
    expect(reading).toEqual({ kind: 'idle', reason, value: 0, unit: 'bytes per second', limit: 10_000 })
  })

  it.each([
    ['at the limit in', 1_200_000, 0, 'idle', '10.0 kB/s in, 0 B/s out; limits 10.0 kB/s and 5.0 kB/s'],
    ['over the limit in', 12_000_000, 0, 'active', 'ens5 received 100.0 kB/s, limit 10.0 kB/s'],
    ['at the limit out', 0, 600_000, 'idle', '0 B/s in, 5.0 kB/s out; limits 10.0 kB/s and 5.0 kB/s'],
    ['a byte over the limit out', 0, 600_001, 'active', 'ens5 sent 5.0 kB/s, limit 5.0 kB/s'],
    ['beyond 2^32', 6e11, 0, 'active', 'ens5 received 5000.0 MB/s, limit 10.0 kB/s'],
  ])('%s', async (_, received, sent, kind, reason) => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => {
      if (received > 0) machine.edit('/proc/net/dev', 'ens5: 81000000', `ens5: ${81_000_000 + received}`)
      if (sent > 0) machine.edit('/proc/net/dev', ' 9100000 ', ` ${9_100_000 + sent} `)
    }
    expect(await interval(network, machine, { then })).toMatchObject({ kind, reason })
  })

  it('does not count loopback', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => machine.edit('/proc/net/dev', 'lo: 90000', 'lo: 90000000000')
    expect(await interval(network, machine, { then })).toMatchObject({ kind: 'idle' })
  })

  const eth = { name: 'eth0', device: true, received: 5_000_000 }
  it.each<[string, readonly Link[], readonly Link[], object]>([
    [
      'a new interface counts whole',
      [eth],
      [eth, { name: 'eth1', device: true, received: 2_400_000 }],
      { kind: 'active', reason: 'eth1 received 20.0 kB/s, limit 10.0 kB/s' },
    ],
    [
      'one made anew under its name counts whole',
      [eth],
      [{ ...eth, index: 9, received: 2_400_000 }],
      { kind: 'active', value: 20_000 },
    ],
    ['one that vanished does not', [eth, { name: 'eth1', device: true, received: 9e9 }], [eth], { kind: 'idle' }],
    ['none left is unknown', [eth], [{ name: 'lo' }], { kind: 'unknown', reason: 'no network interface is left' }],
    ['none ever is absent', [{ name: 'lo' }], [{ name: 'lo' }], { kind: 'absent' }],
  ])('%s', async (_, before, now, expected) => {
    const machine = createMachine('debian12-vm-quiet')
    plug(machine, before)
    expect(await interval(network, machine, { then: () => plug(machine, now) })).toMatchObject(expected)
  })

  describe('an interface of a container that goes while it is looked at', () => {
    const path = '/sys/class/net/veth9'

    /** A quiet machine on which `veth9` with a gigabyte behind it goes at the first look at `at`, in the way of the kernel. */
    function going(at: string, look: 'gone' | 'refused'): Machine {
      const machine = createMachine('debian12-vm-quiet')
      plug(machine, [eth, { name: 'veth9', received: 1e9 }])
      if (look === 'gone' && at === path) machine.remove(path)
      const host = machine.host()
      const end = <T>(asked: string, answer: () => Promise<T>): Promise<T | undefined> => {
        if (asked !== at) return answer()
        plug(machine, [eth])
        if (look === 'refused') throw new HostError(`cannot read ${at}: EINVAL`)
        return Promise.resolve(undefined)
      }
      const dying = {
        ...host,
        list: (asked: string) => end(asked, () => host.list(asked)),
        readText: (asked: string) => end(asked, () => host.readText(asked)),
      }
      return { ...machine, host: () => dying }
    }

    it.each<[string, string, 'gone' | 'refused']>([
      ['before its folder is listed', path, 'gone'],
      ['before its index is read', `${path}/ifindex`, 'gone'],
      ['while its index is read', `${path}/ifindex`, 'refused'],
      ['while its state is read', `${path}/operstate`, 'refused'],
    ])('%s does not count', async (_, at, look) => {
      expect((await sample(network, going(at, look))).interfaces.map(({ name }) => name)).toEqual(['eth0'])
    })

    it('is an error where it stays', async () => {
      const machine = createMachine('debian12-vm-quiet')
      plug(machine, [eth, { name: 'veth9' }])
      machine.forbid(`${path}/ifindex`)
      await expect(sample(network, machine)).rejects.toThrow('permission denied')
    })
  })

  it('adds up its interfaces and names the largest', async () => {
    const machine = createMachine('debian12-vm-quiet')
    plug(machine, [eth, { name: 'eth1', device: true }])
    const then = () =>
      plug(machine, [
        { ...eth, received: 5_700_000 },
        { name: 'eth1', device: true, received: 800_000 },
      ])
    expect(await interval(network, machine, { then })).toMatchObject({
      kind: 'active',
      value: 12_500,
      reason: expect.stringMatching(/^eth1 /),
    })
  })

  it('is unknown when a counter went down', async () => {
    const machine = createMachine('debian12-vm-quiet')
    const then = () => machine.edit('/proc/net/dev', 'ens5: 81000000', 'ens5: 80999999')
    await expect(interval(network, machine, { then })).rejects.toThrow('bytes received by ens5 went down')
  })
})

describe('what cannot be understood is an error', () => {
  it.each<[string, string, (machine: Machine) => void]>([
    ['no /proc/net/dev', 'absent', (machine) => machine.remove('/proc/net/dev')],
    ['empty', 'heading', (machine) => machine.write('/proc/net/dev', '')],
    ['garbage', 'heading', (machine) => machine.write('/proc/net/dev', '\0\u0001')],
    ['cut off in a line', 'cut off', (machine) => machine.write('/proc/net/dev', `${heading}eth0: 1 2 3`)],
    ['cut off in a name', 'cut off', (machine) => machine.write('/proc/net/dev', `${heading}  eth`)],
    [
      'without a name',
      'cut off',
      (machine) => machine.write('/proc/net/dev', `${heading}: 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n`),
    ],
    ['beyond 2^53', '2^53', (machine) => machine.edit('/proc/net/dev', '81000000', '9007199254740993')],
    ['not a number', 'whole number', (machine) => machine.edit('/proc/net/dev', '81000000', '8.1e7')],
    ['10 MB', 'larger', (machine) => machine.write('/proc/net/dev', heading + 'x'.repeat(10_000_000))],
    ['an index that is none', 'index of ens5', (machine) => machine.write('/sys/class/net/ens5/ifindex', 'two\n')],
    ['an index that is empty', 'index of ens5', (machine) => machine.write('/sys/class/net/ens5/ifindex', '')],
  ])('%s', async (_, message, damage) => {
    const machine = createMachine('debian12-vm-quiet')
    damage(machine)
    await expect(sample(network, machine)).rejects.toThrow(message)
  })

  it('parseInterfaces gives whole numbers or throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((text) => `${heading}eth0: ${text}\n`),
        ),
        (text) => {
          try {
            for (const { received, sent } of parseInterfaces(text))
              expect(Number.isSafeInteger(received + sent)).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        },
      ),
      { seed: 5, numRuns: 1000 },
    )
  })
})
