// A person at a real terminal of this machine: seen, warned, and obeyed.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { acted, type Machine, type Settings, startMachine } from '../machine.ts'
import { canLendTerminal, openTerminal, type Terminal } from '../terminal.ts'

/** Every sensor but that of the people at terminals. */
const others = ['cpu', 'editors', 'desktops', 'network', 'disk', 'gpu', 'containers', 'schedulers', 'notebooks']

if (!canLendTerminal)
  process.stderr.write('SKIPPED: no root, namespaces, bash or python3: nobody types at a real terminal\n')

// What the whole machine does is no matter here: it runs other tests.
const settings = {
  idle_threshold_minutes: 0.05,
  hibernate_threshold_minutes: 0.22,
  check_interval_minutes: 0.05,
  boot_grace_minutes: 0,
  sensors: `{ ${others.map((name) => `${name}: { enabled: false }`).join(', ')} }`,
}

/** The warning comes more than 8 s after the last output, or it would not move the terminal's modification time at all. */
const later = { idle_threshold_minutes: 0.15, hibernate_threshold_minutes: 0.31 }

function warnings(screen: string): number {
  return screen.split('idle-agent: nothing has needed this machine for').length - 1
}

async function atTerminal(
  finished: (end: () => Promise<void>) => void,
  more: Settings = {},
): Promise<[Machine, Terminal]> {
  const machine = await startMachine({ settings: { ...settings, ...more } })
  const terminal = openTerminal(machine)
  finished(async () => {
    terminal.close()
    await machine.close()
  })
  machine.runCheck = (args) => terminal.run(...args, '--state-dir', machine.stateDir, '--config', machine.configPath)
  expect(await terminal.terminals()).toEqual(['0'])
  return [machine, terminal]
}

test
  .skipIf(!canLendTerminal)
  .concurrent('a person is seen, warned, and cancels by typing', { timeout: 120_000 }, async (context) => {
    const [machine, terminal] = await atTerminal(context.onTestFinished, later)
    await machine.check()
    await terminal.type('true\n')
    const typed = await machine.check()
    expect(typed.check).toMatchObject({ verdict: 'active', readings: [{ sensor: 'sessions', kind: 'active' }] })
    expect(typed.check.reason).toMatch(/^in use: uid \d+(, [^:]+)?: input on pts\/0/)

    const warned = (await machine.until(({ check }) => check.actions.some(({ action }) => action === 'warn'))).at(-1)
    expect(warned?.check.actions[0]?.detail).toMatch(/^1 terminal told: hibernate at \d\d:\d\d(:\d\d)? UTC$/)
    const screen = await terminal.screen()
    expect(screen).toContain('\n\u0007idle-agent: nothing has needed')
    expect(screen).toMatch(/will hibernate at .* UTC\.\r+\nTo prevent it: run {2}idle-agent keep/)
    const after = await machine.check()
    expect(after.check).toMatchObject({ verdict: 'idle', readings: [{ sensor: 'sessions', kind: 'idle' }] })

    // Into the second look: the check begins shortly before the due time, waits for it, and looks again 1.5 s later.
    await sleep(Math.max(0, Date.parse(after.check.next.at ?? '') - Date.now() - 1_500))
    const acting = machine.check()
    await sleep(2_300)
    await terminal.type('\n')
    const cancelled = await acting
    expect(cancelled.check).toMatchObject({ verdict: 'active', state: 'active' })
    expect(cancelled.check.actions).toContainEqual({
      action: 'hibernate',
      result: 'refused',
      detail: expect.stringMatching(/^cancelled by the second look: in use: uid \d+(, [^:]+)?: input on pts\/0/),
    })
    expect([cancelled.code, cancelled.tags]).toMatchObject([0, { IdleStatus: 'active', IdleSince: '', IdleAction: '' }])
    expect([machine.stops(), warnings(await terminal.screen())]).toEqual([[], 1])
  })

test
  .skipIf(!canLendTerminal)
  .concurrent('typing after the warning starts the clock again', { timeout: 120_000 }, async (context) => {
    const [machine, terminal] = await atTerminal(context.onTestFinished)
    await machine.until(({ check }) => check.actions.some(({ action }) => action === 'warn'))
    await terminal.type('echo still here\n')
    const typed = await machine.check()
    expect(typed.check.reason).toMatch(/^in use: uid \d+(, [^:]+)?: input on pts\/0/)
    expect(typed.tags).toEqual({ IdleStatus: 'active', IdleSince: '', IdleAction: '', IdleReason: '' })
    const next = await machine.check()
    expect(next.check.idleSeconds).toBeLessThan(13)
    expect(machine.stops()).toEqual([])
    await machine.until(acted)
    expect(warnings(await terminal.screen())).toBe(2)
    expect(machine.intents()[0]).toMatchObject({ personSeen: true })
  })

test
  .skipIf(!canLendTerminal)
  .concurrent('a job left in front of a terminal holds, or keeps it up', { timeout: 120_000 }, async (context) => {
    const [machine, terminal] = await atTerminal(context.onTestFinished)
    await terminal.type('sleep 1000\n')
    await machine.check()
    const stuck = await machine.check()
    expect(stuck.check.readings).toMatchObject([
      { kind: 'hold', reason: expect.stringMatching(/sleep.*foreground of pts\/0/) },
    ])
    await terminal.type('\u0003')
    // In a shell of its own: between two commands of this one's loop nothing is in front of the terminal.
    await terminal.type("sh -c 'while sleep 0.2; do :; done'\n")
    await machine.check()
    await machine.check()
    // Two intervals after the last key: the job alone.
    const working = await machine.check()
    expect(working.check.verdict).toBe('active')
    expect(working.check.reason).not.toContain('input')
  })
