// On a real Debian: what `install` puts there and `uninstall` takes away, and what `doctor` says of faults that are really there.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pathsOf } from '../../agent/check/parts.ts'
import { leaseMountPath, ownFiles, predecessors } from '../../agent/install/files.ts'
import { cloudFaults } from './cloud-faults.ts'
import { cloudInitResult, delivered, type Guest } from './guest.ts'
import { until } from './host.ts'
import { createLister, difference, type Lister, type Listing, same, writtenBySystem } from './listing.ts'
import { cronFaults, timerFaults } from './machine-faults.ts'
import { bootNspawn } from './nspawn.ts'
import type { PreparedFault } from './prepared-faults.ts'
import { endpoints, guestsSkipped } from './story.ts'

const variables = endpoints.join(' ')

/** Never due within this test. */
const thresholds = '  idle_threshold_minutes: 300\n  hibernate_threshold_minutes: 600\n'
const withCron = `idle_detection:\n${thresholds}  check_interval_minutes: 1\n  action: hibernate\n`
const withTimer = `idle_detection:\n${thresholds}  check_interval_minutes: 0.05\n  action: stop\n`

/** What `install` and the checks leave with either schedule, in order. */
const common = [
  ...['/etc/idle-agent', '/etc/idle-agent/config.yaml', '/etc/logrotate.d/idle-agent', '/etc/motd.d'],
  ...['/etc/systemd/system/local-fs.target.wants', leaseMountPath],
  leaseMountPath.replace('system/', 'system/local-fs.target.wants/'),
  ...['', 'multi-user.target.wants/'].map((folder) => `/etc/systemd/system/${folder}idle-agent-gpu.service`),
  ...['/etc/tmpfiles.d/idle-agent.conf', '/run/idle-agent', '/run/idle-agent/leases', '/usr/local/bin/idle-agent'],
  ...['/usr/lib/systemd/system-sleep/idle-agent', '/var/lib/idle-agent', '/var/lib/idle-agent/folders'],
  ...['/run/systemd/units/invocation:run-idle\\x2dagent-leases.mount', '/var/log/idle-agent'],
].sort()
const ofChecks = [
  ...['/run/idle-agent/status.json', '/var/lib/idle-agent/config.json', '/var/lib/idle-agent/lock'],
  ...['/var/lib/idle-agent/state.json', '/var/log/idle-agent/audit.jsonl'],
]
/** There once two checks have said different things, so after one or after more; what is there has to go with the rest. */
const ofChanges = '/var/lib/idle-agent/history.jsonl'
const ofCron = ['/etc/cron.d/idle-agent']
const ofTimer = [
  ...['/etc/systemd/system/idle-agent.service', '/etc/systemd/system/idle-agent.timer'],
  '/etc/systemd/system/timers.target.wants/idle-agent.timer',
]

/** A check that has just begun when `uninstall` comes, and goes on, making its folders, when that could be done. */
const slowCheck = `${variables} setsid idle-agent check --act </dev/null >/dev/null 2>&1 & pid=$!
until [ "$(readlink /proc/$pid/exe)" = /usr/local/bin/idle-agent ]; do :; done; kill -STOP $pid
(sleep 1; kill -CONT $pid) </dev/null >/dev/null 2>&1 &`

/** By one of the faults, and by nothing else. */
const cronRestarted = [
  expect.stringMatching(/^\/run\/crond\.pid: f 644 0:0 /),
  expect.stringMatching(/^\/run\/systemd\/units\/invocation:cron\.service: l /),
]

interface Told {
  readonly code: number
  /** All that is not in order: mark, name, what, remedy. */
  readonly findings: readonly (readonly string[])[]
}

describe.skipIf(guestsSkipped('install, uninstall and doctor'))('on a guest', () => {
  let guest: Guest
  let lister: Lister
  let before: Listing
  let healthy: Told
  const report: string[] = []

  beforeAll(async () => {
    guest = await bootNspawn({ name: 'installed', userData: '#cloud-config\n{}\n' })
    await cloudInitResult(guest, 40_000)
    await guest.ask('systemctl is-system-running --wait')
    lister = createLister(guest)
    before = await lister.list()
  }, 120_000)
  afterAll(async () => {
    writeFileSync(join(guest.run.evidence, 'doctor.txt'), report.join('\n'))
    await guest.close()
  }, 60_000)

  async function install(config: string, schedule: 'cron' | 'timer'): Promise<string> {
    await guest.ask(`cat >/tmp/config.yaml <<'END'\n${config}END`)
    const said = await guest.ask(`${variables} ${delivered} install --schedule ${schedule} --config /tmp/config.yaml`)
    await guest.ask('rm /tmp/config.yaml')
    return said
  }

  async function doctor(): Promise<Told> {
    const { code, stdout, stderr } = await guest.exec(`${variables} ${delivered} doctor`)
    expect(stderr).toBe('')
    report.push(stdout.replace(/^ *✓.*\n/gm, ''))
    const found = [...stdout.matchAll(/^([!✗]) (\S.*?\S) {2,}(.*)\n +→ (.*)$/gm)].map((match) => match.slice(1))
    return { code, findings: found }
  }

  /** Cron checks at the full minute: what is prepared must not meet that check. */
  async function betweenChecks(): Promise<void> {
    const ms = Date.now() % 60_000
    if (ms > 56_000) await sleep(62_000 - ms)
    else if (ms < 2_000) await sleep(2_000 - ms)
  }

  async function named({ what, prepare, findings, code }: PreparedFault): Promise<void> {
    await betweenChecks()
    report.push(`--- ${what}`)
    const undo = await prepare(guest)
    try {
      const told = await doctor()
      // Exactly this and nothing else: so the fault before is gone, too.
      const wanted = findings.map(([mark, name, text, remedy]) => [
        mark,
        name,
        expect.stringMatching(text),
        expect.stringMatching(remedy),
      ])
      const others = told.findings.filter((one) => !healthy.findings.some((usual) => usual.join() === one.join()))
      expect(others).toEqual(wanted)
      expect(told.code).toBe(code)
    } finally {
      await undo()
    }
  }

  /** What systemd knows of ours, and everything that failed. */
  async function unitsOfOurs(): Promise<string> {
    const ours = "'idle-agent*' 'run-idle*'"
    const asked = [`list-units --all ${ours}`, `list-unit-files ${ours}`, '--failed']
    const told = await Promise.all(asked.map((words) => guest.exec(`systemctl --plain --no-legend ${words}`)))
    return told.map(({ stdout, stderr }) => stdout + stderr).join('')
  }

  test('what the listing leaves out is none of ours', () => {
    const { stateDir, runDir, logDir, note } = pathsOf(undefined)
    const ours = [
      ...ownFiles,
      ...predecessors,
      ...common,
      ...ofChecks,
      ...ofCron,
      ...ofTimer,
      stateDir,
      runDir,
      logDir,
      note,
    ]
    const hidden = [...ours, ...ours.map((path) => `${path}/x`)].filter((path) =>
      writtenBySystem.some((one) => one.path.test(path)),
    )
    expect(hidden).toEqual([])
    expect(before.size).toBeGreaterThan(10_000)
  })

  test('where somebody has masked the timer, it is not installed at all', async () => {
    await guest.ask('systemctl mask idle-agent.timer')
    const { code, stdout, stderr } = await guest.exec(`${variables} ${delivered} install --schedule timer`)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/masked: "sudo systemctl unmask idle-agent\.timer" first/)
    await guest.ask('systemctl unmask idle-agent.timer')
    expect(difference(before, await lister.list())).toEqual(same)
  })

  test('cron: installed in place of the agent before, and a second time without a change', async () => {
    for (const path of predecessors) await guest.ask(`echo '# its text' >${path}`)
    const said = await install(withCron, 'cron')
    for (const path of predecessors) expect(said).toContain(`removed ${path} (the agent that this one replaces)`)
    const once = await lister.list()
    expect(difference(before, once)).toEqual({ ...same, added: [...common, ...ofCron].sort() })
    expect(await install(withCron, 'cron')).not.toMatch(/wrote|removed/)
    expect(difference(once, await lister.list())).toEqual(same)
  })

  describe('doctor', () => {
    beforeAll(async () => {
      const kb = Number((await guest.ask('grep MemTotal /proc/meminfo')).split(/\s+/)[1])
      await guest.ask(`truncate -s ${String(kb + 1024)}K /swap`)
      const unit = '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n'
      await guest.ask(`printf '${unit}' >/etc/systemd/system/hibinit-agent.service; systemctl daemon-reload`)
      expect(await doctor()).toMatchObject({
        findings: expect.arrayContaining([['!', 'last check', expect.stringMatching(/since boot/), expect.anything()]]),
      })
      await guest.ask(`${variables} idle-agent check --act`)
      healthy = await doctor()
    }, 30_000)
    afterAll(async () => {
      await guest.ask('rm /swap /etc/systemd/system/hibinit-agent.service; systemctl daemon-reload')
    })

    test('has nothing to say of a healthy machine, but what its clock really is', async () => {
      // A container cannot set the clock it shares: where the host's is not synchronised, that is a fault of its own.
      const synchronised = (await guest.ask('timedatectl show -p NTPSynchronized --value')) === 'yes\n'
      const clock = ['!', 'clock', expect.stringMatching(/^not synchronised/), expect.stringMatching(/start chrony/)]
      expect(healthy).toEqual({ code: 0, findings: synchronised ? [] : [clock] })
    })

    for (const fault of [...cloudFaults, ...cronFaults])
      test(`names it, and the remedy: ${fault.what}`, { timeout: 40_000 }, () => named(fault))

    test('has nothing to say any more', async () => {
      expect(await doctor()).toEqual(healthy)
    })
  })

  test('cron: a check was started by it; uninstalled, all is as it was', { timeout: 100_000 }, async () => {
    const started = (): Promise<string> => guest.ask("journalctl -q -t CRON -g 'idle-agent check --act'")
    await until(started, 70_000, 'a check by cron')
    await until(async () => (await guest.exec('pgrep idle-agent')).code === 1, 5_000, 'the check is over')
    const used = difference(before, await lister.list())
    expect(used.added.filter((path) => path !== ofChanges)).toEqual(
      [...common, ...ofCron, ...ofChecks, '/var/log/idle-agent/agent.log'].sort(),
    )
    expect([used.removed, used.changed]).toEqual([[], cronRestarted])
    await guest.ask(slowCheck)
    await guest.ask('idle-agent uninstall')
    await until(async () => (await guest.exec('pgrep idle-agent')).code === 1, 5_000, 'the check is over')
    expect(difference(before, await lister.list())).toEqual({ ...same, changed: cronRestarted })
  })

  describe('timer', () => {
    test('installed, and a second time without a change but for what checks write', async () => {
      await install(withTimer, 'timer')
      await until(() => guest.ask('cat /run/idle-agent/status.json'), 10_000, 'a check by the timer')
      const once = await lister.list()
      const added = difference(before, once).added.filter((path) => path !== ofChanges)
      expect(added).toEqual([...common, ...ofTimer, ...ofChecks].sort())
      expect(await install(withTimer, 'timer')).not.toMatch(/wrote|removed/)
      const twice = difference(once, await lister.list())
      expect([twice.added.filter((path) => path !== ofChanges), twice.removed]).toEqual([[], []])
      expect(
        twice.changed.filter((change) => ![...ofChecks, ofChanges].some((path) => change.startsWith(`${path}:`))),
      ).toEqual([])
      healthy = await doctor()
      expect(healthy.code).toBe(0)
    })

    for (const fault of timerFaults) test(`doctor names it, and the remedy: ${fault.what}`, () => named(fault))

    test('uninstalled while its unit has failed, all is as it was', { timeout: 60_000 }, async () => {
      await guest.ask("echo '  acton: stop' >>/etc/idle-agent/config.yaml")
      await until(() => guest.ask('systemctl is-failed idle-agent.service'), 10_000, 'a check that fails')
      await guest.ask('idle-agent uninstall')
      expect(difference(before, await lister.list())).toEqual({ ...same, changed: cronRestarted })
      expect(await unitsOfOurs()).toBe('')
      expect((await guest.exec('pgrep -a idle-agent')).stdout).toBe('')
      expect([...lister.excluded].filter((path) => path.includes('idle'))).toEqual([])
      writeFileSync(
        join(guest.run.evidence, 'listing.txt'),
        `${String(before.size)} compared\nleft out:\n${[...lister.excluded].join('\n')}\n`,
      )
    })
  })
})
