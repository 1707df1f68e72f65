// The runner: what it tells of a command, and that it ends at once when the bench is interrupted.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createMeasurer } from './processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'processes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('tells how a command ended and what it printed', async () => {
  const measurer = createMeasurer(folder, new AbortController().signal)
  const run = await measurer.run({ argv: ['/bin/sh', '-c', 'echo out; echo err >&2; exit 3'], env: {} })
  await measurer.close()
  expect(run).toMatchObject({ status: 3, stdout: 'out\n', stderr: 'err\n' })
  expect(run.wallMs).toBeGreaterThan(0)
})

test('ends with the command that it is at when the signal comes, and begins no other', async () => {
  rmSync(join(folder, 'stdout'), { force: true })
  const interrupted = new AbortController()
  const measurer = createMeasurer(folder, interrupted.signal)
  const running = measurer.run({ argv: ['/bin/sh', '-c', 'echo $$; exec /bin/sleep 600'], env: {} })
  const printed = (): string => {
    const path = join(folder, 'stdout')
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }
  await expect.poll(printed).toMatch(/^\d+\n/)
  interrupted.abort(new Error('Ctrl-C'))
  await expect(running).rejects.toThrow('measure.py ended')
  await expect(measurer.run({ argv: ['/bin/true'], env: {} })).rejects.toThrow('Ctrl-C')
  await measurer.close()
  // Whoever adopts it may take a while to bury it; a dead process has no memory.
  const dead = (): boolean => {
    const path = `/proc/${printed().trim()}/status`
    return !existsSync(path) || !readFileSync(path, 'utf8').includes('VmRSS')
  }
  await expect.poll(dead).toBe(true)
})
