// A guest in which activities are played: the right verdict and name while each lasts, and a stop once it has ended.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Activity, loggedIn, secondUser } from './activities.ts'
import { cloudInitResult, type Guest, user } from './guest.ts'
import { until } from './host.ts'
import { bootNspawn } from './nspawn.ts'
import { installing, type Observer, observe, type Settings, seconds, type Told } from './story.ts'

/** Looked at every 3 s, idle after 6 s, stopped after 12 s: more than the 8 s in which a terminal shows one read only. */
export const [intervalMs, idleMs, thresholdMs, holdMs] = [3_000, 6_000, 12_000, 24_000]

/** When the deed in a line of the audit log was done, in epoch milliseconds. */
function auditedAt(line: string): number {
  return Date.parse(/"at":"([^"]+)"/.exec(line)?.[1] ?? '')
}

/** The installed timer may be a second late each time, which is a third of the interval. */
const punctual = `mkdir /etc/systemd/system/idle-agent.timer.d &&
printf '[Timer]\\nAccuracySec=100ms\\n' >/etc/systemd/system/idle-agent.timer.d/punctual.conf &&
systemctl daemon-reload && systemctl restart idle-agent.timer`

export interface StageSpec {
  readonly name: string
  readonly packages?: readonly string[]
  /** Besides the thresholds. */
  readonly settings?: Settings
  readonly sensors?: Settings
}

export const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

export const reading = (told: Told, sensor: string): Told['readings'][number] | undefined =>
  told.readings.find((one) => one.sensor === sensor)

export type Stage = Awaited<ReturnType<typeof openStage>>

/** Boots the guest, with the agent at work in it. */
export async function openStage({ name, packages = [], settings = {}, sensors = {} }: StageSpec) {
  const hold = { connection_hold_minutes: holdMs / 60_000, output_hold_minutes: holdMs / 60_000 }
  // Within 3 s the agent's own call to the cloud is 8 kB/s.
  const network = { out_bytes_per_second: 15_000 }
  const all = {
    ...seconds,
    hibernate_threshold_minutes: thresholdMs / 60_000,
    boot_grace_minutes: 0,
    ...settings,
    sensors: { sessions: hold, network, ...sensors },
  }
  // The cloud refuses each stop, and the guest goes on: a refusal ends nothing but that idle period.
  const instance = { disableApiStop: true }
  const guest: Guest = await bootNspawn({ name, packages, userData: installing(all), instance })
  const observer: Observer = observe(guest)
  try {
    await cloudInitResult(guest, 40_000)
    await guest.ask(punctual)
  } catch (error) {
    await guest.close()
    throw error
  }

  /** When the agent asked the cloud for a stop since then, in epoch milliseconds. */
  async function stopsSince(ms: number): Promise<readonly number[]> {
    const { requests } = await guest.cloud.requests()
    const stops = requests.filter(
      ({ action, errorCode }) => action === 'StopInstances' && errorCode !== 'DryRunOperation',
    )
    return stops.map(({ at }) => Date.parse(at)).filter((at) => at >= ms)
  }

  /** The first stop after `from`: sent when the threshold was over and not before, recorded, and said. */
  async function acted(from: number, extraMs = 0): Promise<number> {
    const at = await until(async () => (await stopsSince(from))[0], 40_000 + extraMs, 'a stop', 300)
    const refused = ({ state, reason }: Told): boolean => state === 'held' && reason.includes('OperationNotPermitted')
    const told = await observer.see((one) => refused(one) && Date.parse(one.at) > at - 5_000, 10_000, 'held')
    const idleFor = at - Date.parse(told.idleSince ?? '')
    expect(idleFor).toBeGreaterThanOrEqual(thresholdMs + extraMs)
    expect(idleFor).toBeLessThan(thresholdMs + extraMs + intervalMs + 30_000)
    const audit = (await guest.ask('tail -n 5 /var/log/idle-agent/audit.jsonl')).split('\n')
    const deed = `"action":"stop","result":"refused","detail":"OperationNotPermitted (protected)`
    expect(audit.filter((line) => line.includes(deed) && auditedAt(line) >= at).length).toBe(1)
    return at
  }

  /** Keeps one line of the table: what was done, the verdict, its reason, the seconds. */
  function record(...columns: readonly string[]): void {
    observer.note(columns.join(' | '))
    appendFileSync(join(guest.run.evidence, 'activities.txt'), `${columns.join(' | ')}\n`)
  }

  /** The last of so many checks in a row that fit, the first of them over an interval that began after now. */
  async function seenBy(checks: number, fits: (told: Told) => boolean): Promise<Told> {
    const from = Date.now() + intervalMs
    let last = await observer.see((told) => Date.parse(told.at) > from && fits(told), 25_000, 'the first such check')
    for (let seen = 1; seen < checks; seen += 1) {
      const before = last.at
      last = await observer.see(({ at }) => at !== before, 15_000, 'another check')
      expect(last).toSatisfy(fits, `check ${String(seen + 1)}`)
    }
    return last
  }

  /** What the agent says of an activity while it goes on. */
  async function told({ sensor, kind, checks = 1 }: Activity, reason: RegExp): Promise<readonly [string, string]> {
    const last = await seenBy(checks, (one) => {
      const found = reading(one, sensor)
      return found?.kind === kind && reason.test(found.reason)
    })
    expect(last.verdict).toBe(kind === 'active' ? 'active' : 'idle')
    expect(await guest.ask('cat /run/idle-agent/status.json')).not.toMatch(new RegExp(`${user}|${secondUser}`))
    return [last.verdict, `${sensor} ${kind}: ${reading(last, sensor)?.reason ?? ''}`]
  }

  /** Somebody comes, is seen and goes: what is no activity is told from then on, not from a stop that was refused. */
  async function visit(): Promise<void> {
    const came = Date.now()
    const person = guest.ssh()
    try {
      await loggedIn(person)
      await observer.see((one) => Date.parse(one.at) > came && one.verdict === 'active', 10_000, 'a visitor')
    } finally {
      await person.close()
    }
  }

  /** Plays one to its end. */
  async function play(name: string, activity: Activity): Promise<void> {
    observer.note(`--- ${name}`)
    if (activity.kind !== 'active') await visit()
    const began = Date.now()
    const { reason, finish } = await activity.begin(guest)
    const columns = [name]
    try {
      columns.push(...(await told(activity, reason)), `told after ${inSeconds(Date.now() - began)}`)
      if (activity.kind === 'active') expect(await stopsSince(began)).toEqual([])
      else {
        const at = await acted(began, activity.kind === 'hold' ? holdMs + idleMs - thresholdMs : 0)
        columns.push(`a stop ${inSeconds(at - began)} after it began, while it went on`)
      }
    } finally {
      await finish()
    }
    if (activity.kind === 'active') {
      const ended = Date.now()
      const afterMs = (await acted(ended)) - ended
      expect(afterMs).toBeGreaterThan(thresholdMs - intervalMs)
      columns.push(`a stop ${inSeconds(afterMs)} after its end`)
    }
    record(...columns)
  }

  return { guest, observer, stopsSince, acted, record, play, visit, close: () => guest.close() }
}
