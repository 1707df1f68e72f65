// The daemon of the bench can suspend nothing, wakes nothing up, and ends by itself.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { autosuspendDaemon } from './autosuspend.ts'

const folder = mkdtempSync(join(tmpdir(), 'autosuspend-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('has no command but true, no wake-ups, and an end', () => {
  const { argv } = autosuspendDaemon(folder, { intervalSeconds: 3, seconds: 90 })
  const lines = readFileSync(join(folder, 'autosuspend.conf'), 'utf8').split('\n')
  const commands = lines.filter((line) => /cmd|command/.test(line))
  expect(commands).toEqual(['suspend_cmd = /bin/true', 'wakeup_cmd = /bin/true'])
  expect(lines.filter((line) => line.startsWith('['))).toEqual([
    '[general]',
    '[check.Load]',
    '[check.Users]',
    '[check.NetworkBandwidth]',
  ])
  expect(lines).toContain('interval = 3')
  expect(argv.slice(argv.indexOf('daemon'))).toEqual(['daemon', '--allchecks', '--runfor', '90'])
  expect(argv).toContain(join(folder, 'autosuspend.conf'))
})
