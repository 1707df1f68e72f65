/** Veto: a cron job of a user or of the operator is due soon. */
import type { Host } from '../host/host.ts'
import type { Veto } from '../types.ts'
import { hasPendingJob, isHousekeeping } from './anacron.ts'
import { type CronLine, dueMinute, parseCrontab, type Window } from './crontab.ts'
import { dueVeto, frequentMs, runningMs } from './due.ts'
import { changedAt, fewest, inDoubt } from './ends.ts'
import { cronFiles } from './housekeeping.ts'
import type { VetoContext, VetoSource } from './veto.ts'
import { wallMinutes, zoneOf } from './wall-time.ts'

/** Users' crontabs on Debian, SUSE, and Red Hat. Only crontab(1) writes there. */
const spools = ['/var/spool/cron/crontabs', '/var/spool/cron/tabs', '/var/spool/cron'] as const

/** Larger crontabs are nobody's; as many bytes of all of them are parsed in about 0.1 s. */
const maxBytes = 131_072
const mostBytes = 1_048_576

/** Time zones that all crontabs together may name; each costs a millisecond, and one crontab has room for thousands. */
const mostZones = 32

/** Neither editors' leftovers nor packages' (cron(8), cronie). */
const ignored = /^\.|~$|#|^tmp\.|\.(rpmsave|rpmorig|rpmnew|dpkg-\w+|swp)$/

interface Crontab {
  readonly path: string
  /** What to call a job of it. */
  readonly job: string
  readonly system: boolean
}

/** What a read has in hand. */
interface Reading {
  readonly host: Host
  readonly context: VetoContext
  readonly zone: string
  readonly windows: Map<string, Window>
  bytesLeft: number
}

async function crontabs(host: Host): Promise<readonly Crontab[]> {
  const found: Crontab[] = [{ path: '/etc/crontab', job: 'a job of /etc/crontab', system: true }]
  for (const name of (await host.list('/etc/cron.d')) ?? []) {
    if (cronFiles.has(name) || ignored.test(name)) continue
    found.push({ path: `/etc/cron.d/${name}`, job: `a job of /etc/cron.d/${name.slice(0, 40)}`, system: true })
  }
  for (const folder of spools) {
    // Red Hat's folder may hold the crontab of a user who is called tabs.
    if ((await host.stat(folder))?.kind !== 'directory') continue
    const names = ((await host.list(folder)) ?? []).filter((name) => !ignored.test(name))
    found.push(...names.map((name) => ({ path: `${folder}/${name}`, job: 'a cron job', system: false })))
  }
  return found
}

/** The minutes around now in a zone. Throws RangeError if there is none of that name, or if there are too many. */
function windowOf({ context, windows, zone: own }: Reading, zone: string): Window {
  const known = windows.get(zone)
  if (known !== undefined) return known
  if (zone !== own && windows.size >= mostZones) throw new RangeError('too many time zones')
  const { now, horizonMs } = context
  const from = Math.floor((now.wallMs - runningMs) / 60_000) + 1
  const horizon = Math.floor(frequentMs(context) / 60_000)
  const minutes = wallMinutes(zone, from - horizon, Math.floor((now.wallMs + horizonMs) / 60_000))
  const made = { minutes, from, horizon }
  windows.set(zone, made)
  return made
}

/** The distribution's own, unless it starts an anacron that has somebody's job to run. */
async function isOwn(host: Host, { command }: CronLine, wallMs: number): Promise<boolean> {
  if (!(await isHousekeeping(host, command))) return false
  const starts = command.includes('/etc/cron.hourly') && (await host.stat('/etc/cron.hourly/0anacron')) !== undefined
  return !(starts && (await hasPendingJob(host, wallMs)))
}

async function examine(reading: Reading, { path, job, system }: Crontab): Promise<readonly Veto[]> {
  const { host, context } = reading
  const stat = await host.stat(path)
  if (stat?.kind !== 'file') return []
  const what = system ? job : `${job} of ${stat.uid === 0 ? 'root' : `uid ${stat.uid}`}`
  const madeAt = changedAt(stat.mtimeMs, context.now)
  const doubt = (why: string) => inDoubt(context, { name: 'cron', reason: `${what} may be due: ${why}`, madeAt })
  reading.bytesLeft -= Math.min(stat.size, maxBytes)
  if (stat.size > maxBytes || reading.bytesLeft < 0) return doubt('there is more than is read')
  const text = await host.readText(path, maxBytes)
  if (text === undefined) return []
  try {
    const lines = parseCrontab(text, system)
    const vetoes: Veto[] = []
    for (const line of lines) {
      const due = dueMinute(line, windowOf(reading, line.zone ?? reading.zone))
      if (due === undefined || (system && (await isOwn(host, line, context.now.wallMs)))) continue
      vetoes.push(...dueVeto(context, 'cron', { wallMs: due * 60_000, what }))
    }
    return vetoes
  } catch {
    return doubt('its crontab is not understood') // cron would not run it either, but other crons know other words
  }
}

/** Only cron itself knows more, and it cannot be asked. */
export const cronVeto: VetoSource = {
  name: 'cron',
  onlyWhenDue: true,
  async read(host, context, signal) {
    const zone = await zoneOf(host)
    const reading: Reading = { host, context, zone, windows: new Map(), bytesLeft: mostBytes }
    const vetoes: Veto[] = []
    for (const crontab of await crontabs(host)) {
      signal.throwIfAborted()
      vetoes.push(...(await examine(reading, crontab)))
    }
    return fewest(vetoes)
  },
}
