/** What forbids acting, and the rest of a scenario's machine: files, commands, leases, locks, timers, services' runs. */
import { housekeepingUnits } from '../../../agent/sensors/known-agents.ts'
import { type FrameWriter, inodeOf } from './frame.ts'
import { total } from './times.ts'
import type { World } from './world.ts'

const MINUTE = 60_000

/** Files that every Debian machine has and that the vetoes look at. */
function writeUsualFiles(out: FrameWriter): void {
  out.stored('/etc/crontab', 'SHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n')
  out.stored('/etc/cron.d/e2scrub_all', '30 3 * * 0 root /sbin/e2scrub_all -C\n')
  out.stored('/etc/cron.d/idle-agent', '*/2 * * * * root /usr/local/bin/idle-agent check --act\n')
  out.stored('/etc/cron.hourly/0anacron', '#!/bin/sh\n')
  out.stored('/etc/timezone', 'Etc/UTC\n')
  out.stored('/run/cloud-init/result.json', '{"v1":{"datasource":"DataSourceEc2Local","errors":[]}}\n')
  out.stored('/run/cloud-init/status.json', '{"v1":{"stage":null}}\n')
  out.links['/etc/localtime'] = '/usr/share/zoneinfo/Etc/UTC'
  out.stats['/etc/localtime'] = {
    kind: 'file',
    dev: 66_305,
    ino: 77,
    rdev: 0,
    uid: 0,
    mode: 0o644,
    nlink: 1,
    size: 114,
    atimeMs: 0,
    mtimeMs: 0,
    ctimeMs: 0,
  }
  for (const path of [
    '/var/lib/dpkg/lock-frontend',
    '/var/lib/dpkg/lock',
    '/var/lib/apt/lists/lock',
    '/var/cache/apt/archives/lock',
  ])
    out.stored(path, '', { mode: 0o640 })
  for (const path of [
    '/var/spool/cron/crontabs',
    '/run/systemd/system',
    '/var/spool/cron',
    '/run/user',
    '/run/systemd/inhibit',
  ])
    out.directory(path)
  out.folders['/run/user'] = []
  out.folders['/var/spool/cron/crontabs'] = []
  out.folders['/run/systemd/inhibit'] = []
}

function writeFiles(out: FrameWriter, world: World, atMs: number): void {
  for (const one of world.of('file')) {
    if (!world.isThere(one, atMs)) continue
    const text = typeof one.text === 'function' ? one.text(atMs / MINUTE) : one.text
    const changed = one.changed ?? one.from
    const at = changed === undefined ? {} : { mtimeMs: world.clockwork.wallAt(changed * MINUTE) }
    if (text === null) {
      delete out.files[one.path]
      delete out.stats[one.path]
      continue
    }
    const { uid = 0, mode = 0o644 } = one
    out.stored(one.path, text, { uid, mode, ...at })
    const folder = one.path.slice(0, one.path.lastIndexOf('/'))
    const known = out.folders[folder]
    if (known !== undefined && known !== null) out.folders[folder] = [...known, one.path.slice(folder.length + 1)]
  }
  for (const { path, ...when } of world.of('folder')) {
    if (!world.isThere(when, atMs)) continue
    out.directory(path)
    const within = Object.keys(out.files).filter((file) => file.startsWith(`${path}/`))
    out.folders[path] = within.map((file) => file.slice(path.length + 1))
  }
  for (const one of world.of('command')) {
    if (!world.isThere(one, atMs)) continue
    const { answer } = one
    if (answer === 'missing') out.command(one.argv, null)
    else if (answer === 'hangs') out.command(one.argv, { error: `${one.argv[0]} takes more than 5 s` })
    else out.command(one.argv, { status: 0, stderr: '', ...answer })
  }
  const wall = (minute: number) => world.clockwork.wallAt(minute * MINUTE)
  for (const { url, body } of world.of('http')) {
    const text = body(atMs / MINUTE, wall)
    out.http[`GET ${url}`] = text === undefined ? null : { status: 200, body: text }
  }
}

function writeLocks(out: FrameWriter, world: World, atMs: number): void {
  const lines = ['1: FLOCK  ADVISORY  WRITE 301 00:19:512 0 EOF']
  for (const { path, by, from, until } of world.of('lock')) {
    const pid = world.lifeOf(by, atMs)?.pid
    if (!world.isThere(until === undefined ? { from } : { from, until }, atMs)) continue
    lines.push(`${lines.length + 1}: POSIX  ADVISORY  WRITE ${pid} 103:01:${inodeOf(path)} 0 EOF`)
  }
  out.file('/proc/locks', `${lines.join('\n')}\n`)
}

function writeLeases(out: FrameWriter, world: World, atMs: number): void {
  for (const lease of world.of('lease')) {
    const { from, until, uid, slot = 0, minutes, program } = lease
    if (!world.isThere(until === undefined ? { from } : { from, until }, atMs)) continue
    const { bootId } = world.clockwork.bootAt(from * MINUTE)
    const life = program === undefined ? undefined : world.lifeOf(program, from * MINUTE)
    const end =
      life === undefined
        ? { kind: 'for', bootMs: world.clockwork.at(from * MINUTE).bootMs + (minutes ?? 60) * MINUTE, bootId }
        : { kind: 'pid', pid: life.pid, startTicks: world.clockwork.ticksAt(life.fromMs), bootId }
    const id = `${uid}-${slot}`
    const at = world.clockwork.wallAt(from * MINUTE)
    const text = `${JSON.stringify({ schema: 1, id, reason: 'training', until: end })}\n`
    out.stored(`/run/idle-agent/leases/${id}`, text, { uid, mode: 0o600, mtimeMs: at, ctimeMs: at, atimeMs: at })
  }
}

const showRuns = '--property=Id,CPUUsageNSec,InactiveExitTimestampMonotonic,InactiveEnterTimestampMonotonic'
const showTimers = '--property=Id,Unit,NextElapseUSecRealtime,NextElapseUSecMonotonic,LastTriggerUSec'

function writeUnits(out: FrameWriter, world: World, atMs: number): void {
  const { fromMs } = world.clockwork.bootAt(atMs)
  const us = (ms: number) => Math.round(ms * 1000)
  const blocks = housekeepingUnits.map((name) => {
    const unit = `${name}.service`
    const run = world.of('unit').findLast((one) => one.unit === unit && one.from * MINUTE <= atMs)
    const mono = (minute: number) => us(minute * MINUTE - fromMs)
    const ended = run !== undefined && run.until * MINUTE <= atMs
    const last = world
      .of('unit')
      .filter((one) => one.unit === unit && one.until * MINUTE <= atMs)
      .at(-1)
    const used =
      run === undefined
        ? '[not set]'
        : String(us(total({ rate: run.cores, from: run.from, until: run.until }, fromMs, atMs) * 1000) * 1000)
    return (
      `Id=${unit}\nCPUUsageNSec=${used}\nInactiveExitTimestampMonotonic=${run === undefined ? 0 : mono(run.from)}\n` +
      `InactiveEnterTimestampMonotonic=${ended ? mono(run.until) : last === undefined ? 0 : mono(last.until)}\n`
    )
  })
  const argv = ['systemctl', 'show', showRuns, '--', ...housekeepingUnits.map((name) => `${name}.service`)]
  out.command(
    argv,
    world.model.missing.has('systemctl')
      ? { status: 1, stdout: '', stderr: 'Failed to connect to bus' }
      : blocks.join('\n'),
  )
}

/** `Tue 2026-11-24 06:12:00 UTC`. */
function stampOf(wallMs: number): string {
  const date = new Date(wallMs)
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][date.getUTCDay()]
  return `${day} ${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

function timerBlock(world: World, of: { id: string; unit: string; at: number; every: number }, atMs: number): string {
  const runs = Math.max(0, Math.floor((atMs / MINUTE - of.at) / of.every) + 1)
  const next = (of.at + runs * of.every) * MINUTE
  const last = next - of.every * MINUTE
  const wall = (ms: number) => stampOf(world.clockwork.wallAt(atMs) + ms - atMs)
  return `Id=${of.id}\nUnit=${of.unit}\nNextElapseUSecRealtime=${wall(next)}\nNextElapseUSecMonotonic=infinity\nLastTriggerUSec=${wall(last)}\n`
}

function writeTimers(out: FrameWriter, world: World, atMs: number): void {
  const usual = [
    { id: 'apt-daily.timer', unit: 'apt-daily.service', at: 12, every: 720 },
    { id: 'logrotate.timer', unit: 'logrotate.service', at: -360, every: 1440 },
  ]
  const all = world.of('timer').map(({ timer, unit, at, every = 1440, uid }) => ({ id: timer, unit, at, every, uid }))
  const blocks = (timers: readonly { id: string; unit: string; at: number; every: number }[]) =>
    timers.map((one) => timerBlock(world, one, atMs)).join('\n')
  const system = ['env', 'TZ=UTC', 'systemctl', 'show', showTimers, '--', '*.timer']
  out.command(system, blocks([...usual, ...all.filter(({ uid }) => uid === undefined)]))
  const uids = new Set(world.of('pty').flatMap((pty) => (pty.uid > 0 && world.isThere(pty, atMs) ? [pty.uid] : [])))
  for (const { uid } of all) if (uid !== undefined) uids.add(uid)
  out.folders['/run/user'] = [...uids].map(String)
  for (const uid of uids) {
    out.directory(`/run/user/${uid}/systemd/private`)
    const drop = [`--reuid=${uid}`, '--regid=65534', '--clear-groups', '--inh-caps=-all', '--no-new-privs']
    const ask = [
      'setpriv',
      ...drop,
      'env',
      'TZ=UTC',
      `XDG_RUNTIME_DIR=/run/user/${uid}`,
      'systemctl',
      '--user',
      'show',
      showTimers,
      '--',
      '*.timer',
    ]
    out.command(ask, blocks(all.filter((one) => one.uid === uid)))
  }
}

/** All of it. */
export function writeSystem(out: FrameWriter, world: World, atMs: number): void {
  writeUsualFiles(out)
  writeLocks(out, world, atMs)
  writeUnits(out, world, atMs)
  writeTimers(out, world, atMs)
  writeLeases(out, world, atMs)
  const stamp = world.clockwork.hookStamp(atMs)
  if (stamp !== undefined) out.stored('/run/idle-agent/resumed_at', stamp)
  writeFiles(out, world, atMs)
}
