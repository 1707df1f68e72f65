/** `run` on a host without cron: an interval that it cannot keep is refused in words that fit. */
import { expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import { configPath } from '../../agent/install/files.ts'
import { createMemoryHost } from '../host/memory.ts'

it.each([
  ['', 2, /^idle-agent: run must run as root: run "sudo idle-agent run"$/],
  // Then it gets as far as the interval, which is refused.
  ['/home/me/state', 2, /check_interval_minutes/],
])('is for root, unless somebody has a state folder of their own: %j', async (stateDir, code, text) => {
  const files = { [configPath]: 'idle_detection:\n  check_interval_minutes: 7\n' }
  const host = createMemoryHost({ files, self: { uid: 1000 } })
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const args = ['run', ...(stateDir === '' ? [] : ['--state-dir', stateDir])]
  expect(await run(args, { host: () => host, out: say, err: say, colour: false })).toBe(code)
  expect(lines.join()).toMatch(text)
})

it.each([7, 0.7, 90])('cannot check every %d minutes', async (minutes) => {
  const host = createMemoryHost({ files: { [configPath]: `idle_detection:\n  check_interval_minutes: ${minutes}\n` } })
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  expect(await run(['run'], { host: () => host, out: say, err: say, colour: false })).toBe(2)
  expect(lines[0]).toMatch(/check_interval_minutes/)
  expect(lines.join()).not.toMatch(/cron/)
})
