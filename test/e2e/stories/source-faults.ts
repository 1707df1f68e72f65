// Every source of every sensor, broken in every way: unknown and said, never idle because of it, in time; and acted on once it is mended.
import { expect, test } from 'vitest'
import { type Cell, canEnter, startCell, startCrowd } from '../cell.ts'
import { type Acted, checkNow, checkOnce, checkWhenDue, makeDue, timePasses, wasStarved } from '../due.ts'
import { broken } from '../faulty.ts'
import { faultsOf, kindAt, putOf, rightOf, type Source, sources } from '../sources.ts'
import { startContainersAnew, subjectSettings } from '../subjects.ts'
import { worldSettings } from '../world.ts'

const slow = { timeout: 240_000 }

/** What is broken in the same way by the same line of the host is broken here for one source of each sensor; all else in test/sensors/sources.test.ts. */
const thorough: ReadonlySet<string> = new Set([
  '/proc/stat',
  '/proc/net/dev',
  '/proc/diskstats',
  '/sys/bus/pci/devices',
])
const brief = /^(missing|hanging|garbage: binary|garbage: a file|damaged)/
/** Of what is on few machines. */
const briefest = /^(hanging|garbage: binary)/

function isTried(source: Source, fault: string): boolean {
  return thorough.has(source.path) || (source.subjects === true ? briefest : brief).test(fault)
}

function kindOf({ check }: Acted, sensor: string): string {
  return check.readings.find((reading) => reading.sensor === sensor)?.kind ?? 'none'
}

const settingsOf = ({ subjects }: Source) => (subjects === true ? subjectSettings : worldSettings)

/** What one check says while the source is broken. */
async function expectRight(cell: Cell, source: Source, given: { fault: string; usual: Acted }): Promise<void> {
  const { fault, usual } = given
  const row = `${source.path}, ${fault}`
  const right = rightOf(source, fault)
  const checked = await checkOnce(cell)
  const code = wasStarved(checked) ? 3 : 0
  expect([row, checked.code, checked.stderr, checked.ms < 10_000]).toEqual([row, code, '', true])
  expect([row, cell.stops()]).toEqual([row, []])
  for (const sensor of source.sensors) {
    const kind = kindOf(checked, sensor)
    expect([row, sensor, kind]).toEqual([row, sensor, kindAt(right, kindOf(usual, sensor), false)])
    const { reason = '' } = checked.check.readings.find((reading) => reading.sensor === sensor) ?? {}
    if (kind === 'unknown') expect([row, reason]).toEqual([row, expect.stringMatching(source.says)])
  }
  if (!right.startsWith('unknown')) return
  const { verdict, state, idleSince, reason } = checked.check
  expect([row, verdict, state, idleSince]).toEqual([row, 'unknown', 'active', null])
  expect([row, reason]).toEqual([row, expect.stringMatching(/^unknown, so it stays up: /)])
}

/** Broken in one way; nothing is done then, whatever is right, since it is protected where it may. */
async function breakOnce(cell: Cell, source: Source, given: { fault: string; usual: Acted }): Promise<void> {
  const right = rightOf(source, given.fault)
  const put = putOf(cell.root, source, given.fault)
  const settings = settingsOf(source)
  const guarded = { ...settings, protected: true }
  cell.configure(right.startsWith('unknown') ? settings : guarded)
  if (source.subjects === true) startContainersAnew(cell)
  timePasses(cell)
  await broken({ root: cell.root, path: source.path }, put, () => expectRight(cell, source, given))
  cell.configure(guarded)
  // What could be read of it must not be what the next check compares with.
  if (right !== 'unknown') await checkWhenDue(cell)
}

/** Sources that one machine can lose one after the other, by what they tell of. */
const groups = Map.groupBy(sources, ({ fixture, sensors, without, subjects }) => {
  const alone = without === undefined ? '' : `, without ${without}`
  if (subjects === true) return `${sensors[0] ?? ''}, among others`
  return fixture === undefined ? `${sensors[0] ?? ''}${alone}` : 'a container'
})

for (const [name, group] of groups) {
  const title = `sources of ${name}: missing, hanging, unreadable, garbage, truncated, huge; never idle by that`
  test.skipIf(!canEnter).concurrent(title, slow, async (context) => {
    const [first] = group
    if (first === undefined) throw new Error('no source')
    const { fixture, files = {}, without, subjects } = first
    const settings = settingsOf(first)
    const guarded = { ...settings, protected: true }
    const cell = subjects === true ? await startCrowd() : await startCell(fixture === undefined ? {} : { fixture })
    context.onTestFinished(() => cell.close())
    for (const [path, text] of Object.entries(files)) cell.write(path, text)
    if (without !== undefined) cell.command(without, undefined)
    await makeDue(cell)
    cell.configure(guarded)
    const usual = await checkNow(cell)
    expect([usual.code, usual.check.verdict, usual.check.vetoes.length]).toEqual([0, 'idle', 1])
    for (const source of group) {
      const own = faultsOf(source).filter((fault) => isTried(source, fault))
      for (const fault of own) await breakOnce(cell, source, { fault, usual })
      // The next source is compared with what was read when all was well.
      await checkWhenDue(cell)
    }
    cell.configure(settings)
    expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
    expect(cell.tags()['IdleReason']).toBe('')
  })
}
