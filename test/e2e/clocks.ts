// Other clocks for the executable, while it runs: a wall clock that was stepped, a machine that slept.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Machine } from './machine.ts'

const folder = mkdtempSync(join(tmpdir(), 'idle-agent-clocks-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const library = join(folder, 'clocks.so')
const source = join(import.meta.dirname, 'clocks.c')
const built = spawnSync('cc', ['-O1', '-Wall', '-Werror', '-shared', '-fPIC', '-nostdlib', '-o', library, source])

/** A C compiler. */
export const canSetClocks = built.error === undefined
if (!canSetClocks)
  process.stderr.write('SKIPPED: no C compiler: nobody sets the clocks of the executable, or lets it sleep for hours\n')
else if (built.status !== 0) throw new Error(`clocks.c: ${built.stderr.toString()}`)

/** How far the clocks of the machine are ahead of the real ones, in milliseconds. */
export interface Ahead {
  readonly wallMs: number
  /** Of the clock since boot, which counts sleep. */
  readonly bootMs: number
  /** Of the monotonic clock; the machine's own unless given. To be set before the process begins. */
  readonly monoMs?: number
}

/** Gives the machine clocks of its own; what is returned sets them, also for a check that runs. */
export function withClocks(machine: Pick<Machine, 'folder' | 'env'>): (ahead: Ahead) => void {
  const file = join(machine.folder, 'clocks')
  const set = ({ wallMs, bootMs, monoMs = 0 }: Ahead): void => {
    // In place: the file is mapped by whoever runs.
    writeFileSync(file, new BigInt64Array([BigInt(wallMs), BigInt(bootMs), BigInt(monoMs)]), { flag: 'r+' })
  }
  writeFileSync(file, new BigInt64Array(3))
  machine.env = { ...machine.env, LD_PRELOAD: library, CLOCKS: file }
  return set
}
