// `keep` and `release` as somebody types them: in memory, and for a real command with real signals.
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GlobalFlags } from '../../agent/commands/context.ts'
import { keep } from '../../agent/commands/keep.ts'
import { parseDuration, parseUntil } from '../../agent/commands/keep-time.ts'
import { release } from '../../agent/commands/release.ts'
import { UsageError } from '../../agent/errors.ts'
import { createMemoryHost, type MemoryHost, type MemoryOptions } from '../host/memory.ts'

const NOON = Date.UTC(2026, 10, 22, 12)
const HOUR = 3_600_000
const DIR = '/run/idle-agent/leases'

function machine(uid = 1000, options: MemoryOptions = {}): MemoryHost {
  const clocks = { wallMs: NOON, bootMs: HOUR, monoMs: HOUR }
  const host = createMemoryHost({ clocks, ...options, self: { uid } })
  host.files.makeDir(DIR)
  host.files.write('/run/idle-agent/status.json', '{}')
  return host
}

async function run(command: typeof keep, host: MemoryHost, args: readonly string[], flags: Partial<GlobalFlags> = {}) {
  const lines: string[] = []
  const all = { json: false, root: undefined, stateDir: undefined, config: undefined, ...flags }
  const code = await command({ host, flags: all, args, out: (line) => lines.push(line), colour: false })
  return { code, lines }
}

describe('times', () => {
  it.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['4h', 4 * HOUR],
    ['1d', 24 * HOUR],
    ['1h30m', 1.5 * HOUR],
    ['1d2h3m4s', 93_784_000],
  ])('%s is a duration', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['', '4', 'h', '0h', '-4h', '4 h', '1.5h', '30m1h', '1h1h', '4H', '1e3s', '9999999d', '4h;ls'])(
    '"%s" is none',
    (text) => {
      expect(parseDuration(text)).toEqual(expect.stringContaining(text))
    },
  )

  const now = { wallMs: new Date(2026, 10, 22, 12, 0).getTime(), bootMs: 0, monoMs: 0 }
  it.each([
    ['18:00', new Date(2026, 10, 22, 18, 0)],
    ['9:05', new Date(2026, 10, 23, 9, 5)],
    ['12:00', new Date(2026, 10, 23, 12, 0)],
    ['2026-11-30T10:00', new Date(2026, 10, 30, 10, 0)],
    ['2026-11-30 10:00', new Date(2026, 10, 30, 10, 0)],
    ['2026-11-30 10:00Z', new Date(Date.UTC(2026, 10, 30, 10, 0))],
    ['2026-11-30T10:00:30Z', new Date(Date.UTC(2026, 10, 30, 10, 0, 30))],
    ['2026-11-30T10:00+02:00', new Date(Date.UTC(2026, 10, 30, 8, 0))],
  ])('%s is a time', (text, time) => {
    expect(parseUntil(text, now)).toBe(time.getTime())
  })

  it.each([
    '24:00',
    '18:60',
    '18',
    '18:00:00',
    'noon',
    '2026-02-30T10:00Z',
    '2026-11-30',
    '2026-11-30  10:00',
    '2026-13-01T10:00',
    '2020-01-01T00:00',
    '9999-01-01T00:00',
  ])('"%s" is none', (text) => {
    expect(parseUntil(text, now)).toEqual(expect.stringContaining(text))
  })

  it('the examples of what is a time are some themselves', () => {
    const told = String(parseUntil('soon', now))
    const [, local = '', zoned = ''] = /or "(.+)" \(local time\), or (\S+)$/.exec(told) ?? []
    for (const example of [local, zoned])
      expect([example, typeof parseUntil(example, now)]).toEqual([example, 'number'])
  })
})

describe('keep', () => {
  it('prints the lease, its end and how to give it back', async () => {
    const { code, lines } = await run(keep, machine(), ['--for', '4h', '--reason=long build'])
    expect([code, ...lines]).toEqual([
      0,
      'lease 1000-0: this machine stays up until 16:00 UTC (long build)',
      'to give it back: idle-agent release 1000-0',
    ])
  })

  it('says what the ceiling makes of it, and spares root', async () => {
    expect((await run(keep, machine(), ['--for', '3d'])).lines[1]).toMatch(/at most until 2026-11-23 12:00 UTC: 24 h/)
    expect((await run(keep, machine(0), ['--for', '3d'])).lines).toHaveLength(2)
    const configured = { files: { '/c.yaml': 'idle_detection: {keep: {ceiling_hours: 2}}' } }
    const { lines } = await run(keep, machine(1000, configured), ['--for', '3h'], { config: '/c.yaml' })
    expect(lines[1]).toMatch(/at most until 14:00 UTC: 2 h/)
  })

  it('does not need a configuration that can be read', async () => {
    const { code } = await run(keep, machine(), ['--for', '3d'], { config: '/none.yaml' })
    expect(code).toBe(0)
  })

  it('prints one object with --json', async () => {
    const { lines } = await run(keep, machine(), ['--until', '2026-11-24T12:00Z'], { json: true })
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        schema: 'idle-agent.keep.v1',
        lease: {
          id: '1000-0',
          reason: '',
          pid: null,
          until: '2026-11-24T12:00:00.000Z',
          cutAt: '2026-11-23T12:00:00.000Z',
        },
      },
    ])
  })

  it.each<[string, readonly string[], readonly RegExp[]]>([
    ['nothing', [], [/until when.*--for.*--until.*--pid.*--/]],
    ['a reason only', ['--reason', 'x'], [/until when/]],
    ['two ends', ['--for', '1h', '--pid', '1'], [/--for and --pid exclude/]],
    ['an end and a command', ['--for', '1h', '--', 'make'], [/exclude/]],
    ['no command', ['--'], [/needs a command/]],
    ['an unknown option', ['--fro', '1h'], [/no option --fro/, /"1h" is not understood/]],
    ['a missing value', ['--for'], [/--for needs a value/]],
    ['an empty value', ['--for='], [/--for needs a value/]],
    ['an option for a value', ['--for', '--reason', 'x'], [/--for needs a value/]],
    ['an option twice', ['--for', '1h', '--for', '2h'], [/twice/]],
    ['a bad number', ['--pid', '0x10'], [/no process number/]],
    ['several things', ['--for', 'x', '--until', 'y', 'z'], [/"z"/, /exclude/, /no duration/, /no time/]],
  ])('refuses %s, with everything that is wrong', async (_what, args, problems) => {
    const host = machine()
    const error = await run(keep, host, args).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(UsageError)
    const found = error instanceof UsageError ? error.problems : []
    expect(found).toHaveLength(problems.length)
    problems.forEach((words, index) => {
      expect(found[index]).toMatch(words)
    })
    expect(host.files.names(DIR)).toEqual([])
  })

  it('tells a user where the agent has not run, and makes the folder for root', async () => {
    const without = (uid: number) => {
      const host = machine(uid)
      host.files.remove('/run/idle-agent')
      return host
    }
    await expect(run(keep, without(1000), ['--for', '1h'])).rejects.toThrow(/has not run on this machine/)
    const asRoot = without(0)
    const { code, lines } = await run(keep, asRoot, ['--for', '1h'])
    expect(asRoot.files.stat(DIR)?.mode).toBe(0o1733)
    expect([code, ...lines]).toEqual([
      0,
      expect.stringMatching(/stays up/),
      expect.stringMatching(/^no check has run since boot, so nothing reads it yet/),
      expect.stringMatching(/give it back/),
    ])
  })

  it('takes a state folder that is there, and makes none', async () => {
    const host = machine()
    const asked = () => run(keep, host, ['--for', '1h'], { stateDir: '/home/me/s' })
    await expect(asked()).rejects.toThrow(
      new UsageError('--state-dir: there is no folder /home/me/s; a check makes it, "keep" does not'),
    )
    expect(host.files.stat('/home/me')).toBeUndefined()
    host.files.makeDir('/home/me/s')
    const { lines } = await asked()
    expect(lines[1]).toBe('no check has run with this --state-dir, so nothing reads it yet')
    expect(host.files.names('/home/me/s/run/leases')).toEqual(['1000-0'])
    expect(lines.at(-1)).toContain('--state-dir /home/me/s')
  })

  it('holds for a command by its program only, prints nothing, and gives back at the end', async () => {
    let held: string | undefined
    const host = machine(1000, {
      spawnInherited: () => {
        held = host.files.read(`${DIR}/1000-0`)
        return 3
      },
    })
    expect(await run(keep, host, ['--', '/usr/bin/curl', '--for', 'secret'])).toEqual({ code: 3, lines: [] })
    expect(JSON.parse(held ?? '')).toMatchObject({ reason: 'curl', until: { kind: 'pid', pid: host.self.pid } })
    expect(host.files.names(DIR)).toEqual([])
  })

  it("leaves another's lease alone that took its place meanwhile", async () => {
    const host = machine(1000, {
      spawnInherited: async () => {
        host.files.remove(`${DIR}/1000-0`)
        await run(keep, host, ['--for', '1h'])
        return 0
      },
    })
    await run(keep, host, ['--', 'make'])
    expect(host.files.names(DIR)).toEqual(['1000-0'])
  })
})

describe('keep --list', () => {
  it('shows one’s own, by their ends and reasons, and nobody else’s', async () => {
    const host = machine()
    expect((await run(keep, host, ['--list'])).lines).toEqual(['you hold no lease'])
    await run(keep, host, ['--for', '4h', '--reason', 'lunch'])
    await run(keep, host, ['--for', '30h'])
    expect((await run(keep, host, ['--list'])).lines).toEqual([
      '1000-0  until 16:00 UTC (lunch)',
      '1000-1  until 2026-11-23 18:00 UTC',
    ])
    expect((await run(keep, host.withSelf({ uid: 1001 }), ['--list'])).lines).toEqual(['you hold no lease'])
    const { lines } = await run(keep, host, ['--list'], { json: true })
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        schema: 'idle-agent.leases.v1',
        leases: [{ id: '1000-0', reason: 'lunch', until: '2026-11-22T16:00:00.000Z', owner: 'uid 1000' }, {}],
      },
    ])
  })

  it('shows root everybody’s, with their owners', async () => {
    const host = machine()
    const root = host.withSelf({ uid: 0 })
    expect((await run(keep, root, ['--list'])).lines).toEqual(['nobody holds a lease'])
    host.files.write('/etc/passwd', 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n')
    await run(keep, host, ['--for', '4h', '--reason', 'lunch'])
    await run(keep, host.withSelf({ uid: 1001 }), ['--for', '1h'])
    await run(keep, root, ['--for', '2h'])
    for (const uid of [0, 1001]) host.files.touch(`${DIR}/${uid}-0`, { uid })
    expect((await run(keep, root, ['--list'])).lines).toEqual([
      '0-0 of root  until 14:00 UTC',
      '1000-0 of alice  until 16:00 UTC (lunch)',
      '1001-0 of uid 1001  until 13:00 UTC',
    ])
    expect((await run(keep, root, ['--list'], { json: true })).lines.join()).toContain('"owner":"alice"')
    expect((await run(keep, host, ['--list'])).lines).toEqual(['1000-0  until 16:00 UTC (lunch)'])
  })

  it('stands alone', async () => {
    await expect(run(keep, machine(), ['--list', '--for', '1h'])).rejects.toThrow(/no option --list/)
  })
})

describe('release', () => {
  it('gives back the only one, one of several by its name, or all', async () => {
    const host = machine()
    expect((await run(release, host, [])).lines).toEqual(['there is no lease to give back'])
    for (let count = 0; count < 4; count += 1) await run(keep, host, ['--for', '4h'])
    await expect(run(release, host, [])).rejects.toThrow(/4 leases[\s\S]*1000-2 {2}until 16:00 UTC/)
    expect((await run(release, host, ['1000-2'])).lines).toEqual(['lease 1000-2 is given back'])
    expect((await run(release, host, ['--all'], { json: true })).lines).toEqual([
      '{"schema":"idle-agent.release.v1","released":["1000-0","1000-1","1000-3"]}',
    ])
    await run(keep, host, ['--for', '4h'])
    expect((await run(release, host, [])).lines).toEqual(['lease 1000-0 is given back'])
  })

  it.each([
    [['0-0'], /not yours/],
    [['1000-0'], /no lease/],
    [['x'], /"x" is no lease/],
    [['1000-0', '1000-1'], /one lease/],
    [['1000-0', '--all'], /not both/],
    [['--force'], /no option --force/],
  ])('refuses %j', async (args, words) => {
    await expect(run(release, machine(), args)).rejects.toThrow(words)
  })
})

describe('with a real command', () => {
  let base: string
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'keep-'))
    chmodSync(base, 0o755)
  })
  afterEach(() => {
    rmSync(base, { recursive: true })
  })
  const url = (path: string) => JSON.stringify(new URL(`../../agent/${path}`, import.meta.url).href)
  const script = `
    import { createHost } from ${url('host/real.ts')}
    import { keep } from ${url('commands/keep.ts')}
    const [stateDir, ...args] = process.argv.slice(1)
    const flags = { json: false, root: undefined, stateDir, config: undefined }
    const host = createHost({ root: '/', env: {} })
    process.exitCode = await keep({ host, flags, args, out: console.log, colour: false })`

  it('holds while it runs, forwards a signal, passes its code on and leaves nothing', async () => {
    const state = join(base, 'state')
    mkdirSync(state, { mode: 0o700 })
    const command = ['sh', '-c', 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done']
    const argv = ['--input-type=module-typescript', '-e', script, '--', state, '--', ...command]
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    expect(readdirSync(join(state, 'run/leases'))).toHaveLength(1)
    expect([state, join(state, 'run'), join(state, 'run/leases')].map((path) => statSync(path).mode & 0o7777)).toEqual([
      0o700, 0o755, 0o1733,
    ])
    child.kill('SIGTERM')
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(9)
    expect(readdirSync(join(state, 'run/leases'))).toEqual([])
    expect(existsSync(join(state, 'lock'))).toBe(false)
  })
})
