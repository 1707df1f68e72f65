// Every source of every veto, and of who the machine is, broken in every way: held and said, or no check at all; acted on once it is mended.
import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Cell, canEnter, startCell } from '../cell.ts'
import { checkNow, checkOnce, checkWhenDue, makeDue, timePasses } from '../due.ts'
import { broken, inPlaceOfFile, inPlaceOfFolder, type Put } from '../faulty.ts'
import { saysOf, type VetoSourceRow, vetoSources } from '../veto-sources.ts'

const slow = { timeout: 120_000 }
const concurrent = test.skipIf(!canEnter).concurrent

async function expectHeld(cell: Cell, row: VetoSourceRow, given: { fault: string; says: RegExp }): Promise<void> {
  const { fault, says } = given
  const { code, stderr, check, ms } = await checkNow(cell)
  expect([fault, code, stderr, check.verdict, check.state]).toEqual([fault, 0, '', 'idle', 'held'])
  const veto = check.vetoes.find(({ name }) => name === row.veto)
  expect([fault, veto?.reason]).toEqual([fault, expect.stringMatching(says)])
  expect([fault, cell.stops(), ms < 10_000, check.idleSeconds >= 60]).toEqual([fault, [], true, true])
  expect(cell.tags()).toMatchObject({
    IdleStatus: 'idle',
    IdleAction: '',
    IdleReason: expect.stringMatching(/^held: /),
  })
}

for (const row of vetoSources) {
  concurrent(`source ${row.path} (${row.veto}): held by a fault`, slow, async ({ onTestFinished }) => {
    const cell = await startCell()
    onTestFinished(() => cell.close())
    await makeDue(cell)
    const common: Readonly<Record<string, Put>> = row.kind === 'file' ? inPlaceOfFile : inPlaceOfFolder
    for (const [fault, put] of Object.entries(common)) {
      const says = saysOf(row, fault)
      if (says === undefined) continue
      await broken({ root: cell.root, path: row.path }, put, () => expectHeld(cell, row, { fault, says }))
      timePasses(cell)
    }
    expect((await cell.run('status', ...cell.flags)).stdout).toMatch(new RegExp(`^ {2}veto +${row.veto}`, 'm'))
    expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
  })
}

// What a volume of instance store holds would be lost: asked when everything else is ready.
const store = {
  '/sys/block/nvme1n1/device/model': 'Amazon EC2 NVMe Instance Storage\n',
  '/sys/block/nvme1n1/dev': '259:7\n',
}

for (const { path, faults, says } of [
  { path: '/proc/self/mountinfo', faults: ['missing', 'garbage'], says: /mountinfo does not tell what is mounted/ },
  { path: '/sys/block/nvme1n1/device/model', faults: [''], says: /nvme1n1\/device\/model/ },
] as const) {
  concurrent(`source ${path} (what would be lost): nothing is sent`, slow, async ({ onTestFinished }) => {
    const cell = await startCell()
    onTestFinished(() => cell.close())
    for (const [name, text] of Object.entries(store)) cell.write(name, text)
    await makeDue(cell)
    for (const [fault, put] of Object.entries<Put>(inPlaceOfFile)) {
      if (!faults.some((beginning) => fault.startsWith(beginning))) continue
      const { code, check, stderr } = await broken({ root: cell.root, path }, put, () => checkNow(cell))
      expect([fault, code, stderr, cell.stops()]).toEqual([fault, 3, '', []])
      const deed = check.actions.find(({ action }) => action === 'hibernate')
      expect([fault, deed?.result, deed?.detail]).toEqual([fault, 'refused', expect.stringMatching(says)])
      expect(cell.tags()['IdleReason']).toMatch(
        /^refused: OwnershipUnknown \(unreachable\): see "sudo idle-agent doctor"$/,
      )
      timePasses(cell)
    }
    expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
  })
}

for (const path of ['/proc/sys/kernel/random/boot_id', '/proc/uptime']) {
  concurrent(`source ${path}: no check without it, and that is told`, slow, async ({ onTestFinished }) => {
    const cell = await startCell()
    onTestFinished(() => cell.close())
    await makeDue(cell)
    for (const [fault, put] of Object.entries<Put>(inPlaceOfFile)) {
      // An empty file is where the real one is shown.
      if (path === '/proc/uptime' && /^(garbage: nothing|truncated)/.test(fault)) continue
      const args = ['check', '--act', '--json', ...cell.flags]
      const ran = await broken({ root: cell.root, path }, put, () => cell.run(...args))
      expect([fault, ran.code, ran.stdout, ran.ms < 10_000]).toEqual([fault, 5, '', true])
      expect([fault, ran.stderr]).toEqual([fault, expect.stringMatching(new RegExp(`^idle-agent: .*${path}`))])
      expect(ran.stderr).not.toContain('this is a bug')
    }
    expect(cell.stops()).toEqual([])
    expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
  })
}

concurrent('source /run/hibernate/resumed_at: perhaps a resume, once', slow, async ({ onTestFinished }) => {
  const cell = await startCell()
  onTestFinished(() => cell.close())
  for (const [fault, put] of Object.entries<Put>(inPlaceOfFile)) {
    if (fault === 'missing') continue
    rmSync(cell.stateDir, { recursive: true, force: true })
    await makeDue(cell)
    await broken({ root: cell.root, path: '/run/hibernate/resumed_at' }, put, async () => {
      const { code, check } = await checkOnce(cell)
      expect([fault, code, check.verdict, cell.stops()]).toEqual([fault, 0, 'unknown', []])
      expect(check.reason).toBe(
        'first look (resumed: the resume hook ran): nothing to compare with yet, so it stays up',
      )
    })
  }
  cell.write('/run/hibernate/resumed_at', '\u0000\u0001')
  await makeDue(cell)
  expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
})

concurrent('source /run/cloud-init: perhaps it is still at work', slow, async ({ onTestFinished }) => {
  const cell = await startCell()
  onTestFinished(() => cell.close())
  await makeDue(cell)
  for (const [fault, put] of Object.entries<Put>(inPlaceOfFolder)) {
    // Not there, or nothing in it: no cloud-init in this boot.
    if (fault === 'missing' || fault.startsWith('garbage')) continue
    const { code, check } = await broken({ root: cell.root, path: '/run/cloud-init' }, put, () => checkNow(cell))
    expect([fault, code, check.state, cell.stops()]).toEqual([fault, 0, 'grace', []])
    expect(check.reason).toMatch(/^cloud-init is still at work \(/)
    timePasses(cell)
  }
  await checkNow(cell)
  expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
})
