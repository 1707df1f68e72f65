/** /proc of processes and of the machine as a whole, as Linux 6.1 prints it (proc_pid_stat(5), proc_pid_io(5), proc_stat(5)). */
import type { FileStat } from '../../../agent/host/host.ts'
import type { FrameWriter } from './frame.ts'
import type { Life } from './lives.ts'
import { total } from './times.ts'
import type { World } from './world.ts'

const TICK_MS = 10
const terminalFacts = { dev: 24, mode: 0o620, nlink: 1, size: 0 } as const

interface Seat {
  readonly pgrp: number
  readonly session: number
  readonly ttyNr: number
  readonly tpgid: number
}

/** Group, session and terminal of each process at a moment. */
function seats(world: World, alive: readonly Life[], atMs: number): ReadonlyMap<Life, Seat> {
  const found = new Map<Life, Seat>()
  const lineOf = (life: Life) => {
    const line = life.program.tty === undefined ? undefined : world.line(life.program.tty)
    return line !== undefined && world.isThere(line.pty, atMs) ? line : undefined
  }
  const front = new Map<string, number>()
  const base = (life: Life): Pick<Seat, 'pgrp' | 'session'> => {
    const { leads, job, parent } = life.program
    if (leads === true) return { pgrp: life.pid, session: life.pid }
    const above =
      parent === undefined ? undefined : world.lives.find((one) => one.program.id === parent && one.boot === life.boot)
    const theirs = above === undefined ? { pgrp: life.pid, session: life.pid } : base(above)
    return job === true ? { pgrp: life.pid, session: theirs.session } : theirs
  }
  for (const life of alive) {
    const { tty, job, leads, background } = life.program
    if (tty === undefined || background === true) continue
    const known = front.get(tty)
    // The youngest job is in front, else the shell.
    if (job === true || (leads === true && known === undefined)) front.set(tty, base(life).pgrp)
  }
  for (const life of alive) {
    const line = lineOf(life)
    const tpgid =
      line === undefined || life.program.tty === undefined ? -1 : (front.get(life.program.tty) ?? base(life).pgrp)
    found.set(life, { ...base(life), ttyNr: line?.rdev ?? 0, tpgid })
  }
  return found
}

function statLine(one: {
  readonly pid: number
  readonly comm: string
  readonly state: string
  readonly ppid: number
  readonly seat: Seat
  readonly own: number
  readonly ended: number
  readonly start: number
}): string {
  const { pgrp, session, ttyNr, tpgid } = one.seat
  const ticks = (ms: number): readonly [number, number] => {
    const all = Math.floor(ms / TICK_MS)
    const system = Math.floor(all / 5)
    return [all - system, system]
  }
  return (
    `${one.pid} (${one.comm}) ${one.state} ${one.ppid} ${pgrp} ${session} ${ttyNr} ${tpgid} 4194560 1523 0 3 0 ` +
    `${ticks(one.own).join(' ')} ${ticks(one.ended).join(' ')} 20 0 1 0 ${one.start} 12345344 1024 18446744073709551615 ` +
    '1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n'
  )
}

function status(comm: string, pid: number, of: { ppid: number; uid: number; state: string; switches: number }): string {
  const { ppid, uid, state, switches } = of
  const words = { S: 'S (sleeping)', D: 'D (disk sleep)', Z: 'Z (zombie)', R: 'R (running)' }
  const [, word = words.S] = Object.entries(words).find(([key]) => key === state) ?? []
  return (
    `Name:\t${comm}\nUmask:\t0022\nState:\t${word}\nTgid:\t${pid}\nPid:\t${pid}\nPPid:\t${ppid}\n` +
    `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\nGid:\t${uid}\t${uid}\t${uid}\t${uid}\nThreads:\t1\n` +
    `voluntary_ctxt_switches:\t${switches}\nnonvoluntary_ctxt_switches:\t2\n`
  )
}

function io(world: World, life: Life, atMs: number): string {
  const { program, fromMs } = life
  const end = Math.min(atMs, life.untilMs)
  const bytes = (load: Parameters<typeof total>[0]) => Math.floor(total(load, fromMs, Math.max(fromMs, end)))
  const socket = world.of('socket').find((one) => one.id === program.socket)
  const [received, sent] = socket === undefined ? [0, 0] : world.bytesOf(socket, atMs)
  let [read, written] = [bytes(program.reads ?? 0), bytes(program.writes ?? 0)]
  for (const child of world.reapedBy(life, atMs)) {
    read += Math.floor(total(child.program.reads ?? 0, child.fromMs, child.untilMs))
    written += Math.floor(total(child.program.writes ?? 0, child.fromMs, child.untilMs))
  }
  const chars = bytes(program.chars ?? 0)
  return (
    `rchar: ${4000 + chars + received + read}\nwchar: ${900 + sent + written}\nsyscr: 40\nsyscw: 12\n` +
    `read_bytes: ${read}\nwrite_bytes: ${written}\ncancelled_write_bytes: 0\n`
  )
}

function cgroupText(world: World, group: string): string {
  const path = group === '' ? '/' : `/${group}`
  if (world.model.cgroup === 'v2') return `0::${path}\n`
  if (world.model.cgroup === 'none') return ''
  const v1 = `12:cpu,cpuacct:${path.split('/').slice(0, 2).join('/')}\n1:name=systemd:${path}\n`
  return world.model.cgroup === 'hybrid' ? `${v1}0::${path}\n` : v1
}

function titleOf(world: World, { program }: Life): string {
  const terminal = world.of('socket').find(({ id }) => id === program.socket)?.carries
  const line = terminal === undefined ? undefined : world.line(terminal)
  const words = program.argv ?? [program.comm]
  const named = words.map((word) => (line === undefined ? word : word.replace('TERMINAL', `pts/${line.number}`)))
  return named.length === 0 ? '' : `${named.join('\0')}\0`
}

function writeProcess(
  out: FrameWriter,
  world: World,
  life: Life,
  known: { seat: Seat; ppid: number; atMs: number },
): void {
  const { program, pid, boot } = life
  const { seat, ppid, atMs } = known
  const folder = `/proc/${pid}`
  const { own, ended } = world.accounts(life, atMs)
  const state =
    program.state === 'Z' && atMs >= life.untilMs ? 'Z' : program.state === 'Z' ? 'S' : (program.state ?? 'S')
  const start = life.fromMs === boot.fromMs + 4000 && pid === 1 ? 2 : world.clockwork.ticksAt(life.fromMs)
  const { comm, uid = 0 } = program
  out.directory(folder, { uid, ino: 1_000_000 + pid })
  out.file(`${folder}/stat`, statLine({ pid, comm, state, ppid, seat, own, ended, start }))
  const switches = 20 + Math.floor((own + ended) / 4) + Math.floor(total(program.wakes ?? 0.001, life.fromMs, atMs))
  out.file(`${folder}/status`, status(comm, pid, { ppid, uid, state, switches }))
  out.file(`${folder}/task/${pid}/status`, status(comm, pid, { ppid, uid, state, switches }))
  out.file(`${folder}/comm`, `${comm}\n`)
  out.file(`${folder}/cmdline`, state === 'Z' ? '' : titleOf(world, life))
  out.file(`${folder}/cgroup`, cgroupText(world, world.groupOf(life)))
  if (state !== 'Z') out.file(`${folder}/io`, io(world, life, atMs))
  if (program.listens !== undefined || program.display !== undefined) {
    // One that is accepted has state 03 and the name of the one it came by (af_unix.c).
    const socket = `0000000000000000: 00000003 00000000 00000000 0001 03 ${50_000 + pid} @/tmp/.X11-unix/X${program.display}\n`
    const sockets = program.display === undefined ? '' : socket
    out.file(`${folder}/net/unix`, `Num       RefCount Protocol Flags    Type St Inode Path\n${sockets}`)
  }
  if (program.wchan !== undefined) out.file(`${folder}/wchan`, program.wchan(atMs / 60_000))
  writeDescriptors(out, world, { life, atMs })
}

function writeDescriptors(out: FrameWriter, world: World, { life, atMs }: { life: Life; atMs: number }): void {
  const { program, pid } = life
  const folder = `/proc/${pid}/fd`
  const line = program.tty === undefined ? undefined : world.line(program.tty)
  if (line !== undefined && world.isThere(line.pty, atMs)) {
    for (const descriptor of ['0', '1', '2']) {
      out.links[`${folder}/${descriptor}`] = line.path ?? `/${line.number}`
      out.stats[`${folder}/${descriptor}`] = terminalStat(world, line, atMs)
    }
  } else {
    for (const descriptor of ['0', '1', '2']) out.links[`${folder}/${descriptor}`] = '/dev/null'
  }
  const socket = world.of('socket').find(({ id }) => id === program.socket)
  if (program.listens !== undefined) out.links[`${folder}/5`] = `socket:[${40_000 + program.listens}]`
  if (program.display !== undefined) out.links[`${folder}/6`] = `socket:[${50_000 + pid}]`
  if (socket !== undefined) out.links[`${folder}/4`] = `socket:[${world.inodeOf(socket)}]`
}

/** Facts of a terminal's device. */
export function terminalStat(world: World, line: World['lines'][number], atMs: number): FileStat {
  const { pty, rdev } = line
  return {
    ...terminalFacts,
    kind: 'character',
    ...{ dev: pty.of === 'apart' ? 77 : pty.of === 'ttyS0' ? 5 : 24, rdev, uid: pty.uid },
    ino: pty.of === 'ttyS0' ? 89 : 3 + line.number,
    atimeMs: world.stamp(line, world.typedOn(pty), atMs),
    mtimeMs: world.stamp(line, world.printedOn(pty), atMs),
    ctimeMs: world.madeAt(line, atMs),
  }
}

/** Every process, and this check's own. */
export function writeProcesses(out: FrameWriter, world: World, atMs: number): void {
  const alive = world.alive(atMs)
  const where = seats(world, alive, atMs)
  for (const life of alive) {
    const seat = where.get(life)
    if (seat === undefined) continue
    writeProcess(out, world, life, { seat, ppid: world.parentOf(life, atMs)?.pid ?? 0, atMs })
  }
  const { pid, fromMs } = world.check
  const cron = world.lifeOf('cron', atMs)?.pid ?? 1
  const seat = { pgrp: pid, session: pid, ttyNr: 0, tpgid: -1 }
  const mine = { pid, comm: 'idle-agent', state: 'R', ppid: cron, seat, own: world.agentMs(atMs).own, ended: 0 }
  out.file(`/proc/${pid}/stat`, statLine({ ...mine, start: world.clockwork.ticksAt(fromMs) }))
  out.file(`/proc/${pid}/status`, status('idle-agent', pid, { ppid: cron, uid: 0, state: 'R', switches: 9 }))
  out.file(`/proc/${pid}/cmdline`, 'idle-agent\0check\0--act\0')
  out.file(
    `/proc/${pid}/io`,
    'rchar: 90000\nwchar: 20000\nsyscr: 400\nsyscw: 12\nread_bytes: 0\nwrite_bytes: 16384\ncancelled_write_bytes: 0\n',
  )
}

/** /proc/stat and the load average. */
export function writeMachine(out: FrameWriter, world: World, atMs: number): void {
  const { cores } = world.model
  const { fromMs } = world.clockwork.bootAt(atMs)
  const busy = Math.floor(world.busyMs(atMs) / TICK_MS)
  const idle = Math.max(0, Math.floor(((atMs - fromMs) * cores) / TICK_MS) - busy)
  const columns = (share: number): string => {
    const system = Math.floor((busy * share) / 5)
    return `${Math.floor(busy * share) - system} 0 ${system} ${Math.floor(idle * share)} 300 0 0 0 0 0`
  }
  // The line of all cores is the exact one; the others only have to be there.
  const system = Math.floor(busy / 5)
  const each = Array.from({ length: cores }, (_, core) => `cpu${core} ${columns(1 / cores)}\n`).join('')
  out.file(
    '/proc/stat',
    `cpu  ${busy - system} 0 ${system} ${idle} 300 0 0 0 0 0\n${each}btime ${Math.floor(world.clockwork.wallAt(fromMs) / 1000)}\n`,
  )
  if (world.showsLoad) {
    const loads = [60, 300, 900].map((seconds) => world.loadAverage(atMs, seconds).toFixed(2))
    out.file('/proc/loadavg', `${loads.join(' ')} 1/180 ${world.check.pid}\n`)
  }
  out.file('/proc/sys/kernel/random/boot_id', `${world.clockwork.bootAt(atMs).bootId}\n`)
}
