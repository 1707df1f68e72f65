/** Veto: anacron is about to run a job of the operator's; and which of its jobs are still to be run today. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Veto } from '../types.ts'
import { ceiling, untilWords } from './ends.ts'
import { cronScripts } from './housekeeping.ts'
import type { VetoSource } from './veto.ts'
import { zoneOf } from './wall-time.ts'

const table = '/etc/anacrontab'
const stamps = '/var/spool/anacron'
const maxBytes = 65_536

/** One line of /etc/anacrontab: how often, and what (anacrontab(5)). */
export interface AnacronJob {
  readonly days: number
  readonly id: string
  readonly command: string
}

/** `@monthly` and the like, as the fewest days that they are. */
const named: Readonly<Record<string, number>> = { '@daily': 1, '@weekly': 7, '@monthly': 28, '@yearly': 365 }

/** Parses /etc/anacrontab. A line that is not understood counts as a job that is due every day. */
export function parseAnacrontab(text: string): readonly AnacronJob[] {
  return text.split('\n').flatMap((raw): readonly AnacronJob[] => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#') || /^\w+\s*=/.test(line)) return []
    const [, period = '', id = '', command = ''] = /^(\S+)\s+\d+\s+(\S+)\s+(\S.*)$/.exec(line) ?? []
    const days = /^\d{1,5}$/.test(period) ? Number(period) : (named[period] ?? 1)
    return [{ days, id, command }]
  })
}

/** `run-parts /etc/cron.daily` runs what lies there: somebody's, unless all of it is the distribution's. */
export async function isHousekeeping(host: Host, command: string): Promise<boolean> {
  const folders = command.match(/\/etc\/cron\.(?:hourly|daily|weekly|monthly)\b/g) ?? []
  if (folders.length === 0 || !/\brun-parts\b/.test(command)) return false
  for (const folder of folders) {
    // What run-parts(8) takes for a script.
    const scripts = ((await host.list(folder)) ?? []).filter((name) => /^[\w-]+$/.test(name))
    if (scripts.some((name) => !cronScripts.has(name))) return false
  }
  return true
}

/** The machine's own day, as the beginning of the day of that name in UTC. Throws RangeError if it has no known time zone. */
async function today(host: Host, wallMs: number): Promise<number> {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: await zoneOf(host),
    calendar: 'gregory',
    ...({ year: 'numeric', month: 'numeric', day: 'numeric' } as const),
  })
  const parts = new Map(format.formatToParts(wallMs).map(({ type, value }) => [type, Number(value)]))
  return Date.UTC(parts.get('year') ?? 0, (parts.get('month') ?? 0) - 1, parts.get('day'))
}

/** Not run yet in its period, as the day tells that anacron leaves when one has ended; in doubt not run. */
async function isPending(host: Host, { id, days }: AnacronJob, now: number): Promise<boolean> {
  const [, year = '', month = '', day = ''] =
    /^(\d{4})(\d\d)(\d\d)\s*$/.exec((await host.readText(`${stamps}/${id}`, 100)) ?? '') ?? []
  const ran = Date.UTC(Number(year), Number(month) - 1, Number(day))
  return year === '' || (now - ran) / 86_400_000 >= days
}

/** Whether anacron has a job to run that is not the distribution's; in doubt yes, which only holds while it runs or is due. */
export async function hasPendingJob(host: Host, wallMs: number): Promise<boolean> {
  try {
    return await findPending(host, wallMs)
  } catch (error) {
    if (error instanceof HostError || error instanceof RangeError) return true // unreadable, or an unknown time zone
    throw error
  }
}

async function findPending(host: Host, wallMs: number): Promise<boolean> {
  const text = await host.readText(table, maxBytes)
  if (text === undefined) return false
  const now = await today(host, wallMs)
  for (const job of parseAnacrontab(text)) {
    if (!(await isHousekeeping(host, job.command)) && (await isPending(host, job, now))) return true
  }
  return false
}

/** Since when an anacron of root's runs: it waits for the delay of a job, or for its end. In ticks since the boot. */
async function runningSince(host: Host): Promise<number | undefined> {
  for (const name of ((await host.list('/proc')) ?? []).filter((one) => /^\d+$/.test(one))) {
    const [, start] =
      /^\d+ \(anacron\) (?:\S+ ){19}(\d+) /.exec((await ifThere(host, `/proc/${name}/stat`)) ?? '') ?? []
    const uid = /^Uid:\t(\d+)/m.exec(
      start === undefined ? '' : ((await ifThere(host, `/proc/${name}/status`)) ?? ''),
    )?.[1]
    if (uid === '0') return Number(start)
  }
  return undefined
}

/** A process may go at any moment, and shows it by an error, too. Throws what the host throws while it is there: the veto then says so. */
async function ifThere(host: Host, path: string): Promise<string | undefined> {
  try {
    return await host.readText(path)
  } catch (error) {
    if (error instanceof HostError && (await host.stat(path.slice(0, path.lastIndexOf('/')))) === undefined)
      return undefined
    throw error
  }
}

/** Its start is waited for by what starts it: cron.ts, timers.ts. */
export const anacronVeto: VetoSource = {
  name: 'anacron',
  onlyWhenDue: true,
  async read(host, context): Promise<readonly Veto[]> {
    if (!(await hasPendingJob(host, context.now.wallMs))) return []
    const start = await runningSince(host)
    if (start === undefined) return []
    const until = ceiling(context, context.now.monoMs - Math.max(0, context.now.bootMs - start * 10))
    if (until <= context.now.monoMs) return []
    const end = `${untilWords(until, context.now)} at the latest`
    return [{ name: 'anacron', reason: `anacron is to run a job of ${table}; it is waited for ${end}`, until }]
  },
}
