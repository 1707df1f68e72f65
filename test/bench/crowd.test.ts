// The crowd leaves nothing behind: when it ends, when it cannot be gathered, and when the bench around it was killed.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { canCrowd, crowdTrees, gather, ownTree } from './crowd.ts'

const folder = mkdtempSync(join(tmpdir(), 'crowd-'))
const possible = canCrowd(folder)
const size = { processes: 20, groups: 4, sockets: 10, ptys: 2 }
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.skipIf(!possible)('ends with all that it made', async () => {
  const end = await gather(folder, size)
  expect(existsSync(ownTree)).toBe(true)
  await end()
  expect(existsSync(ownTree)).toBe(false)
})

test.skipIf(!possible)('leaves nothing where it cannot be gathered', async () => {
  await expect(gather(folder, { ...size, sockets: 1e6 })).rejects.toThrow('could not be gathered')
  expect(existsSync(ownTree)).toBe(false)
  // There are processes by then, and a tree without a place for them.
  await expect(gather(folder, { ...size, groups: 0 })).rejects.toThrow('ENOENT')
  expect(existsSync(ownTree)).toBe(false)
})

test.skipIf(!possible)('clears what a killed bench left behind', async () => {
  const module = JSON.stringify(join(import.meta.dirname, 'crowd.ts'))
  const script = `import(${module}).then(({ gather }) => gather(${JSON.stringify(folder)}, ${JSON.stringify(size)})).then(() => process.kill(process.pid, 'SIGKILL'))`
  const { pid, signal } = spawnSync(process.execPath, ['-e', script])
  const left = crowdTrees().find((tree) => tree.endsWith(`-${pid}.slice`)) ?? ''
  expect([signal, left]).toEqual(['SIGKILL', expect.stringContaining('bench-crowd-')])
  // Its processes end with it, a moment later.
  await expect.poll(() => readFileSync(join(left, 'cgroup.events'), 'utf8')).toContain('populated 0')
  const end = await gather(folder, size)
  expect(existsSync(left)).toBe(false)
  await end()
})
