/** `run` on a host without cron: when it checks, what it does about its memory, and how it goes on when it begins anew. */
import { expect, it } from 'vitest'
import { pathsOf } from '../../agent/check/parts.ts'
import { run as main } from '../../agent/cli.ts'
import { checkOnce, run } from '../../agent/commands/run.ts'
import { HostError } from '../../agent/errors.ts'
import type { Resident } from '../../agent/host/host.ts'
import { configPath } from '../../agent/install/files.ts'
import { acquireLock } from '../../agent/lock.ts'
import { createMemoryHost } from '../host/memory.ts'

const flags = { json: false, root: undefined, stateDir: undefined, config: undefined }

it.each([
  ['', 2, /^idle-agent: run must run as root: run "sudo idle-agent run"$/],
  // Then it gets as far as the configuration, which is refused.
  ['/home/me/state', 2, /check_interval_minutes/],
])('is for root, unless somebody has a state folder of their own: %j', async (stateDir, code, text) => {
  const files = { [configPath]: 'idle_detection:\n  check_interval_minutes: 700\n' }
  const host = createMemoryHost({ files, self: { uid: 1000 } })
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const args = ['run', ...(stateDir === '' ? [] : ['--state-dir', stateDir])]
  expect(await main(args, { host: () => host, out: say, err: say, colour: false })).toBe(code)
  expect(lines.join()).toMatch(text)
})

/** When `run` checked, in seconds since its start, until it was to rest once more than so often; and the configuration that it compiled. */
async function follow(
  { rests, minutes = 2, env = {}, takes = [], checked = () => undefined }: Followed,
  resident?: Resident,
): Promise<{ readonly checks: readonly number[]; readonly compiled: string | undefined }> {
  const files = { [configPath]: `idle_detection:\n  check_interval_minutes: ${minutes}\n` }
  const memory = createMemoryHost({ files, env })
  const began = memory.clocks().monoMs
  const checks: number[] = []
  let rested = 0
  const sleep: typeof memory.sleep = async (ms, signal) => {
    rested += 1
    if (rested > rests) throw new Error('enough')
    await memory.sleep(ms, signal)
  }
  const self = resident === undefined ? memory.self : { ...memory.self, resident: async () => resident }
  const out = () => {
    checked()
    checks.push((memory.clocks().monoMs - began) / 1000)
    memory.clock.advance((takes[checks.length - 1] ?? 0) * 1000)
  }
  await expect(run({ host: { ...memory, self, sleep }, flags, args: [], out, colour: false })).rejects.toThrow('enough')
  return { checks, compiled: await memory.store.read(pathsOf(undefined).configCache) }
}

interface Followed {
  readonly rests: number
  readonly minutes?: number
  readonly env?: Readonly<Record<string, string>>
  /** Seconds, of one check after the other. */
  readonly takes?: readonly number[]
  readonly checked?: () => void
}

it.each([
  { name: 'at once, and then at its interval', followed: { rests: 2 }, at: [0, 120, 240] },
  { name: 'at an interval that divides no hour', followed: { rests: 2, minutes: 7 }, at: [0, 420, 840] },
  { name: 'on time after one that took long', followed: { rests: 3, takes: [1, 100, 2] }, at: [0, 120, 240, 360] },
  {
    name: 'at the next whole interval after one that outlasts its own, the first too',
    followed: { rests: 3, takes: [130, 0, 250] },
    at: [0, 240, 360, 720],
  },
])('checks $name', async ({ followed, at }) => {
  expect((await follow(followed)).checks).toEqual(at)
})

it('leaves its configuration compiled', async () => {
  const { compiled } = await follow({ rests: 0 })
  expect(compiled).toContain('check_interval_minutes')
})

/** Takes down what is asked of it, and after which check; more than it is to hold it holds after those that are named. */
function listening({ more = [] }: { readonly more?: readonly number[] } = {}) {
  const asked: string[] = []
  const left: Readonly<Record<string, string>>[] = []
  let checks = 0
  const resident: Resident = {
    preferLittle: () => void asked.push('prefer little'),
    holdLess(mostBytes, env) {
      asked.push(`after ${checks}: hold ${mostBytes / 1e6} MB`)
      left.push(env)
      return more.includes(checks)
    },
  }
  const checked = () => {
    checks += 1
  }
  return { resident, asked, left, checked }
}

it('holds less after its first check, then where it holds more, fifteen checks later at the earliest', async () => {
  const { resident, asked, checked } = listening({ more: [1, 18] })
  await follow({ rests: 33, checked }, resident)
  const at = [1, 16, 17, 18, 33, 34]
  expect(asked).toEqual(['prefer little', ...at.map((check) => `after ${check}: hold 58 MB`)])
})

it('does not begin anew right before a check, which it might miss', async () => {
  const { resident, asked, checked } = listening()
  await follow({ rests: 1, takes: [119, 2], checked }, resident)
  expect(asked).toEqual(['prefer little', 'after 2: hold 58 MB'])
})

it('goes on where it was, when it begins anew: at the next check of its schedule, whatever the configuration says', async () => {
  const { resident, left } = listening()
  await follow({ rests: 0, minutes: 3 }, resident)
  const [env = {}] = left
  expect(Object.keys(env)).toEqual(['IDLE_AGENT_SCHEDULE'])
  // The memory host's clock begins where it began before.
  expect((await follow({ rests: 2, minutes: 700, env })).checks).toEqual([180, 360])
})

it.each(['', 'x', '1 2', '-5 180000', '3600000 0', '99999999999 180000', '3600000 180000 1'])(
  'begins at once where no schedule was left: %j',
  async (text) => {
    expect((await follow({ rests: 1, env: { IDLE_AGENT_SCHEDULE: text } })).checks).toEqual([0, 120])
  },
)

it('says at every check that its lock is left over, and goes on when it can be removed', async () => {
  const memory = createMemoryHost()
  const { remove } = memory.store
  let readOnly = true
  const failing: typeof remove = async (path) => {
    if (readOnly && path.startsWith(pathsOf(undefined).lockDir)) throw new HostError('read-only file system')
    return remove(path)
  }
  const host = { ...memory, store: { ...memory.store, remove: failing } }
  const said: string[] = []
  const check = async () => {
    await checkOnce({ host, flags, args: [], out: (line) => void said.push(line), colour: false })
    memory.clock.advance(10 * 60_000)
  }
  await check()
  await check()
  readOnly = false
  await check()
  expect(said).toEqual([
    expect.stringContaining('this check failed, the next one follows: read-only file system'),
    expect.stringContaining('this check failed, the next one follows: read-only file system'),
    expect.stringMatching(/Z (unknown|idle|active) /),
  ])
})

it('says nothing of another check that works, unless that hangs', async () => {
  const host = createMemoryHost()
  await acquireLock(host.withSelf({ pid: 7, startTicks: 7 }), pathsOf(undefined).lockDir)
  const said: string[] = []
  const check = () => checkOnce({ host, flags, args: [], out: (line) => void said.push(line), colour: false })
  await check()
  expect(said).toEqual([])
  host.clock.advance(11 * 60_000)
  await check()
  expect(said).toEqual([
    expect.stringMatching(/ this check failed, the next one follows: another check \(pid 7\) .*hangs/),
  ])
})

it('says what its log cannot hold', async () => {
  const memory = createMemoryHost()
  const { append } = memory.store
  const full: typeof append = async (path, line, mode) => {
    if (path === pathsOf(undefined).history) throw new HostError('no space left on the device')
    return append(path, line, mode)
  }
  const host = { ...memory, store: { ...memory.store, append: full } }
  const said: string[] = []
  const check = () => checkOnce({ host, flags, args: [], out: (line) => void said.push(line), colour: false })
  await check()
  expect(said.join()).not.toContain('not on record')
  memory.clock.advance(10 * 60_000)
  await check()
  expect(said.join()).toContain('what this check did is not on record: no space left on the device')
})
