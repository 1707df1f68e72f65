// Users without rights attack the agent in a real Debian: none stops a machine in use, none holds one past its ceiling.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Attack, type Attackers, startAttackers } from './attackers.ts'
import { busyAttacks, crowd, typist } from './busy-attacks.ts'
import { cloudInitResult, type Guest, user } from './guest.ts'
import { until } from './host.ts'
import { othersLeaseAttacks, quietLeaseAttacks } from './lease-attacks.ts'
import { bootNspawn } from './nspawn.ts'
import { reusePid } from './pid-reuse.ts'
import { quietProcessAttacks } from './process-attacks.ts'
import { scheduleAttacks } from './schedule-attacks.ts'
import { measured, rawShown } from './shown.ts'
import { guestsSkipped, installing, type Observer, observe, seconds, type Told } from './story.ts'

/** Looked at every 3 s, stopped after 12 s; whatever users ask for ends after 36 s, what is weak evidence after 24 s. */
const [intervalMs, thresholdMs, ceilingMs] = [3_000, 12_000, 36_000]
/** What a check may be late by on a machine with other things to do, its second look included. */
const slackMs = 8_000
const settings = {
  ...seconds,
  hibernate_threshold_minutes: thresholdMs / 60_000,
  boot_grace_minutes: 0,
  keep: { ceiling_hours: ceilingMs / 3_600_000 },
  // Sixty attackers that do nothing do that a little.
  sensors: { cpu: { cores: 0.25 }, sessions: { connection_hold_minutes: 0.4, output_hold_minutes: 0.4 } },
}
const punctual = `mkdir /etc/systemd/system/idle-agent.timer.d &&
printf '[Timer]\\nAccuracySec=100ms\\n' >/etc/systemd/system/idle-agent.timer.d/punctual.conf &&
systemctl daemon-reload && systemctl restart idle-agent.timer`

describe.skipIf(guestsSkipped('attacks in a guest'))('a user without rights', { timeout: 150_000 }, () => {
  let guest: Guest
  let observer: Observer

  beforeAll(async () => {
    // The cloud refuses each stop, and the guest goes on: a refusal ends nothing but that idle period.
    const instance = { disableApiStop: true }
    guest = await bootNspawn({ name: 'nspawn-attacks', userData: installing(settings), instance })
    observer = observe(guest)
    await cloudInitResult(guest, 40_000)
    await guest.ask(punctual)
  }, 240_000)
  afterAll(() => guest?.close(), 60_000)

  /** When the agent asked the cloud for a stop since then, in epoch milliseconds. */
  async function stopsSince(ms: number): Promise<readonly number[]> {
    const { requests } = await guest.cloud.requests()
    const stops = requests.filter(
      ({ action, errorCode }) => action === 'StopInstances' && errorCode !== 'DryRunOperation',
    )
    return stops.map(({ at }) => Date.parse(at)).filter((at) => at >= ms)
  }

  /** The first stop since then, while the agent is watched. */
  async function stopped(from: number, timeoutMs: number): Promise<number> {
    const seen = async (): Promise<number | undefined> => {
      await observer.look()
      return (await stopsSince(from))[0]
    }
    return await until(seen, timeoutMs, 'a stop', 500)
  }

  /** Every attack did what it says and got no further; one line of the table each. */
  async function outcomes(attackers: Attackers, attacks: readonly Attack[], result: string): Promise<void> {
    const got = await attackers.got()
    for (const { what, got: expected } of attacks) {
      const said = (got.get(what) ?? '').replace(/^ready\n?/m, '')
      expect(said, what).toMatch(expected)
      const line = `${what} | ${said.trim().replaceAll('\n', ', ') || 'it could'} | ${result}`
      observer.note(line)
      appendFileSync(join(guest.run.evidence, 'attacks.txt'), `${line}\n`)
    }
  }

  /** Nothing that anybody reads can write to their terminal; no check has failed, and one takes no longer than it may. */
  async function unharmed(): Promise<string> {
    for (const [name, raw] of await rawShown(guest)) expect(raw, name).toEqual([])
    const { code, ms, peakMiB } = await measured(guest)
    expect([0, 3]).toContain(code)
    expect(ms).toBeLessThan(10_000)
    expect(peakMiB).toBeLessThan(250)
    const failed = await guest.ask("journalctl -u idle-agent.service -o cat | grep -c 'Failed with result' || true")
    expect(failed).toBe('0\n')
    return `check: ${(ms / 1000).toFixed(1)} s, ${String(peakMiB)} MiB`
  }

  const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`

  test('holds an idle machine no longer than the ceiling', async () => {
    observer.note('--- idle')
    await observer.see(() => true, 15_000, 'the first check')
    const attacks = [...quietLeaseAttacks, ...quietProcessAttacks, ...scheduleAttacks]
    const reuse = await reusePid(guest)
    const attackers = await startAttackers(guest, 'quiet', attacks)
    const from = Date.now()
    const byHand = await measured(guest)
    const vetoes = new Set([...byHand.stdout.matchAll(/"name":"([^"]+)","reason":"([^"]*)"/g)].map((one) => one[1]))
    expect([...vetoes].sort()).toEqual(['at', 'cron', 'inhibitor', 'lease', 'package-manager', 'timer'])
    // Each of them, and the reused process, is seen; each has an end.
    expect(byHand.stdout).not.toMatch(new RegExp(`while process ${String(reuse)} runs`))
    const at = await stopped(from, ceilingMs + thresholdMs + 30_000)
    const told = await observer.see(({ state }) => state === 'held', 10_000, 'held by the refusal')
    const idleFor = at - Date.parse(told.idleSince ?? '')
    expect(idleFor).toBeGreaterThanOrEqual(ceilingMs)
    expect(idleFor).toBeLessThan(ceilingMs + intervalMs + slackMs)
    expect(at - from).toBeLessThan(ceilingMs + intervalMs + slackMs)
    const late = observer.seen.filter((one) => Date.parse(one.at) > from + intervalMs)
    expect(late.filter(({ verdict }) => verdict !== 'idle').map(({ reason }) => reason)).toEqual([])
    await outcomes(attackers, attacks, `idle; a stop ${inSeconds(idleFor)} after the last use; ${await unharmed()}`)
    await attackers.end()
    await guest.ask(
      `loginctl disable-linger ${user}; crontab -u nobody -r; crontab -u ${user} -r; rm -f /run/systemd/inhibit/77 /var/spool/cron/atjobs/a*`,
    )
  })

  const asUser = (command: string): string => `su - ${user} -c '${command}'`
  const holdsByLease = ({ state, reason }: Told): boolean => state === 'held' && reason.includes('held: lease until')

  test('takes nobody’s lease away, and keeps nobody from having another', async () => {
    observer.note('--- others’ leases')
    const [first, ...rest] = othersLeaseAttacks
    const [taking, filling] = rest
    if (first === undefined || taking === undefined || filling === undefined) throw new Error('three attacks')
    await guest.ask(asUser('idle-agent keep --for 1h'))
    const attackers = await startAttackers(guest, 'others', [first, taking])
    const from = Date.now()
    // All places but the first are another's, who takes them twenty times a second: the next check gives them back.
    const another = await until(
      () => guest.ask(asUser('idle-agent keep --for 1h')),
      2 * intervalMs + slackMs,
      'another lease',
    )
    const waited = Date.now() - from
    expect(another).toMatch(/^lease 1000-\d+: this machine stays up until/)
    const fillers = await startAttackers(guest, 'fill', [filling])
    const filled = Date.now()
    const held = await observer.see((told) => holdsByLease(told) && Date.parse(told.at) > filled, 20_000, 'held')
    expect(Date.parse(held.at) - Date.parse(held.idleSince ?? '')).toBeGreaterThanOrEqual(thresholdMs)
    expect(await stopsSince(from)).toEqual([])
    // /run has room for everybody else: the status was written, and systemd starts what it is asked for.
    await guest.ask('systemd-run -q --wait true')
    await outcomes(attackers, [first, taking], `the lease held; another one after ${inSeconds(waited)}`)
    await outcomes(fillers, [filling], 'the lease held; /run has room, the status was written')
    await attackers.end()
    await fillers.end()
    await guest.ask(asUser('idle-agent release --all'))
    const ended = Date.now()
    const at = await stopped(ended, thresholdMs + intervalMs + slackMs + 10_000)
    observer.note(`a stop ${inSeconds(at - ended)} after the lease was given back; ${await unharmed()}`)
  })

  test('neither hides who uses the machine, nor breaks a check', async () => {
    observer.note('--- in use')
    const spin = 'while :; do :; done'
    await guest.ask(`systemd-run -q --unit victim --uid ${user} -- timeout 300 sh -c '${spin}'`)
    const person = guest.ssh()
    await until(() => person.text().includes('$ '), 15_000, 'a prompt over ssh')
    const many = await startAttackers(guest, 'crowd', [crowd])
    const attackers = await startAttackers(guest, 'busy', [...busyAttacks, typist])
    const from = Date.now()
    const checks: number[] = []
    for (let count = 0; count < 6; count += 1) {
      const { code, ms, peakMiB, stdout } = await measured(guest)
      checks.push(ms)
      expect([code === 0 || code === 3, stdout.includes('"verdict":"active"')], stdout).toEqual([true, true])
      expect(ms).toBeLessThan(10_000)
      expect(peakMiB).toBeLessThan(250)
    }
    const reading = ({ readings }: Told, name: string) => readings.find(({ sensor }) => sensor === name)
    const typed = await observer.see(
      (one) => /: input on pts/.test(reading(one, 'sessions')?.reason ?? ''),
      15_000,
      'typed',
    )
    expect(reading(typed, 'cpu')?.kind).toBe('active')
    expect(await stopsSince(from)).toEqual([])
    const longest = inSeconds(Math.max(...checks))
    const result = `active at every check; 6 checks, the longest ${longest}`
    await outcomes(attackers, [...busyAttacks, typist], result)
    await outcomes(many, [crowd], result)
    await unharmed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what was tried to be written there
    expect(person.text()).not.toMatch(/\u001b\]0;x\u0007|\u001b\[2J|out/)
    await person.close()
    await attackers.end()
    await many.end()
    observer.note('the attackers have ended, the user has not')
    const alone = Date.now()
    const seen = await observer.see((one) => Date.parse(one.at) > alone + 2 * intervalMs, 20_000, 'a check later')
    expect([seen.verdict, reading(seen, 'cpu')?.reason]).toEqual([
      'active',
      expect.stringMatching(/, victim\.service, sh \(pid \d+\): /),
    ])
    expect(await stopsSince(from)).toEqual([])
    await guest.ask('systemctl stop victim')
    const ended = Date.now()
    const at = await stopped(ended, thresholdMs + intervalMs + slackMs + 20_000)
    observer.note(`a stop ${inSeconds(at - ended)} after the user's end`)
    expect(at - ended).toBeLessThan(thresholdMs + 2 * intervalMs + slackMs)
  })
})
