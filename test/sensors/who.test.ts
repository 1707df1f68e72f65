/** Who it was: user, session, unit or container, and for how long; never a name or an argument. */
import { describe, expect, it } from 'vitest'
import { attributed } from '../../agent/check/attribution.ts'
import type { Host } from '../../agent/host/host.ts'
import { groupPath, ownerOf, placeOf } from '../../agent/sensors/place.ts'
import type { Known } from '../../agent/state.ts'
import type { Culprit } from '../../agent/types/culprit.ts'
import { createMachine } from '../host/fixture.ts'

const id = '3f2a9c01d4e5'.padEnd(64, '0')

// SOURCE: written from kernel.md 1.3 (systemd.special(7), container engines' cgroup drivers).
it.each<[path: string, place: string | undefined, owner?: number]>([
  ['/user.slice/user-1000.slice/session-12.scope', 'session 12', 1000],
  ['/user.slice/user-0.slice/session-c1.scope', 'session c1', 0],
  ['/user.slice/user-1000.slice/user@1000.service/app.slice/jupyter.service', 'jupyter.service', 1000],
  ['/user.slice/user-1000.slice/user@1000.service/init.scope', 'init.scope', 1000],
  [
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container`,
    'container 3f2a9c01d4e5',
    1000,
  ],
  [`/system.slice/docker-${id}.scope`, 'container 3f2a9c01d4e5'],
  [`/docker/${id}`, 'container 3f2a9c01d4e5'],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-${id}.scope`,
    'container 3f2a9c01d4e5',
  ],
  [`/kubepods/burstable/pod1-2/${id}`, 'container 3f2a9c01d4e5'],
  ['/lxc.payload.web/system.slice/nginx.service', 'container web'],
  ['/system.slice/cron.service', 'cron.service'],
  ['/system.slice/system-getty.slice/getty@tty1.service', 'getty@tty1.service'],
  ['/system.slice/run-r1a2b.scope', 'run-r1a2b.scope'],
  // What a user chose to call a group.
  ['/user.slice/user-1000.slice/user@1000.service/app.slice/run --token=1.service', 'user@1000.service', 1000],
  [`/user.slice/user-1000.slice/user@1000.service/${'x'.repeat(90)}.scope`, 'user@1000.service', 1000],
  ['/user.slice/user-1000.slice/user@1000.service/\u001b[2Jx.scope', 'user@1000.service', 1000],
  ['/user.slice/user-1000.slice/session-12; uid 0.scope', undefined, 1000],
  ['/', undefined],
  ['', undefined],
])('of %s', (path, place, owner) => {
  expect([placeOf(path), ownerOf(path)]).toEqual([place, owner])
})

it.each([
  ['unified', '0::/system.slice/cron.service\n', '/system.slice/cron.service'],
  ['hybrid', '12:cpu,cpuacct:/x\n1:name=systemd:/user.slice/a\n0::/user.slice/a\n', '/user.slice/a'],
  ['version 1', '4:memory:/x\n1:name=systemd:/system.slice/sshd.service\n', '/system.slice/sshd.service'],
  ['unified, and everybody in the root', '1:name=systemd:/system.slice/a.service\n0::/\n', '/system.slice/a.service'],
  ['no systemd', '0::/\n', undefined],
  ['nothing', '', undefined],
])('the path of a process: %s', (_, text, path) => {
  expect(groupPath(text)).toBe(path)
})

describe('a reading', () => {
  const rate = { kind: 'active', reason: 'python3 (pid 4242): 0.97 cores, limit 0.10', value: 0.97 } as const
  const named = { pid: 4242, named: true } as const

  function worker() {
    const machine = createMachine('debian12-vm-busy-thread-2')
    machine.write('/proc/4242/cgroup', '0::/user.slice/user-1000.slice/session-12.scope\n')
    machine.write('/proc/4242/status', 'Name:\tpython3\nUid:\t1000\t1000\t1000\t1000\n')
    return machine
  }

  function name(
    host: Host,
    by: Culprit,
    more: { now?: number; before?: Known; reading?: typeof rate | { kind: 'active'; reason: string } } = {},
  ) {
    const { now = 7_200_000, before, reading = rate } = more
    const deadline = () => ({ signal: new AbortController().signal, clear: () => {} })
    return attributed({ ...host, deadline }, { reading, by }, { now, ms: 120_000, before })
  }

  it('says the user, the session and the time, which grows while it is the same process', async () => {
    const machine = worker()
    const first = await name(machine.host(), named)
    expect(first.reading.reason).toBe('uid 1000, session 12, python3 (pid 4242): 0.97 cores for 2 min, limit 0.10')
    const later = await name(machine.host(), named, {
      now: 8_040_000,
      ...(first.known === undefined ? {} : { before: first.known }),
    })
    expect(later.reading.reason).toContain('(pid 4242): 0.97 cores for 16 min, limit 0.10')
    const other = await name(machine.host(), named, { now: 8_040_000, before: { key: '4242:1', since: 0 } })
    expect(other.reading.reason).toContain('0.97 cores for 2 min')
  })

  it('that happened at a moment has no duration', async () => {
    const reading = { kind: 'active', reason: 'new ssh session (pid 4242) 3 s ago' } as const
    const { reading: told } = await name(worker().host(), { pid: 4242 }, { reading })
    expect(told.reason).toBe('uid 1000, session 12: new ssh session (pid 4242) 3 s ago')
  })

  it.each<[what: string, by: Culprit, reason: string]>([
    ['a process that is gone', { pid: 9999, named: true }, 'python3 (pid 4242): 0.97 cores for 2 min, limit 0.10'],
    ['a group', { group: '/user.slice/user-1000.slice', named: true }, 'uid 1000, python3 (pid'],
    ['a service', { group: '/system.slice/cron.service', named: true }, 'cron.service, python3 (pid'],
    ['a terminal that nobody has any more', { tty: 34_816, uid: 1000 }, 'uid 1000: python3 (pid'],
  ])('of %s', async (_, by, reason) => {
    expect((await name(worker().host(), by)).reading.reason).toContain(reason)
  })

  it('stays as it is where nobody may look', async () => {
    const machine = worker()
    machine.forbid('/proc/4242/cgroup')
    expect(await name(machine.host(), named)).toEqual({ reading: rate })
  })
})
