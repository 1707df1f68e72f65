/** Network, disks and terminals of a scenario's machine: /proc/net, /proc/diskstats, /sys/class/net, /dev, ss and who. */
import type { FrameWriter } from './frame.ts'
import { terminalStat } from './processes.ts'
import type { Net, Socket } from './scenario.ts'
import { latest, total } from './times.ts'
import type { World } from './world.ts'

const heading =
  'Inter-|   Receive                                                |  Transmit\n' +
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n'

/** Bytes over an interface since the boot; a frame's own bytes on top of what a connection carries. */
function counted(world: World, on: Net['on'], atMs: number): readonly [number, number] {
  const { fromMs } = world.clockwork.bootAt(atMs)
  let [received, sent] = [0, 0]
  for (const net of world.of('net')) {
    if (net.on !== on) continue
    received += total(net.received ?? 0, fromMs, atMs)
    sent += total(net.sent ?? 0, fromMs, atMs)
  }
  if (on !== undefined) return [Math.floor(received), Math.floor(sent)]
  for (const socket of world.of('socket')) {
    if (socket.local === true || (socket.from !== undefined && socket.from * 60_000 < fromMs)) continue
    const [theirs, ours] = world.bytesOf(socket, atMs)
    received += theirs * 1.05
    sent += ours * 1.05
  }
  return [Math.floor(received), Math.floor(sent)]
}

export function writeNetwork(out: FrameWriter, world: World, atMs: number): void {
  const others = new Set(world.of('net').flatMap(({ on }) => (on === undefined ? [] : [on])))
  const names = [...new Set<Net['on']>(['lo', ...others]), ...(world.model.nic === '' ? [] : [undefined])]
  const lines = names.map((on) => {
    const [received, sent] = counted(world, on, atMs)
    return `${(on ?? world.model.nic).padStart(6)}: ${received} ${Math.floor(received / 500)} 0 0 0 0 0 0 ${sent} ${Math.floor(sent / 500)} 0 0 0 0 0 0\n`
  })
  out.file('/proc/net/dev', `${heading}${lines.join('')}`)
  writeListening(out, world, atMs)
  out.file('/proc/net/snmp', 'Tcp: ActiveOpens PassiveOpens\nTcp: 120 340\n')
  if (world.model.missing.has('sysfs-net')) return
  for (const [index, on] of names.entries()) {
    const folder = `/sys/class/net/${on ?? world.model.nic}`
    out.file(`${folder}/ifindex`, `${on === undefined ? 2 : index + 3}\n`)
    out.file(`${folder}/operstate`, on === undefined ? 'up\n' : 'unknown\n')
    if (on === undefined) out.file(`${folder}/device/uevent`, 'DRIVER=ena\n')
    if (on === 'docker0') out.file(`${folder}/bridge/bridge_id`, '8000.0242\n')
  }
}

const elsewhere = '198.51.100.7'

/** As /proc/net/tcp has it: little-endian. */
function hexAddress(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0').toUpperCase())
  return bytes.toReversed().join('')
}

/** Sockets that listen on the loopback, and those that are established, as /proc/net/tcp shows them (proc_net_tcp.rst: little-endian address, states 0A and 01). */
function writeListening(out: FrameWriter, world: World, atMs: number): void {
  const lines = world.alive(atMs).flatMap(({ program: { listens, uid = 0 } }, index) => {
    if (listens === undefined) return []
    const port = listens.toString(16).toUpperCase().padStart(4, '0')
    return [
      `${String(index).padStart(4)}: 0100007F:${port} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${40_000 + listens} 1 0000000000000000 100 0 0 10 0\n`,
    ]
  })
  for (const socket of world.of('socket')) {
    if (!world.isThere(socket, atMs)) continue
    const port = (socket.port ?? 22).toString(16).toUpperCase().padStart(4, '0')
    lines.push(
      ` 900: 0500000A:${port} ${hexAddress(socket.client ?? elsewhere)}:C350 01 00000000:00000000 02:00000000 00000000 ${socket.uid} 0 ${world.inodeOf(socket)} 2 0000000000000000 20 4 30 10 -1
`,
    )
  }
  const heading = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  out.file('/proc/net/tcp', `${heading}${lines.join('')}`)
}

const partitions: Readonly<Record<string, (disk: string) => string>> = { nvme0n1: (disk) => `${disk}p1` }

export function writeDisks(out: FrameWriter, world: World, atMs: number): void {
  const { disk, missing } = world.model
  if (missing.has('diskstats')) return
  const boot = world.clockwork.bootAt(atMs)
  let [read, written] = [900_000_000, 400_000_000]
  for (const { reads = 0, writes = 0 } of world.of('disk')) {
    read += total(reads, boot.fromMs, atMs)
    written += total(writes, boot.fromMs, atMs)
  }
  for (const { program, fromMs, untilMs, boot: own } of world.lives) {
    if (own !== boot || fromMs > atMs) continue
    read += total(program.reads ?? 0, fromMs, Math.min(atMs, untilMs))
    written += total(program.writes ?? 0, fromMs, Math.min(atMs, untilMs))
  }
  const line = (number: string, name: string) =>
    `${number} ${name} 118176 4356 ${Math.floor(read / 512)} 232271 310763 235528 ${Math.floor(written / 512)} 813539 0 172512 1045810 0 0 0 0 0 0\n`
  const part = (partitions[disk] ?? ((name: string) => `${name}1`))(disk)
  out.file(
    '/proc/diskstats',
    `   7       0 loop0 14 0 34 1 0 0 0 0 0 4 1 0 0 0 0 0 0\n${line(' 259       0', disk)}${line(' 259       1', part)}`,
  )
}

export function writeTerminals(out: FrameWriter, world: World, atMs: number): void {
  const at = world.clockwork.bootAt(atMs).wallMs
  const made = { atimeMs: at, mtimeMs: at, ctimeMs: at, nlink: 1, size: 0, uid: 0 }
  out.stats['/dev/tty'] = { ...made, kind: 'character', dev: 5, ino: 12, rdev: 1280, mode: 0o666 }
  out.stats['/dev/pts/ptmx'] = { ...made, kind: 'character', dev: 24, ino: 2, rdev: 1282, mode: 0 }
  const names = ['ptmx']
  for (const line of world.linesAt(atMs)) {
    if (line.path === undefined) continue
    out.stats[line.path] = terminalStat(world, line, atMs)
    if (line.pty.of === undefined || line.pty.of === 'pts') names.push(String(line.number))
  }
  out.folders['/dev/pts'] = names
}

/** One line a socket as `ss -tinOHe` of iproute2 6.1 prints it; a field that is 0 is left out. */
function socketLine(world: World, socket: Socket, atMs: number): string {
  const [received, sent] = world.bytesOf(socket, atMs)
  const quiet = Math.floor(world.quietMs(socket, atMs))
  const port = socket.port ?? 22
  const bytes = [
    ...(sent === 0 ? [] : [`bytes_sent:${sent} bytes_acked:${sent}`]),
    ...(received === 0 ? [] : [`bytes_received:${received}`]),
  ]
  return (
    `0      0      10.0.0.5:${port} ${socket.client ?? elsewhere}:${50_000 + world.inodeOf(socket)} timer:(keepalive,119min,0) uid:${socket.uid} ino:${world.inodeOf(socket)} sk:1 ` +
    `cgroup:/system.slice/ssh.service <-> ts sack cubic wscale:7,7 rto:204 rtt:3.1/1.2 mss:1448 cwnd:10 ${bytes.join(' ')} ` +
    `segs_out:120 segs_in:130 lastsnd:${quiet} lastrcv:${quiet} lastack:${quiet} pacing_rate 1bps delivered:1 minrtt:0.018\n`
  )
}

export function writeSockets(out: FrameWriter, world: World, atMs: number): void {
  const sockets = world.of('socket').filter((one) => world.isThere(one, atMs))
  const text = (of: readonly Socket[]) => of.map((one) => socketLine(world, one, atMs)).join('')
  const answer = (of: readonly Socket[]) => (world.model.missing.has('ss') ? null : text(of))
  const ss = ['ss', '-tinOHe', 'state', 'established']
  out.command([...ss, 'sport', '=', ':22'], answer(sockets.filter(({ port = 22 }) => port === 22)))
  out.command(ss, answer(sockets))
  // As servers' own clients are asked for, one port at a time.
  for (const port of new Set(sockets.map((one) => one.port ?? 22)))
    out.command([...ss, '(', 'sport', '=', `:${port}`, ')'], answer(sockets.filter((one) => (one.port ?? 22) === port)))
  // As clients of a declared service are asked for: with several states there is a column for them.
  const states = ['established', 'close-wait', 'fin-wait-1', 'last-ack', 'closing', 'time-wait']
  for (const port of new Set(world.of('socket').map((one) => one.port ?? 22))) {
    const ends = ['(', 'sport', '=', `:${port}`, 'or', 'dport', '=', `:${port}`, ')']
    const own = sockets.filter((one) => (one.port ?? 22) === port)
    const shown = own.map((one) => `ESTAB  ${socketLine(world, one, atMs)}`).join('')
    const argv = ['ss', '-tinOHe', ...states.flatMap((state) => ['state', state]), ...ends]
    if (port !== 22) out.command(argv, world.model.missing.has('ss') ? null : shown)
  }
  const lines = sockets.flatMap(({ carries, from }) => {
    const line = carries === undefined ? undefined : world.line(carries)
    if (line === undefined) return []
    const since = new Date(world.clockwork.wallAt((from ?? 0) * 60_000)).toISOString().slice(0, 16).replace('T', ' ')
    return [`user     pts/${line.number}        ${since} (198.51.100.7)\n`]
  })
  out.command(['who'], lines.join(''))
}

/** Milliseconds since keyboard or mouse of each X display was last used. */
export function writeDisplays(out: FrameWriter, world: World, atMs: number): void {
  for (const { program, fromMs } of world.alive(atMs)) {
    const { display } = program
    if (display === undefined) continue
    const keyboard = world.of('keyboard').find((one) => one.display === display)
    out.displays[String(display)] = atMs - Math.max(fromMs, latest(keyboard?.used ?? [], atMs) ?? fromMs)
  }
}
