// The process that called Stop is frozen in its call with the machine, and wakes up hours or seconds later: it sends nothing again.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Fault } from '../../clouds/aws.ts'
import { canSetClocks, withClocks } from '../clocks.ts'
import { checkNow, checkWhenDue, makeDue, timePasses } from '../due.ts'
import { fastest, type Machine, type Ran, startMachine } from '../machine.ts'

const slow = { timeout: 90_000 }
const HOUR_MS = 3_600_000

/** What tells the machine that it was away, besides the wall clock. */
type Sign = 'clocks and start time' | 'start time' | 'resume hook'

interface Sleep {
  readonly name: string
  readonly ms: number
  /** So soon after the stop that somebody did not want it. */
  readonly falseStop: boolean
}

const sleeps: readonly Sleep[] = [
  { name: '14 h', ms: 14 * HOUR_MS, falseStop: false },
  { name: '90 s', ms: 90_000, falseStop: true },
]

interface Frozen extends Machine {
  /** The machine sleeps, and is started by its owner. */
  sleep(sleep: Sleep, sign: Sign): Promise<void>
}

/** A machine whose action is due, on clocks that can sleep. */
async function startSleeper(): Promise<Frozen> {
  const machine = await startMachine({ settings: fastest })
  const set = withClocks(machine)
  await makeDue(machine)
  return Object.assign(machine, {
    async sleep({ ms }: Sleep, sign: Sign) {
      const { cloud } = machine
      const instance = cloud.instance()
      if (instance.state === 'running') cloud.power.stop(instance, { hibernate: true })
      await cloud.waitForState('stopped')
      const { launchTime } = instance
      cloud.clock.advance(ms)
      machine.startAgain({ newBootId: false })
      if (sign === 'resume hook') instance.launchTime = launchTime
      set({ wallMs: ms, bootMs: sign === 'clocks and start time' ? ms : 0 })
      if (sign === 'resume hook') machine.write('/run/hibernate/resumed_at', `${Date.now() + ms}\n`)
      await cloud.waitForState('running')
    },
  })
}

/** Runs the check that acts, freezes it as soon as this call, for which a fault is ordered, has arrived, and wakes it after the rest. */
async function frozenAt(machine: Frozen, action: string, rest: () => Promise<void>): Promise<Ran> {
  const check = machine.start('check', '--act', '--json', ...machine.flags)
  const arrived = (): boolean => machine.cloud.requests.list({ action }).some(({ fault }) => fault !== undefined)
  while (!arrived()) await sleep(5)
  check.child.kill('SIGSTOP')
  await rest()
  check.child.kill('SIGCONT')
  return check.done
}

/** The checks after it: a new run in grace, the stop told as carried out, and no call until that run is idle for long enough. */
async function expectNewRun(machine: Frozen, { falseStop }: Sleep): Promise<void> {
  machine.configure({ ...fastest, boot_grace_minutes: 10 })
  const back = await checkNow(machine)
  expect(back.check).toMatchObject({ state: 'grace', idleSince: null })
  expect(machine.tags()).toMatchObject({ IdleStatus: 'active', IdleSince: '', IdleAction: 'hibernated' })
  expect(machine.intents().at(-1)).toMatchObject({ phase: 'closed', result: 'hibernated' })
  const told = machine.audit().findLast(({ action }) => action === 'reconcile')
  expect(told?.['detail']).toMatch(
    falseStop ? /^hibernated, .* counted as a false stop$/ : /^hibernated, off for (13 h 59|14 h 00)$/,
  )
  expect(machine.stops()).toHaveLength(1)
}

/** The machine that its owner forgets again is stopped again: the grace of the new run is over, and it has been idle. */
async function expectStoppedAgain(machine: Frozen): Promise<void> {
  machine.configure(fastest)
  timePasses(machine, HOUR_MS)
  await checkNow(machine)
  const last = await checkWhenDue(machine)
  expect([last.code, machine.stops().at(-1), machine.stops().length]).toEqual([0, 'hibernate accepted', 2])
  const opened = machine.intents().filter(({ phase }) => phase === 'intended')
  expect(new Set(opened.map(({ id }) => id)).size).toBe(2)
}

const lost: Fault = { kind: 'hang-after-action' }
const answered: Fault = { kind: 'delay', ms: 1_000 }

for (const away of sleeps) {
  for (const { sign, fault, what } of [
    { sign: 'clocks and start time', fault: lost, what: 'no answer, told by the clocks and the start time' },
    { sign: 'start time', fault: lost, what: 'no answer, told by the start time' },
    { sign: 'resume hook', fault: lost, what: 'no answer, told by the resume hook' },
    { sign: 'start time', fault: answered, what: 'accepted, told by the start time' },
  ] as const) {
    test
      .skipIf(!canSetClocks)
      .concurrent(`sent, frozen, resumed ${away.name} later (${what}): no second call`, slow, async (context) => {
        const machine = await startSleeper()
        context.onTestFinished(() => machine.close())
        machine.cloud.faults.add({ server: 'api', action: 'StopInstances', times: 1, fault })
        const ran = await frozenAt(machine, 'StopInstances', () => machine.sleep(away, sign))
        expect([ran.stderr, machine.stops().length]).toEqual(['', 1])
        expect([0, 3]).toContain(ran.code)
        await expectNewRun(machine, away)
        await expectStoppedAgain(machine)
      })
  }

  test
    .skipIf(!canSetClocks)
    .concurrent(`frozen right before the call, resumed ${away.name} later: nothing is sent`, slow, async (context) => {
      const machine = await startSleeper()
      context.onTestFinished(() => machine.close())
      machine.cloud.faults.add({ server: 'api', action: 'CreateTags', times: 1, fault: answered })
      const ran = await frozenAt(machine, 'CreateTags', () => machine.sleep(away, 'clocks and start time'))
      expect([ran.stderr, machine.stops(), machine.cloud.instance().state]).toEqual(['', [], 'running'])
      const back = await checkNow(machine)
      expect([back.check.state, machine.stops(), machine.tags()['IdleAction']]).toEqual(['active', [], ''])
    })
}
