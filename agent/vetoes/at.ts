/** Veto: an `at` job is due soon. */
import type { Veto } from '../types.ts'
import { dueVeto, isDue } from './due.ts'
import { fewest } from './ends.ts'
import type { VetoSource } from './veto.ts'

/** Debian's, Red Hat's, and SUSE's. */
const spools = ['/var/spool/cron/atjobs', '/var/spool/at', '/var/spool/atjobs'] as const

/** Most jobs whose owner is looked up; all of them are due. */
const mostNamed = 50

/** When a job of this name is due, in milliseconds since the epoch (at.c: queue, five hex digits of a number, eight of the minute); `undefined` for what is no job. One that runs has `=` for its queue. */
export function dueTime(name: string): number | undefined {
  const minute = /^[a-zA-Z=][0-9a-f]{5}([0-9a-f]{8})$/.exec(name)?.[1]
  return minute === undefined ? undefined : Number.parseInt(minute, 16) * 60_000
}

/** The names tell the times; nothing in the jobs is read. */
export const atVeto: VetoSource = {
  name: 'at',
  onlyWhenDue: true,
  async read(host, context) {
    const vetoes: Veto[] = []
    for (const folder of spools) {
      const jobs = ((await host.list(folder)) ?? []).flatMap((name) => {
        const wallMs = dueTime(name)
        return wallMs !== undefined && isDue(context, wallMs) ? [{ name, wallMs }] : []
      })
      jobs.sort((a, b) => b.wallMs - a.wallMs)
      for (const { name, wallMs } of jobs.slice(0, mostNamed)) {
        const stat = await host.stat(`${folder}/${name}`)
        if (stat?.kind !== 'file') continue
        const owner = stat.uid === 0 ? 'root' : `uid ${stat.uid}`
        vetoes.push(...dueVeto(context, 'at', { wallMs, what: `an at job of ${owner}` }))
      }
    }
    return fewest(vetoes)
  },
}
