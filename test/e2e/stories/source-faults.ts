// Every source of every sensor, broken in every way: unknown and said, never idle because of it, in time; and acted on once it is mended.
import { expect, test } from 'vitest'
import { type Cell, canEnter, startCell } from '../cell.ts'
import { type Acted, checkNow, checkOnce, checkWhenDue, makeDue, timePasses, wasStarved } from '../due.ts'
import { broken } from '../faulty.ts'
import { faultsOf, kindAt, putOf, rightOf, type Source, sources } from '../sources.ts'
import { worldSettings } from '../world.ts'

const slow = { timeout: 120_000 }

/** What is broken in the same way by the same line of the host is broken here for one source of each sensor; all else in test/sensors/sources.test.ts. */
const thorough: ReadonlySet<string> = new Set([
  '/proc/stat',
  '/proc/net/dev',
  '/proc/diskstats',
  '/sys/bus/pci/devices',
])
const brief = /^(missing|hanging|garbage: binary|garbage: a file|damaged)/

function kindOf({ check }: Acted, sensor: string): string {
  return check.readings.find((reading) => reading.sensor === sensor)?.kind ?? 'none'
}

/** What one check says while the source is broken. Nothing is done then, whatever is right, since it is protected where it may. */
async function expectRight(cell: Cell, source: Source, given: { fault: string; usual: Acted }): Promise<void> {
  const { fault, usual } = given
  const right = rightOf(source, fault)
  const checked = await checkOnce(cell)
  const code = wasStarved(checked) ? 3 : 0
  expect([fault, checked.code, checked.stderr, checked.ms < 10_000]).toEqual([fault, code, '', true])
  expect([fault, cell.stops()]).toEqual([fault, []])
  for (const sensor of source.sensors) {
    const kind = kindOf(checked, sensor)
    expect([fault, sensor, kind]).toEqual([fault, sensor, kindAt(right, kindOf(usual, sensor), false)])
    const { reason = '' } = checked.check.readings.find((reading) => reading.sensor === sensor) ?? {}
    if (kind === 'unknown') expect([fault, reason]).toEqual([fault, expect.stringMatching(source.says)])
  }
  if (!right.startsWith('unknown')) return
  expect(checked.check).toMatchObject({ verdict: 'unknown', state: 'active', idleSince: null })
  expect(checked.check.reason).toMatch(/^unknown, so it stays up: /)
}

for (const source of sources) {
  test
    .skipIf(!canEnter)
    .concurrent(
      `source ${source.path} (${source.sensors.join(', ')}): never idle by a fault`,
      slow,
      async (context) => {
        const cell = await startCell()
        context.onTestFinished(() => cell.close())
        if (source.without !== undefined) cell.command(source.without, undefined)
        const guarded = { ...worldSettings, protected: true }
        await makeDue(cell)
        cell.configure(guarded)
        const usual = await checkNow(cell)
        expect([usual.code, usual.check.verdict, usual.check.vetoes.length]).toEqual([0, 'idle', 1])
        for (const fault of faultsOf(source)) {
          if (!thorough.has(source.path) && !brief.test(fault)) continue
          const put = putOf(cell.root, source, fault)
          cell.configure(rightOf(source, fault).startsWith('unknown') ? worldSettings : guarded)
          timePasses(cell)
          await broken({ root: cell.root, path: source.path }, put, () => expectRight(cell, source, { fault, usual }))
          // What could be read of it must not be what the next check compares with.
          if (rightOf(source, fault) !== 'unknown' || fault.includes('decreasing')) await checkWhenDue(cell)
        }
        cell.configure(worldSettings)
        expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
        expect(cell.tags()['IdleReason']).toBe('')
      },
    )
}
