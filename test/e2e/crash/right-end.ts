// What has to come of a check that was cut off: one accepted stop in this run of the machine, told at its return, nothing left over.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Checked, Machine } from '../machine.ts'
import { Starved } from './cases.ts'

/** From any cut to the call: the idle clock runs on. */
const MOST_CHECKS = 1

/** The file of the state, as far as it is looked at here. */
interface Stored {
  readonly mirror: { readonly written?: Readonly<Record<string, string>> }
}

function phaseOf(machine: Machine): unknown {
  return machine.intents().at(-1)?.['phase']
}

/** No lock, no file half written, nothing that had to be put aside. */
export function expectTidy(machine: Machine): void {
  expect(readdirSync(join(machine.stateDir, 'lock'))).toEqual([])
  const all = readdirSync(machine.stateDir, { recursive: true, encoding: 'utf8' })
  expect(all.filter((name) => /\.tmp$|corrupt|probe/.test(name))).toEqual([])
}

/** What is remembered of the tags in the cloud is what they are; the state can be read. */
export function expectTrueMirror(machine: Machine): void {
  const path = join(machine.stateDir, 'state.json')
  if (!existsSync(path)) return
  const { mirror } = JSON.parse(readFileSync(path, 'utf8')) as Stored
  if (mirror.written !== undefined) expect(machine.tags()).toEqual(mirror.written)
}

/** Throws where what was wrong with a check is that the loopback cloud was too slow. */
function expectFed({ check: { vetoes, actions } }: Checked): void {
  const silent = vetoes.find(({ name }) => name === 'metadata')?.reason
  const late = actions.find(
    ({ result, detail }) => result === 'failed' && /no answer|time-?out|timed out/i.test(detail),
  )
  const reason = silent ?? late?.detail
  if (reason !== undefined) throw new Starved(reason)
}

/** A check that finds nothing strange in what the one before left. */
export async function expectClean(machine: Machine): Promise<Checked> {
  const checked = await machine.check()
  expectFed(checked)
  const { notes = [], actions } = checked.check
  const undone = actions.filter(({ result }) => result !== 'done')
  // In one text, which tells all of it when it is wrong.
  expect(JSON.stringify([checked.code, checked.stderr, undone])).toBe('[0,"",[]]')
  expect(notes.filter((note) => !note.startsWith('not recorded'))).toEqual([])
  expectTrueMirror(machine)
  expectTidy(machine)
  return checked
}

/** Checks until the stop is accepted; then it lingers, and nothing more is sent. */
async function expectAccepted(machine: Machine): Promise<void> {
  for (let count = 0; phaseOf(machine) !== 'accepted'; count += 1) {
    if (count === MOST_CHECKS) expect.fail(`not stopped within ${count} checks: ${JSON.stringify(machine.intents())}`)
    await expectClean(machine)
  }
  const calls = machine.stops().length
  const lingering = await expectClean(machine)
  expect(lingering.tags).toMatchObject({ IdleAction: 'hibernating', IdleReason: '' })
  expect(machine.stops().length).toBe(calls)
}

/** Lines of the audit log that say what became of a stop. */
export function countReports(machine: Machine): number {
  return machine.audit().filter(({ action }) => action === 'reconcile').length
}

/** What became of the stop is told and counted, once, and the intent closed. */
export function expectReported(machine: Machine, result: 'hibernated' | 'stopped', lines = 1): void {
  expect(machine.tags()).toMatchObject({ IdleAction: result, IdleReason: '' })
  expect(machine.intents().at(-1)).toMatchObject({ phase: 'closed', result })
  expect(machine.status()).toMatchObject({ falseStops: 1, unseenStops: 1, tags: machine.tags() })
  const line = { result: 'done', detail: expect.stringMatching(`^${result}.* false stop$`) }
  const told = machine.audit().filter(({ action }) => action === 'reconcile')
  expect(told).toMatchObject(Array.from({ length: lines }, () => line))
}

/** Its owner starts it again. */
async function expectReturn(machine: Machine, newBootId: boolean): Promise<void> {
  const calls = machine.stops().length
  machine.startAgain({ newBootId })
  const back = await expectClean(machine)
  expect([back.check.verdict, back.check.state]).toEqual(['unknown', 'active'])
  expect(back.tags).toMatchObject({ IdleStatus: 'active', IdleSince: '' })
  expectReported(machine, newBootId ? 'stopped' : 'hibernated')
  expect(machine.stops().length).toBe(calls)
}

/** One intent; the call once, or once more where it was cut off between the call and its record; nothing claimed that was not. */
function expectOneStop(machine: Machine, cut: Cut): void {
  const all = machine.stops()
  const opened = machine.intents().filter(({ phase }) => phase === 'intended')
  expect(new Set(opened.map(({ id }) => id)).size).toBe(1)
  expect(new Set(all)).toEqual(new Set(['hibernate accepted']))
  expect(all.length).toBeLessThanOrEqual(cut.sent > 0 && !cut.recorded && cut.lingers ? 2 : 1)
  const claimed = machine.audit().filter(({ action }) => action === 'hibernate')
  expect(claimed.map(({ result }) => result)).toEqual(claimed.map(() => 'done'))
  expect(claimed.length).toBeLessThanOrEqual(1)
}

interface Cut {
  readonly sent: number
  readonly recorded: boolean
  readonly lingers: boolean
}

/** What may come after the cut. */
export interface Way {
  /** It goes on running for a while after the stop was accepted; otherwise it is gone before the next check. */
  readonly lingers: boolean
  /** It comes back by a boot, not out of hibernation. */
  readonly newBootId: boolean
}

/** Runs on from a check that was cut off, or could not do all it was to, to the machine's return. */
export async function expectRightEnd(machine: Machine, { lingers, newBootId }: Way): Promise<void> {
  const sent = machine.stops().length
  const cut = { sent, recorded: phaseOf(machine) === 'accepted', lingers }
  if (lingers) await expectAccepted(machine)
  else await machine.cloud.waitForState('stopped')
  await expectReturn(machine, newBootId)
  expectOneStop(machine, cut)
}
