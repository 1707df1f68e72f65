// What people and programs really do on a real Debian: the right verdict and name while it lasts, and a stop once it ended.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { activities, loggedIn, terminalOf } from './activities.ts'
import { type Guest, user } from './guest.ts'
import { inSeconds, intervalMs, openStage, reading, type Stage, thresholdMs } from './played.ts'
import { endpoints, guestsSkipped, type Observer, type Told } from './story.ts'

describe.skipIf(guestsSkipped('activities in a guest'))('what people do', { timeout: 150_000 }, () => {
  let stage: Stage
  let guest: Guest
  let observer: Observer
  let acted: Stage['acted']
  let stopsSince: Stage['stopsSince']
  let record: Stage['record']

  beforeAll(async () => {
    stage = await openStage({ name: 'nspawn-activities' })
    ;({ guest, observer, acted, stopsSince, record } = stage)
  }, 240_000)
  afterAll(() => stage?.close(), 60_000)

  test.each(Object.entries(activities))('%s', (name, activity) => stage.play(name, activity))

  test('a key pressed rarely', async () => {
    observer.note('--- a key pressed rarely')
    const everyMs = 0.8 * thresholdMs // as 8 minutes are to 10
    const person = guest.ssh()
    let last = 0
    try {
      await loggedIn(person)
      const input = new RegExp(`: input on ${await terminalOf(guest, user)} \\d s ago$`)
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
