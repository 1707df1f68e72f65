// A soak: a machine, its owner, its disk and its faults put together, for as many checks as are asked.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instance } from '../../clouds/aws.ts'
import { makeSmallDisk } from '../../e2e/crash/small-disk.ts'
import { createRandom } from '../../scenarios/random.ts'
import { createFaults, planFaults } from './faults.ts'
import { Ledger } from './ledger.ts'
import { Life, limits } from './life.ts'
import { createMachine } from './machine.ts'
import { createOwner, MINUTE } from './owner.ts'
import type { SoakOptions, SoakResult } from './result.ts'

/** Days of the owner's that are made up before it begins. */
const MOST_DAYS = 500

/** Lives as many checks as are asked, and tells what came of them. Root only. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  // In memory: what sensors read is written anew for each of them.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'idle-agent-soak-'))
  const ended = (): void => {
    rmSync(folder, { recursive: true, force: true })
    process.stderr.write('ended; nothing was written\n')
    process.exit(130)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, ended)
  const disk = await makeSmallDisk({ size: '8m', names: 300 })
  const open: { close(): Promise<void> }[] = [disk]
  try {
    const random = createRandom(options.seed)
    const owner = createOwner(options.seed + 1, MOST_DAYS)
    const { stateDir } = disk
    const ledger = new Ledger(stateDir)
    const onStop = (instance: Instance): void => life.stopped(instance)
    const from = (owner.typing[0]?.from ?? 0) - MINUTE
    const machine = await createMachine({ root: join(folder, 'root'), stateDir, owner, random, onStop, from })
    open.unshift(machine)
    const { faultsADay: aDay, kinds: of } = options
    const plan = planFaults(random, owner, { thresholdMs: limits.thresholdMs, aDay, of })
    const faults = createFaults(plan, { machine, stateDir, random, disk })
    const life = new Life(options, { machine, owner, random, faults, ledger, folder, stateDir })
    open.unshift(life)
    return await life.live()
  } finally {
    for (const one of open) await one.close()
    rmSync(folder, { recursive: true, force: true })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, ended)
  }
}
