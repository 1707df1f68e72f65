/** The control groups of a scenario's machine (cgroup-v2.rst): what each has used, and which are there. */
import type { FrameWriter } from './frame.ts'
import { inodeOf } from './frame.ts'
import { type Life, usedMs } from './lives.ts'
import { total } from './times.ts'
import type { World } from './world.ts'

/** Lines of /proc/self/mountinfo that every machine has. */
const mounts = [
  '22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw,discard',
  '23 22 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw',
  '24 22 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw',
  '26 25 0:23 / /dev/pts rw,nosuid,noexec,relatime shared:3 - devpts devpts rw,gid=5,mode=620,ptmxmode=000',
]
const version2 = (point: string) =>
  `28 23 0:25 / ${point} rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw`
const version1 = [
  '26 22 0:24 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:4 - tmpfs tmpfs ro,mode=755',
  '27 26 0:26 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:5 - cgroup cgroup rw,xattr,name=systemd',
  '33 26 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:10 - cgroup cgroup rw,cpu,cpuacct',
]

export function writeMounts(out: FrameWriter, world: World): void {
  const lines = {
    v2: [...mounts, version2('/sys/fs/cgroup')],
    hybrid: [...mounts, ...version1, version2('/sys/fs/cgroup/unified')],
    v1: [...mounts, ...version1],
    none: mounts,
  }[world.model.cgroup]
  out.file('/proc/self/mountinfo', `${lines.join('\n')}\n`)
}

/** When the group that is there now was made: after the last moment at which nobody was in it. */
function madeAt(lives: readonly Life[], atMs: number): number {
  const sorted = [...lives].filter(({ fromMs }) => fromMs <= atMs).sort((a, b) => a.fromMs - b.fromMs)
  let [made, until] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { fromMs, untilMs } of sorted) {
    if (fromMs >= until) made = fromMs
    until = Math.max(until, untilMs)
  }
  return made
}

const slices = new Set(['user.slice', 'system.slice', 'init.scope'])

function parents(group: string): readonly string[] {
  const parts = group.split('/')
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** The tree of version 2: in a group that nobody is in any more only its ancestors remember what was used. */
export function writeGroups(out: FrameWriter, world: World, atMs: number): void {
  const { cgroup } = world.model
  if (cgroup === 'v1' || cgroup === 'none') return
  const mount = cgroup === 'v2' ? '/sys/fs/cgroup' : '/sys/fs/cgroup/unified'
  const boot = world.clockwork.bootAt(atMs)
  const lives = Map.groupBy(
    world.lives.filter((life) => life.boot === boot),
    (life) => world.groupOf(life),
  )
  const usage = new Map<string, number>()
  const there = new Set<string>(slices)
  const add = (group: string, ms: number) => usage.set(group, (usage.get(group) ?? 0) + ms)
  for (const [group, members] of lives) {
    if (group === '') continue
    const made = madeAt(members, atMs)
    const lives = members.some(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs)
    if (lives) for (const one of [...parents(group), group]) there.add(one)
    for (const life of members) {
      const { own, ended } = usedMs(life, atMs)
      for (const one of parents(group)) add(one, own + ended)
      if (life.fromMs >= made) add(group, own + ended)
    }
  }
  for (const { cores, group } of world.of('cpu')) {
    if (group === undefined) continue
    for (const one of [...parents(group), group]) add(one, total(cores, boot.fromMs, atMs) * 1000)
  }
  const agent = world.agentMs(atMs)
  for (const one of ['system.slice', 'system.slice/cron.service']) add(one, agent.ended + agent.own)
  out.file(`${mount}/cgroup.controllers`, 'cpuset cpu io memory hugetlb pids\n')
  out.file(`${mount}/cpu.stat`, cpuStat(world.busyMs(atMs)))
  for (const group of there) {
    const made = madeAt(lives.get(group) ?? [], atMs)
    out.directory(`${mount}/${group}`, { dev: 25, ino: (inodeOf(group) + Math.max(0, Math.floor(made / 1000))) % 1e7 })
    out.file(`${mount}/${group}/cpu.stat`, cpuStat(usage.get(group) ?? 0))
    out.file(`${mount}/${group}/cgroup.events`, 'populated 1\nfrozen 0\n')
  }
}

function cpuStat(ms: number): string {
  const us = Math.floor(ms * 1000)
  return `usage_usec ${us}\nuser_usec ${us - Math.floor(us / 5)}\nsystem_usec ${Math.floor(us / 5)}\n`
}
