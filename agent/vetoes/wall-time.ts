/** Wall clock times of the observed machine's time zone, which is what cron goes by. */
import type { Host } from '../host/host.ts'
import type { WallMinute } from './crontab.ts'

const weekdays = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ')

/**
 * Name of the machine's time zone: where /etc/localtime leads, else /etc/timezone (Debian), else that of this process; UTC
 * where there is no /etc/localtime, as the C library has it.
 */
export async function zoneOf(host: Host): Promise<string> {
  const link = await host.readLink('/etc/localtime')
  const linked = /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(link ?? '')?.[1]
  const named = linked ?? (await host.readText('/etc/timezone', 4096))?.trim()
  if (named !== undefined && named !== '') return named
  const copied = (await host.stat('/etc/localtime')) !== undefined
  return copied ? new Intl.DateTimeFormat().resolvedOptions().timeZone : 'UTC'
}

/** The minutes from `from` to `to` (since the epoch, both included) in a time zone. Throws RangeError if there is no such zone. */
export function wallMinutes(zone: string, from: number, to: number): readonly WallMinute[] {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    hourCycle: 'h23',
    ...({ month: 'numeric', day: 'numeric', weekday: 'short', hour: 'numeric', minute: 'numeric' } as const),
  })
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => {
    const at = from + index
    const parts = new Map(format.formatToParts(at * 60_000).map(({ type, value }) => [type, value]))
    const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type))
    return {
      at,
      minute: number('minute'),
      hour: number('hour'),
      day: number('day'),
      month: number('month'),
      weekday: weekdays.indexOf(parts.get('weekday') ?? ''),
    }
  })
}
