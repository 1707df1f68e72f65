// What people and programs really do on a real Debian: the right verdict and name while it lasts, and a stop once it ended.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Activity, activities, loggedIn, secondUser, terminalOf } from './activities.ts'
import { cloudInitResult, type Guest, user } from './guest.ts'
import { until } from './host.ts'
import { bootNspawn } from './nspawn.ts'
import { endpoints, guestsSkipped, installing, type Observer, observe, seconds, type Told } from './story.ts'

/** Looked at every 3 s, idle after 6 s, stopped after 12 s: more than the 8 s in which a terminal shows one read only. */
const [intervalMs, idleMs, thresholdMs, holdMs] = [3_000, 6_000, 12_000, 24_000]
const settings = {
  ...seconds,
  hibernate_threshold_minutes: thresholdMs / 60_000,
  boot_grace_minutes: 0,
  sensors: { sessions: { connection_hold_minutes: holdMs / 60_000, output_hold_minutes: holdMs / 60_000 } },
}

/** When the deed in a line of the audit log was done, in epoch milliseconds. */
function auditedAt(line: string): number {
  return Date.parse(/"at":"([^"]+)"/.exec(line)?.[1] ?? '')
}

/** The installed timer may be a second late each time, which is a third of the interval. */
const punctual = `mkdir /etc/systemd/system/idle-agent.timer.d &&
printf '[Timer]\\nAccuracySec=100ms\\n' >/etc/systemd/system/idle-agent.timer.d/punctual.conf &&
systemctl daemon-reload && systemctl restart idle-agent.timer`

describe.skipIf(guestsSkipped('activities in a guest'))('what people do', { timeout: 150_000 }, () => {
  let guest: Guest
  let observer: Observer

  beforeAll(async () => {
    // The cloud refuses each stop, and the guest goes on: a refusal ends nothing but that idle period.
    const instance = { disableApiStop: true }
    guest = await bootNspawn({ name: 'nspawn-activities', userData: installing(settings), instance })
    observer = observe(guest)
    await cloudInitResult(guest, 40_000)
    await guest.ask(punctual)
  }, 240_000)
  afterAll(() => guest?.close(), 60_000)

  const reading = (told: Told, sensor: string): Told['readings'][number] | undefined =>
    told.readings.find((one) => one.sensor === sensor)

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

  const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

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

  test.each(Object.entries(activities))('%s', async (name, activity) => {
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
  })

  test('a key pressed rarely', async () => {
    observer.note('--- a key pressed rarely')
    const everyMs = 0.8 * thresholdMs // as 8 minutes are to 10
    const person = guest.ssh()
    let last = 0
    try {
      await loggedIn(person)
      const input = new RegExp(`^input on ${await terminalOf(guest, user)} \\d s ago$`)
      const began = Date.now()
      for (let key = 1; key <= 4; key += 1) {
        await sleep(began + key * everyMs - Date.now())
        last = Date.now()
        person.type(' ')
        const isTold = (one: Told): boolean => input.test(reading(one, 'sessions')?.reason ?? '')
        await observer.see((one) => Date.parse(one.at) > last && isTold(one), 6_000, 'the key')
        const quiet = await observer.see(({ verdict }) => verdict === 'idle', 7_000, 'quiet again')
        expect(Date.parse(quiet.idleSince ?? '')).toBeGreaterThanOrEqual(last)
      }
      expect(await stopsSince(began)).toEqual([])
    } finally {
      await person.close()
    }
    const after = inSeconds((await acted(last)) - last)
    const keys = `4 keys, ${inSeconds(everyMs)} apart: input told at each, and the clock started again`
    record('a key pressed rarely', 'active', keys, `a stop ${after} after the last`)
  })

  test('a package manager at work holds its lock', async () => {
    observer.note('--- a package manager at work holds its lock')
    const visitor = guest.ssh()
    await loggedIn(visitor)
    await observer.see(({ verdict }) => verdict === 'active', 8_000, 'the visitor, so that the clock starts again')
    await visitor.close()
    const began = Date.now()
    const lock =
      "import fcntl, time; lock = open('/var/lib/dpkg/lock', 'w'); fcntl.lockf(lock, fcntl.LOCK_EX); time.sleep(90)"
    await guest.ask('install -m 0755 /usr/bin/python3 /var/tmp/apt-get')
    await guest.ask(`systemd-run -q --unit held -- /var/tmp/apt-get -c "${lock}"`)
    const pid = (await guest.ask('systemctl show --property MainPID --value held')).trim()
    const reason = `dpkg lock held by pid ${pid} (apt-get)`
    // Vetoes that cost something are read when an action is due, and when somebody asks by hand.
    const last = await observer.see(
      ({ state, reason: all }) => state === 'held' && all.includes(reason),
      30_000,
      'held',
    )
    await sleep(3 * intervalMs)
    expect(await stopsSince(began)).toEqual([])
    const byHand = await guest.ask(`${endpoints.join(' ')} idle-agent check --json`)
    expect(byHand).toContain(`"vetoes":[{"name":"package-manager","reason":"${reason}`)
    const held = `no stop for ${inSeconds(Date.now() - began)}`
    await guest.ask('systemctl stop held')
    const ended = Date.now()
    const after = inSeconds((await acted(ended)) - ended)
    record(
      'a package manager at work',
      last.verdict,
      last.reason,
      held,
      `a stop ${after} after the lock was given back`,
    )
  })

  /** What holds by a word of somebody's, and how it is taken back. */
  const awaited: readonly { readonly begin: string; readonly end: string; readonly reason: RegExp }[] = [
    {
      begin: 'systemd-run -q --unit inhibiting systemd-inhibit --what=shutdown --mode=block --why=because sleep 120',
      end: 'systemctl stop inhibiting',
      reason: /"systemd inhibitor of systemd-inhibit \(pid \d+\) against shutdown, until root gives it back"/,
    },
    {
      begin: `echo "$(date -d '+6 minutes' '+%M %H') * * * true" | crontab -u ${user} -`,
      end: `crontab -u ${user} -r`,
      reason: /"a cron job of uid 1000 is due at [^;]*UTC; it is waited for until [^"]*UTC"/,
    },
    {
      begin: `loginctl enable-linger ${user}; sleep 2
su - ${user} -c 'XDG_RUNTIME_DIR=/run/user/1000 systemd-run --user -q --on-active=400 --unit train true'`,
      end: `loginctl disable-linger ${user}`,
      reason: /"train\.timer of uid 1000 is due at [^;]*UTC; it is waited for until [^"]*UTC"/,
    },
  ]

  test('an inhibitor, a cron job and a timer of a user are waited for', async () => {
    observer.note('--- an inhibitor, a cron job and a timer')
    await observer.see(() => true, 30_000, 'the first check')
    for (const { begin } of awaited) await guest.ask(begin)
    const visitor = guest.ssh()
    await loggedIn(visitor)
    await observer.see(({ verdict }) => verdict === 'active', 8_000, 'the visitor, so that the clock starts again')
    await visitor.close()
    const began = Date.now()
    const told = await observer.see(({ state }) => state === 'held', 40_000, 'held')
    await sleep(3 * intervalMs)
    expect(await stopsSince(began)).toEqual([])
    const byHand = await guest.ask(`${endpoints.join(' ')} idle-agent check --json`)
    expect(byHand.match(/"vetoes":\[.*?\]/)?.[0].match(/(?<="name":")[^"]+/g)).toEqual(['inhibitor', 'cron', 'timer'])
    for (const { reason } of awaited) expect(byHand).toMatch(reason)
    for (const { end } of awaited) await guest.ask(end)
    const after = inSeconds((await acted(Date.now())) - began)
    record('an inhibitor, a cron job and a timer', told.verdict, told.reason, `a stop ${after} after the visitor left`)
  })
})
