// The commands that are asked, broken in every way, and everything at once: said, in time, and nothing of it is left running.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { line } from '../../sensors/disk-machine.ts'
import { type Cell, canEnter, startCell } from '../cell.ts'
import { checkNow, checkOnce, checkWhenDue, makeDue, timePasses, wasStarved } from '../due.ts'
import { insteadOfCommand } from '../faulty.ts'
import { nothing, saysOf } from '../veto-sources.ts'
import { commands, worldSettings } from '../world.ts'

const slow = { timeout: 120_000 }
const concurrent = test.skipIf(!canEnter).concurrent

/** Living processes of this machine's world, the checks themselves apart. */
function left({ root }: Cell): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      if (!/^\d+$/.test(pid) || readlinkSync(`/proc/${pid}/root`) !== root) return []
      if (/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return []
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
    } catch {
      return [] // gone meanwhile
    }
  })
}

async function expectNothingLeft(cell: Cell): Promise<void> {
  await vi.waitFor(() => expect(left(cell)).toEqual([]), { timeout: 20_000 })
}

type Fault = keyof typeof insteadOfCommand
const faults = Object.keys(insteadOfCommand) as readonly Fault[]

interface Row {
  readonly command: string
  readonly about: string
  /** What is said, by the beginning of the fault's name; nothing where nothing is held by it. */
  readonly says: Readonly<Record<string, RegExp>>
}

/** Asked by sensors: unknown, named by the command, or by what is asked in its place. */
const bySensors: readonly (Row & { readonly sensor: string })[] = [
  {
    ...{ command: 'ss', sensor: 'sessions', about: 'bytes of ssh connections' },
    says: {
      hanging: /^ss did not end within \d+ ms$/,
      // The bytes that the process read and wrote are asked for in its place; they are no continuation.
      '': /\/proc\/5010\/io tells them, and ss did before$/,
    },
  },
  {
    ...{ command: 'nvidia-smi', sensor: 'gpu', about: 'GPUs of NVIDIA' },
    says: {
      missing: /nvidia-smi is not in \/usr\/bin, although its driver is loaded$/,
      hanging: /nvidia-smi (did not end within \d+ ms|hangs since)/,
      unreadable: /nvidia-smi says: it is broken$/,
      garbage: /nvidia-smi (says: |printed nothing|.*not understood)/,
      huge: /nvidia-smi printed more than 6000000 bytes$/,
    },
  },
  {
    ...{ command: 'grep', sensor: 'gpu', about: 'files of the driver amdgpu' },
    says: {
      hanging: /1f\.0: (grep did not end within \d+ ms|amdgpu hangs since)/,
      huge: /1f\.0: grep printed more than 1048576 bytes$/,
      '': /1f\.0: it does not tell how busy it is/,
      // Without it the files are read as they are.
      missing: nothing,
    },
  },
]

/** The command is mended; checks that may not act, until the machine is idle by all its sources. */
async function recover(cell: Cell): Promise<void> {
  commands(cell)
  cell.configure({ ...worldSettings, protected: true })
  for (let tries = 0; (await checkWhenDue(cell)).check.verdict !== 'idle'; tries += 1)
    if (tries === 2) throw new Error('three checks after the fault the machine is not idle')
  cell.configure(worldSettings)
  timePasses(cell)
}

for (const row of bySensors) {
  concurrent(`command ${row.command} (${row.about}): never idle by a fault`, slow, async ({ onTestFinished }) => {
    const cell = await startCell()
    onTestFinished(() => cell.close())
    await makeDue(cell)
    for (const fault of faults) {
      const says = saysOf(row, fault)
      if (says === undefined) continue
      cell.command(row.command, insteadOfCommand[fault])
      const checked = await checkOnce(cell)
      const { kind, reason } = checked.check.readings.find(({ sensor }) => sensor === row.sensor) ?? {}
      expect([fault, checked.code, checked.stderr]).toEqual([fault, wasStarved(checked) ? 3 : 0, ''])
      expect([fault, kind, reason]).toEqual([fault, 'unknown', expect.stringMatching(says)])
      expect([fault, checked.check.state, cell.stops(), checked.ms < 10_000]).toEqual([fault, 'active', [], true])
      await expectNothingLeft(cell)
      await recover(cell)
    }
    expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
  })
}

/** Asked by vetoes, when an action is due: held, and named by what is asked. */
const byVetoes: readonly Row[] = [
  {
    ...{ command: 'systemctl', about: 'timers of the machine' },
    says: {
      missing: /^timer cannot be read: systemctl ended with 127$/,
      hanging: /^timer cannot be read: env did not end within 2000 ms$/,
      unreadable: /^timer cannot be read: systemctl ended with 1$/,
      'garbage: binary': /^timer cannot be read: the answer of systemctl is not understood$/,
      huge: /^timer cannot be read: env printed more than 1048576 bytes$/,
      // A machine without timers.
      'garbage: nothing': nothing,
    },
  },
  {
    ...{ command: 'setpriv', about: 'timers of users' },
    says: {
      '': /^timers of uid 1000 may be due: their manager does not tell; it holds until .* UTC at the latest$/,
      'garbage: nothing': nothing,
    },
  },
]

for (const row of byVetoes) {
  concurrent(`command ${row.command} (${row.about}): held by a fault`, slow, async ({ onTestFinished }) => {
    const cell = await startCell()
    onTestFinished(() => cell.close())
    await makeDue(cell)
    for (const fault of faults) {
      const says = saysOf(row, fault)
      if (says === undefined) continue
      commands(cell)
      cell.command(row.command, insteadOfCommand[fault])
      const { check, code, stderr, ms } = await checkNow(cell)
      expect([fault, code, stderr, check.verdict, check.state]).toEqual([fault, 0, '', 'idle', 'held'])
      expect([fault, check.vetoes]).toEqual([fault, [{ name: 'timer', reason: expect.stringMatching(says) }]])
      expect([fault, cell.stops(), ms < 10_000]).toEqual([fault, [], true])
      expect(check.idleSeconds).toBeGreaterThanOrEqual(60)
      await expectNothingLeft(cell)
      timePasses(cell)
    }
    expect((await cell.run('status', ...cell.flags)).stdout).toMatch(/veto +timer/)
    commands(cell)
    expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
  })
}

/** How the disk is read while everything hangs, so that systemd is asked who it was. */
function readDisk({ write }: Cell, bytes: number): void {
  write('/proc/diskstats', line('nvme0n1', { read: 10_000_000 + bytes / 512, written: 25_554_024, id: '259 0' }))
}

concurrent('everything that is asked hangs at once: unknown, and over within ten seconds', slow, async (context) => {
  const cell = await startCell()
  context.onTestFinished(() => cell.close())
  readDisk(cell, 0)
  await makeDue(cell)
  for (const name of ['ss', 'nvidia-smi', 'grep', 'systemctl', 'env', 'setpriv'])
    cell.command(name, insteadOfCommand['hanging: deaf to the polite signal'])
  cell.cloud.faults.add({ server: 'metadata', fault: { kind: 'hang' } })
  for (const round of [1, 2]) {
    // Whoever does it: it is found out only by a closer look, which hangs, too.
    readDisk(cell, round * 1e9)
    const { check, code, stderr, ms } = await checkOnce(cell)
    expect([code, stderr, check.verdict, cell.stops(), ms < 10_000]).toEqual([3, '', 'active', [], true])
    const kinds = Object.fromEntries(check.readings.map(({ sensor, kind }) => [sensor, kind]))
    expect(kinds).toMatchObject({ cpu: 'idle', sessions: 'unknown', network: 'idle', disk: 'active', gpu: 'unknown' })
    expect(check.readings.find(({ sensor }) => sensor === 'disk')?.reason).toMatch(/; a closer look: no answer within/)
    await expectNothingLeft(cell)
    timePasses(cell)
  }
  for (const stateDir of [cell.stateDir, `${cell.folder}/none`]) {
    const byHand = await cell.run('check', '--json', '--config', cell.configPath, '--state-dir', stateDir)
    expect([stateDir, byHand.code, byHand.stderr, byHand.ms < 10_000]).toEqual([stateDir, 3, '', true])
    await expectNothingLeft(cell)
  }
  cell.cloud.faults.clear()
  await recover(cell)
  expect([(await checkWhenDue(cell)).code, cell.stops()]).toEqual([0, ['hibernate accepted']])
})

concurrent('the closer look of a busy sensor hangs, or says nothing: it stays active', slow, async (context) => {
  const cell = await startCell()
  context.onTestFinished(() => cell.close())
  readDisk(cell, 0)
  await makeDue(cell)
  for (const [index, fault] of faults.entries()) {
    cell.command('systemctl', insteadOfCommand[fault])
    readDisk(cell, (index + 1) * 1e9)
    const { check, code, stderr, ms } = await checkOnce(cell)
    expect([fault, code, stderr, check.verdict, ms < 10_000]).toEqual([fault, code, '', 'active', true])
    expect(check.reason).toMatch(/^in use: nvme0n1: .* read/)
    if (fault.startsWith('hanging'))
      expect(check.reason).toMatch(/; (systemctl did not end|a closer look: no answer) within/)
    await expectNothingLeft(cell)
    timePasses(cell)
  }
  expect(cell.stops()).toEqual([])
})
