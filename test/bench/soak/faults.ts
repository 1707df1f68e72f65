// What goes wrong in the soak, when, and for how long: planned from a seed, half of it at the time when the machine is due.
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault, FaultOrder } from '../../clouds/faults.ts'
import type { SmallDisk } from '../../e2e/crash/small-disk.ts'
import type { Random } from '../../scenarios/random.ts'
import type { SoakMachine } from './machine.ts'
import { DAY, HOUR, MINUTE, type Owner, type Stretch } from './owner.ts'

const api = (fault: Fault, more: Partial<FaultOrder> = {}): FaultOrder => ({ server: 'api', fault, ...more })
const metadata = (fault: Fault, more: Partial<FaultOrder> = {}): FaultOrder => ({ server: 'metadata', fault, ...more })
const error = (code: string): Fault => ({ kind: 'api-error', code })

/** What the cloud's servers do wrong. */
const orders: Readonly<Record<string, FaultOrder>> = {
  'api throttles': api(error('RequestLimitExceeded')),
  'api answers 503': api({ kind: 'status', status: 503 }),
  'api fails inside': api(error('InternalError')),
  'api denies': api(error('UnauthorizedOperation')),
  'api resets connections': api({ kind: 'refuse' }),
  'api answers garbage': api({ kind: 'garbage' }),
  'api hangs': api({ kind: 'hang' }),
  'api stops and does not say so': api({ kind: 'hang-after-action' }, { action: 'StopInstances' }),
  'hibernation is not supported': api(error('UnsupportedHibernationConfiguration'), {
    action: 'StopInstances',
    times: 1,
  }),
  'metadata is garbage': metadata({ kind: 'garbage' }),
  'metadata answers 500': metadata({ kind: 'status', status: 500 }),
  'metadata is silent': metadata({ kind: 'hang' }),
  'metadata resets connections': metadata({ kind: 'refuse' }),
}

/** What goes wrong on the machine itself. */
const local = [
  'disk full',
  'state cut short',
  'state of garbage',
  'state lost',
  'processes killed',
  'wall clock stepped',
  'no checks',
  'source unreadable',
] as const

export type FaultName = keyof typeof orders | (typeof local)[number]

/** What a machine may have to wait for because of a fault, refusals of a call apart. */
export type Cost =
  /** Nothing is sent while it lasts; idle time counts on. */
  | 'unsent'
  /** Nobody vouches for that time: it is counted anew from the first check after it. */
  | 'unseen'
  /** From the first check after it began it is counted anew. */
  | 'turned'
  /** So it is after a state that is lost, and grace comes first. */
  | 'forgotten'

/** What each fault costs, as the product has it (agent/decide/clock.ts, agent/decide/state.ts). */
export function costOf(name: FaultName): Cost {
  if (name.startsWith('state ')) return 'forgotten'
  if (name === 'wall clock stepped') return 'turned'
  return local.some((one) => one === name) ? 'unseen' : 'unsent'
}

/** What a call gets that asks to stop the machine, where the cloud does not stop it. */
export type Answer = 'throttled' | 'denied' | 'silent'

/** What it gets of a fault; nothing where no call is sent while it lasts, or another one follows at once. */
export function answerOf(name: FaultName): Answer | undefined {
  if (!name.startsWith('api ')) return undefined
  if (name === 'api throttles') return 'throttled'
  return name === 'api denies' ? 'denied' : 'silent'
}

/** How long such a call is not sent again, in minutes, when it was the first one, the second, and so on (agent/decide/attempt.ts). */
export const waits: Readonly<Record<Answer, (count: number) => number>> = {
  throttled: (count) => Math.min(3 * 2 ** (count - 1), 15),
  denied: (count) => Math.min(15 * 2 ** (count - 1), 60),
  silent: (count) => (count === 1 ? 0 : 15),
}

/** From the end of one to the beginning of the next, at least. */
const APART_MS = 25 * MINUTE

export interface PlannedFault extends Stretch {
  readonly name: FaultName
}

/** Processes are killed more often than anything else goes wrong: there are many places to die. */
const names: readonly FaultName[] = [...Object.keys(orders), ...local, 'processes killed', 'processes killed']

interface Planning {
  readonly thresholdMs: number
  readonly aDay: number
  /** Those that there are; all of them unless told. */
  readonly of?: readonly FaultName[] | undefined
}

/** So many on days when somebody works, about: half of them somewhere in the day, half around the time when the machine is due. */
export function planFaults(
  random: Random,
  { typing }: Owner,
  { thresholdMs, aDay, of = names }: Planning,
): readonly PlannedFault[] {
  const planned: PlannedFault[] = []
  const lasts = new Map<number, Stretch>()
  for (const one of typing) lasts.set(Math.floor(one.from / DAY), one)
  for (const [day, last] of lasts) {
    const count = random.whole(Math.ceil(aDay / 2), Math.floor(aDay * 1.5))
    for (let index = 0; index < count; index += 1) {
      const due = last.until + thresholdMs + random.whole(-8, 4) * MINUTE
      const from = random.chance(0.5) ? due : day * DAY + 9 * HOUR + random.whole(0, 9 * 60) * MINUTE
      const name = of[random.whole(0, of.length - 1)] ?? 'disk full'
      planned.push({ name, from, until: from + random.whole(2, 25) * MINUTE })
    }
  }
  // One after the other, so that each is over before the next begins.
  const apart: PlannedFault[] = []
  for (const one of planned.sort((a, b) => a.from - b.from))
    if (one.from >= (apart.at(-1)?.until ?? Number.NEGATIVE_INFINITY) + APART_MS) apart.push(one)
  return apart
}

export interface Faults {
  /** Begins and ends what is to begin and end by now. */
  go(): void
  /** The one that goes on, from when it began. */
  readonly now: () => PlannedFault | undefined
  /** How often each has begun while the machine was up. */
  readonly met: ReadonlyMap<FaultName, number>
}

interface Where {
  readonly machine: SoakMachine
  readonly stateDir: string
  readonly random: Random
  /** None where a disk cannot be filled. */
  readonly disk: SmallDisk | undefined
}

/** Does them, as the machine's time passes. */
export function createFaults(plan: readonly PlannedFault[], where: Where): Faults {
  const { machine, disk } = where
  const met = new Map<FaultName, number>()
  let next = 0
  let open: PlannedFault | undefined
  return {
    met,
    now: () => open,
    go() {
      if (open !== undefined && machine.now >= open.until) {
        machine.cloud.faults.clear()
        if (open.name === 'disk full') disk?.free()
        if (open.name === 'source unreadable') machine.blind(undefined)
        open = undefined
      }
      for (let one = plan[next]; one !== undefined && machine.now >= one.from; one = plan[next]) {
        next += 1
        if (!machine.isUp || machine.now >= one.until) continue
        open = { ...one, from: machine.now }
        met.set(one.name, (met.get(one.name) ?? 0) + 1)
        begin(one.name, where)
      }
    },
  }
}

function begin(name: FaultName, { machine, stateDir, random, disk }: Where): void {
  const order = orders[name]
  const state = join(stateDir, 'state.json')
  if (order !== undefined) machine.cloud.faults.add(order)
  else if (name === 'disk full') disk?.fill(random.chance(0.5))
  else if (name === 'state lost') rmSync(state, { force: true })
  else if (name === 'state of garbage') writeFileSync(state, '\u0000<<not a state>>')
  else if (name === 'state cut short') truncateSync(state, Math.floor(readFileSync(state).length / 2))
  else if (name === 'wall clock stepped') machine.step((random.chance(0.5) ? 1 : -1) * 10 ** random.whole(3, 7))
  else if (name === 'source unreadable') machine.blind(random.pick(['/proc/stat', '/proc/diskstats', '/proc/net/dev']))
}
