// What comes of a loss of power: a new boot finds what was left on the disk, tells what is known of a stop, and does nothing too early.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { acted, type Checked, type Machine, startMachine } from '../machine.ts'
import type { Case } from './cases.ts'
import type { Tree } from './disk.ts'
import { acting } from './machines.ts'
import type { Outage } from './outages.ts'
import { expectClean } from './right-end.ts'

const HOUR_MS = 3_600_000

/** Of an interval each: after a false stop the threshold is half as long again. */
const MOST_CHECKS = 5

type Entry = Readonly<Record<string, unknown>>

/** The lines that are whole. */
function entriesOf(text: string): readonly Entry[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Entry]
    } catch {
      return [] // torn by the loss of power
    }
  })
}

function textOf(tree: Tree, path: string): string {
  return tree.get(path)?.toString() ?? ''
}

function isReconciled({ action }: Entry): boolean {
  return action === 'reconcile'
}

/** The machine as it is when the power is back. A stop that was accepted was not in vain: its owner has started it again. */
async function backFrom({ tree, tags, sent }: Outage): Promise<Machine> {
  const launchTime = sent ? Date.now() : Date.now() - HOUR_MS
  const machine = await startMachine({ settings: acting, instance: { tags, launchTime } })
  machine.write('/proc/sys/kernel/random/boot_id', '33333333-4444-4555-8666-777777777777\n')
  for (const [path, bytes] of tree) {
    const place = join(machine.stateDir, path)
    mkdirSync(bytes === undefined ? place : join(place, '..'), { recursive: true, mode: 0o700 })
    if (bytes !== undefined) writeFileSync(place, bytes, { mode: 0o600 })
  }
  return machine
}

/** What the journal holds: any intent, and the last one if it has no end. */
function intentsIn(tree: Tree): { readonly any: boolean; readonly open: boolean } {
  let [any, open] = [false, false]
  for (const { at, phase } of entriesOf(textOf(tree, 'intents.jsonl'))) {
    any ||= at !== undefined
    open = at !== undefined || (open && phase !== 'closed')
  }
  return { any, open }
}

function auditOf(machine: Machine): readonly Entry[] {
  const path = join(machine.stateDir, 'log/audit.jsonl')
  return existsSync(path) ? entriesOf(readFileSync(path, 'utf8')) : []
}

/** How the stop ended: what a check had saved before the power went stands; a new boot alone says that it was no hibernation. */
function endOf({ tree }: Outage): 'hibernated' | 'stopped' {
  const { state } = JSON.parse(textOf(tree, 'state.json')) as { readonly state: { readonly tags: Checked['tags'] } }
  return state.tags['IdleAction'] === 'hibernated' ? 'hibernated' : 'stopped'
}

/** An intent without an end is told, and closed; of one that has its end nothing is told again. Either is counted once. */
function expectTold(machine: Machine, back: Checked, outage: Outage): void {
  const { any, open } = intentsIn(outage.tree)
  const before = entriesOf(textOf(outage.tree, 'log/audit.jsonl')).filter(isReconciled)
  const told = auditOf(machine).filter(isReconciled).slice(before.length)
  const stops = { falseStops: any ? 1 : 0, unseenStops: any ? 1 : 0 }
  expect(machine.status()).toMatchObject({ ...stops, tags: back.tags })
  expect(told.map(({ result }) => result)).toEqual(open ? ['done'] : [])
  expect(back.tags['IdleAction']).toBe(any ? endOf(outage) : '')
  if (open) {
    const journal = entriesOf(readFileSync(join(machine.stateDir, 'intents.jsonl'), 'utf8'))
    expect(journal.at(-1)).toMatchObject({ phase: 'closed', result: endOf(outage) })
  }
}

/** It is stopped again when its time has come, once. */
async function expectStoppedAgain(machine: Machine, back: Checked): Promise<void> {
  const earliest = Date.parse(back.check.at) + acting.hibernate_threshold_minutes * 60_000
  let last = back
  for (let count = 0; !acted(last); count += 1) {
    if (count === MOST_CHECKS) expect.fail(`not stopped again within ${count} checks: ${last.check.reason}`)
    last = await expectClean(machine)
  }
  const [call] = machine.cloud.requests.list({ action: 'StopInstances' })
  expect(Date.parse(call?.at ?? '')).toBeGreaterThanOrEqual(earliest)
  expect(machine.stops()).toEqual(['hibernate accepted'])
}

async function comesBack(outage: Outage, toTheEnd: boolean): Promise<void> {
  if (outage.sent) expect(intentsIn(outage.tree)).toEqual({ any: true, open: true })
  const machine = await backFrom(outage)
  try {
    const back = await expectClean(machine)
    expect(back.check).toMatchObject({ verdict: 'unknown', state: 'active', next: { action: 'none' } })
    expect(back.tags).toMatchObject({ IdleStatus: 'active', IdleSince: '', IdleReason: '' })
    expect(machine.stops()).toEqual([])
    expectTold(machine, back, outage)
    if (toTheEnd) await expectStoppedAgain(machine, back)
  } finally {
    await machine.close()
  }
}

/** What came of it: in the first check, or until the machine is stopped again. */
export function comesBackFrom(outage: Outage, { toTheEnd }: { readonly toTheEnd: boolean }): Case {
  return { name: outage.name, run: () => comesBack(outage, toTheEnd) }
}
