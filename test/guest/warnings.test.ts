// The warning on the terminals of a real Debian: everybody can read it once, nothing hangs, and it is never taken for activity.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { warning } from '../../agent/warn.ts'
import { loggedIn } from './activities.ts'
import { type Connection, cloudInitResult, type Guest, user } from './guest.ts'
import { until } from './host.ts'
import { bootNspawn } from './nspawn.ts'
import { guestsSkipped, installing, type Observer, observe, seconds, type Told } from './story.ts'

/** Warned after 15 s, more than the 8 s in which a terminal shows one time of output only; stopped after 33 s. */
const settings = {
  ...seconds,
  boot_grace_minutes: 0,
  idle_threshold_minutes: 0.25,
  hibernate_threshold_minutes: 0.55,
  // Connections stay open here. Output holds for two hours, so that one letter too many shows.
  sensors: { sessions: { connection_hold_minutes: 0 }, cpu: { enabled: false }, disk: { enabled: false } },
}

const words = 'idle-agent: nothing has needed this machine for'

/** What people have typed on the terminals that they sit at. */
const people = {
  'a plain shell': 'true',
  'one that takes no messages': 'mesg n',
  // Its clock would be output of its own.
  'a client of tmux': "TERM=xterm tmux new -s work ';' set status off",
  'a client of screen': 'TERM=xterm screen -S work',
  'a shell of root in a terminal of its own': 'sudo -i',
  'a recorded shell': 'script -qf /dev/null',
} as const

/** A program with two terminals that it never reads: one is full, on the other somebody has pressed Ctrl-S. */
const unread = `import os, pty, signal, termios
masters = []
for full in (True, False):
    master, slave = pty.openpty()
    masters.append(master)
    os.set_blocking(slave, False)
    try:
        while full: os.write(slave, b"x")
    except BlockingIOError: pass
    if not full: termios.tcflow(slave, termios.TCOOFF)
print("full", flush=True)
signal.pause()`

/** All of it, without blanks; times are longer or shorter. */
const told = new RegExp(
  warning({ quiet: 'QUIET', doing: 'stop', at: 'AT' })
    .replace(/\s/g, '')
    .replace(/[.;]/g, '\\$&')
    .replace('QUIET', '\\d+s')
    .replace('AT', '[\\d:]+UTC'),
)

const count = (text: string): number => text.split(words).length - 1

describe.skipIf(guestsSkipped('warnings'))('the warning', { timeout: 120_000 }, () => {
  let guest: Guest
  let observer: Observer
  let warned: Told
  const screens = new Map<string, Connection>()

  beforeAll(async () => {
    const instance = { disableApiStop: true }
    guest = await bootNspawn({ name: 'nspawn-warnings', userData: installing(settings), instance })
    observer = observe(guest)
    await cloudInitResult(guest, 40_000)
    for (const [name, typed] of Object.entries(people)) screens.set(name, await sitDown(typed))
    await guest.ask(
      `cat >/root/unread.py <<'END'\n${unread}\nEND\nsystemd-run -q --unit unread -p StandardOutput=file:/run/unread python3 /root/unread.py`,
    )
    await until(() => guest.ask('grep full /run/unread'), 10_000, 'two full terminals')
    await guest.ask(asUser('tmux -L left new -d -x 100 -y 30; screen -dmS left'))
    await until(settled, 10_000, 'all terminals')
    // An audit log of this warning alone.
    warned = await observer.see(({ state }) => state === 'idle', 60_000, 'idle')
    await until(() => guest.ask('grep warn /var/log/idle-agent/audit.jsonl'), 5_000, 'the warning')
  }, 240_000)
  afterAll(async () => {
    for (const [name, screen] of screens) writeFileSync(join(guest.run.evidence, `${name}.txt`), screen.text())
    await guest?.close()
  }, 60_000)

  const asUser = (command: string): string => `su - ${user} -c '${command}'`

  /** Opens a terminal and types. */
  async function sitDown(typed: string): Promise<Connection> {
    const connection = guest.ssh()
    await loggedIn(connection)
    connection.type(`stty cols 100 rows 30; ${typed}\n`)
    return connection
  }

  /** Of ssh six, four more inside of them, two left behind by multiplexers, two unread; sudo's own is inside as well. */
  const settled = async (): Promise<boolean> => (await guest.ask('ls /dev/pts')).trim().split('\n').length === 15

  test('is told once on each terminal, and on those of tmux and screen that nobody looks at', async () => {
    const seen = Object.fromEntries([...screens].map(([name, screen]) => [name, count(screen.text())]))
    expect(seen).toEqual(Object.fromEntries(Object.keys(people).map((name) => [name, 1])))
    // Fourteen terminals: four of them show another one, two are full.
    const audit = await guest.ask('grep \'"warn"\' /var/log/idle-agent/audit.jsonl')
    expect(audit.match(/"detail":"(\d+) terminals told: stop at/g)).toEqual(['"detail":"8 terminals told: stop at'])
    await guest.ask(asUser('screen -S left -X hardcopy /tmp/left; screen -S work -X hardcopy /tmp/work'))
    for (const look of [
      'tmux -L left capture-pane -p',
      'tmux capture-pane -p -t work',
      'cat /tmp/left',
      'cat /tmp/work',
    ]) {
      // Lines are as wide as the terminal, and end where it does.
      const screen = (await guest.ask(asUser(look))).replace(/\s/g, '')
      expect(screen.split(told), look).toHaveLength(2)
    }
  })

  test('is neither input nor output for the checks that follow, and moves nothing', async () => {
    const due = /stop at (.*) UTC/.exec(warned.reason)?.[1]
    const stopped = async (): Promise<boolean> => {
      await observer.look()
      return (await guest.cloud.stops()).length > 0
    }
    await until(stopped, 40_000, 'a stop', 300)
    const after = observer.seen.filter(({ at }) => at >= warned.at)
    expect(after.length).toBeGreaterThan(3)
    for (const { readings, reason, verdict } of after) {
      const sessions = readings.find(({ sensor }) => sensor === 'sessions')
      expect(sessions).toMatchObject({ kind: 'hold', reason: '6 ssh connections open without traffic both ways' })
      expect([verdict, reason]).toEqual(['idle', expect.stringMatching(`stop at ${due ?? '?'}|for 3\\d s$`)])
    }
  })
})
