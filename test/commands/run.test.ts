/** `run` on a host without cron: an interval that it cannot keep is refused in words that fit. */
import { expect, it } from 'vitest'
import { pathsOf } from '../../agent/check/parts.ts'
import { run } from '../../agent/cli.ts'
import { checkOnce } from '../../agent/commands/run.ts'
import { HostError } from '../../agent/errors.ts'
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

it('says what its log cannot hold', async () => {
  const memory = createMemoryHost()
  const { append } = memory.store
  const full: typeof append = async (path, line, mode) => {
    if (path === pathsOf(undefined).history) throw new HostError('no space left on the device')
    return append(path, line, mode)
  }
  const host = { ...memory, store: { ...memory.store, append: full } }
  const flags = { json: false, root: undefined, stateDir: undefined, config: undefined }
  const said: string[] = []
  const check = () => checkOnce({ host, flags, args: [], out: (line) => void said.push(line), colour: false })
  await check()
  expect(said.join()).not.toContain('not on record')
  memory.clock.advance(10 * 60_000)
  await check()
  expect(said.join()).toContain('what this check did is not on record: no space left on the device')
})
