// What people and programs really do on a real Debian: each has the right verdict and the right name while it lasts, and ends.
import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Connection, cloudInitResult, type Guest, user } from './guest.ts'
import { dieWithUs, end, environment, output, until } from './host.ts'
import { addresses } from './network.ts'
import { bootNspawn } from './nspawn.ts'
import { endpoints, guestsSkipped, installing, type Observer, observe, seconds, type Told } from './story.ts'

interface Activity {
  /** Starts it, and returns how it ends. */
  readonly begin: (guest: Guest) => Promise<() => Promise<unknown>>
  readonly sensor: string
  readonly kind: 'active' | 'hold' | 'idle'
  readonly reason: RegExp
}

const loggedIn = (connection: Connection): Promise<unknown> =>
  until(() => connection.text().includes('$ '), 15_000, 'a prompt over ssh')

async function inBackground(guest: Guest, script: string): Promise<() => Promise<unknown>> {
  const unit = `work-${String(Date.now())}`
  await guest.ask(`systemd-run -q --unit ${unit} --uid ${user} -p KillMode=control-group -- sh -c '${script}'`)
  return () => guest.exec(`systemctl stop ${unit}`)
}

async function typing(guest: Guest): Promise<() => Promise<unknown>> {
  const person = guest.ssh()
  await loggedIn(person)
  const timer = setInterval(() => person.type(' '), 700)
  return () => {
    clearInterval(timer)
    return person.close()
  }
}

async function detached(guest: Guest, command: string): Promise<() => Promise<unknown>> {
  await guest.ask(`su - ${user} -c "tmux new-session -d ${command}"`)
  return () => guest.exec(`su - ${user} -c "tmux kill-server"`)
}

async function tunnel(guest: Guest, { used }: { readonly used: boolean }): Promise<() => Promise<unknown>> {
  const server = await inBackground(guest, 'while :; do head -c 2000 /dev/zero | nc -l -p 9000 -q 0; done')
  const connection = guest.ssh({ tty: false, flags: ['-N', '-L', '9001:127.0.0.1:9000'] })
  const fetched = used ? setInterval(() => void fetchOnce(guest), 600) : undefined
  return async () => {
    clearInterval(fetched)
    await connection.close()
    await server()
  }
}

async function fetchOnce({ network }: Guest): Promise<void> {
  await output(network.inSim('bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/9001 && cat <&3 >/dev/null'), {
    timeoutMs: 5_000,
  })
}

async function upload(guest: Guest): Promise<() => Promise<unknown>> {
  const sink = `require('node:net').createServer((socket) => socket.resume()).listen(9002, '${addresses.gateway}')`
  const [file = '', ...args] = [...dieWithUs, ...guest.network.inSim(process.execPath, '-e', sink)]
  const server = spawn(file, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
  const send = `while :; do head -c 3000 /dev/zero; sleep 0.1; done | nc ${addresses.gateway} 9002`
  const stop = await inBackground(guest, `sleep 1; ${send}`)
  return async () => {
    await stop()
    await end(server)
  }
}

async function twoUsers(guest: Guest): Promise<() => Promise<unknown>> {
  const idler = guest.ssh()
  await loggedIn(idler)
  const leave = await typing(guest)
  return async () => {
    await leave()
    await idler.close()
  }
}

/** Runs at the next full minute. */
async function crontab(guest: Guest): Promise<() => Promise<unknown>> {
  await guest.ask(`echo '* * * * * timeout 50 sh -c "${spin}"' | crontab -u ${user} -`)
  await until(() => guest.ask(`pgrep -u ${user} -x timeout`), 70_000, 'the job runs')
  return () => guest.exec(`crontab -u ${user} -r; pkill -u ${user} -x timeout`)
}

const spin = 'while :; do :; done'

const activities: Readonly<Record<string, Activity>> = {
  'a person types': { begin: typing, sensor: 'sessions', kind: 'active', reason: /input on pts\/\d+|over ssh/ },
  'two users, one of whom types': {
    begin: twoUsers,
    sensor: 'sessions',
    kind: 'active',
    reason: /input on pts\/\d+|over ssh/,
  },
  'a detached tmux runs a polling test': {
    begin: (guest) => detached(guest, "'while :; do curl -s -m 1 -o /dev/null http://10.77.0.1:80/; sleep 0.5; done'"),
    sensor: 'sessions',
    kind: 'active',
    reason: /pts\/\d+|tmux/,
  },
  'a tunnel over ssh carries bytes': {
    begin: (guest) => tunnel(guest, { used: true }),
    sensor: 'sessions',
    kind: 'active',
    reason: /tunnel or transfer over ssh/,
  },
  'a tunnel over ssh is forgotten': {
    begin: (guest) => tunnel(guest, { used: false }),
    sensor: 'sessions',
    kind: 'hold',
    reason: /ssh connection open/,
  },
  'one busy thread': { begin: (guest) => inBackground(guest, spin), sensor: 'cpu', kind: 'active', reason: /\bsh\b/ },
  'a detached tmux with two shells': {
    begin: (guest) => detached(guest, '\\\\; split-window'),
    sensor: 'sessions',
    kind: 'idle',
    reason: /./,
  },
  "a user's crontab job": { begin: crontab, sensor: 'cpu', kind: 'active', reason: /./ },
  'an upload of 30 kB/s': { begin: upload, sensor: 'network', kind: 'active', reason: /eth0 sent/ },
}

describe.skipIf(guestsSkipped('activities in a guest'))('what people do', { timeout: 120_000 }, () => {
  let guest: Guest
  let observer: Observer
  const reading = (told: Told, sensor: string): Told['readings'][number] | undefined =>
    told.readings.find((one) => one.sensor === sensor)

  beforeAll(async () => {
    const settings = { ...seconds, hibernate_threshold_minutes: 60, boot_grace_minutes: 0 }
    guest = await bootNspawn({ name: 'nspawn-activities', userData: installing(settings) })
    observer = observe(guest)
    await cloudInitResult(guest, 40_000)
  }, 240_000)
  afterAll(() => guest?.close(), 60_000)

  /** Two checks after now see nothing but what is there now. */
  async function settled(): Promise<void> {
    const now = Date.now()
    await observer.see(
      (told) =>
        Date.parse(told.at) > now && told.verdict === 'idle' && told.readings.every(({ kind }) => kind === 'idle'),
      30_000,
      'nothing going on',
    )
  }

  test.each(Object.entries(activities))('%s', async (name, { begin, sensor, kind, reason }) => {
    await settled()
    observer.note(`--- ${name}`)
    const finish = await begin(guest)
    try {
      // The first whole interval with it, not the one in which it began: a login is evidence of its own.
      const from = Date.now() + 5_000
      const told = await observer.see(
        (one) => Date.parse(one.at) > from && reading(one, sensor)?.kind === kind,
        25_000,
        `${name}: ${sensor} is ${kind}`,
      )
      expect(reading(told, sensor)?.reason).toMatch(reason)
      expect(told.verdict).toBe(kind === 'active' ? 'active' : 'idle')
    } finally {
      await finish()
      observer.note(`--- end of ${name}`)
    }
    await settled()
  })

  test('a package manager at work holds its lock', async () => {
    await settled()
    const lock =
      "import fcntl, time; lock = open('/var/lib/dpkg/lock', 'w'); fcntl.lockf(lock, fcntl.LOCK_EX); time.sleep(60)"
    await guest.ask('install -m 0755 /usr/bin/python3 /var/tmp/apt-get')
    await guest.ask(`systemd-run -q --unit held -- /var/tmp/apt-get -c "${lock}"`)
    // Vetoes that cost something are read when an action is due, and when somebody asks by hand.
    const byHand = (): Promise<string> => guest.ask(`${endpoints.join(' ')} idle-agent check --json`)
    const reason = /"vetoes":\[\{"name":"package-manager","reason":"[^"]*dpkg[^"]*apt-get/
    await until(async () => reason.test(await byHand()), 15_000, 'the veto')
    await guest.ask('systemctl stop held')
    expect(await byHand()).toContain('"vetoes":[]')
  })
})
