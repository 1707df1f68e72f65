// The demo's parts: what it prints of a check, and what it makes of an executable that prints none.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Check, runCheck } from './run-check.ts'
import { createScreen } from './screen.ts'

const quiet: Check = {
  verdict: 'idle',
  state: 'counting',
  reason: 'nothing needed this machine for 3 s',
  readings: [{ sensor: 'cpu', kind: 'idle', reason: '0.01 cores busy, limit 0.10' }],
  vetoes: [],
  actions: [],
}

describe('the screen', () => {
  let printed = ''
  beforeEach(() => {
    printed = ''
    vi.stubEnv('NO_COLOR', '1')
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += String(text)
      return true
    })
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
  })

  it('prints a line a check, and the evidence when its kinds change', () => {
    const screen = createScreen()
    screen.check(quiet, 0.2)
    screen.check({ ...quiet, reason: 'nothing needed this machine for 6 s' }, 3.4)
    screen.check({ ...quiet, readings: [{ sensor: 'cpu', kind: 'active', reason: '1.00 cores busy' }] }, 6)
    const evidence = ' '.repeat(18)
    expect(printed.split('\n')).toEqual([
      '   0 s  counting  nothing needed this machine for 3 s',
      `${evidence}cpu idle: 0.01 cores busy, limit 0.10`,
      '   3 s  counting  nothing needed this machine for 6 s',
      '   6 s  counting  nothing needed this machine for 3 s',
      `${evidence}cpu active: 1.00 cores busy`,
      '',
    ])
  })

  it('says once what several sensors say, and names those with nothing to look at in one line', () => {
    const unknown = { kind: 'unknown', reason: 'no earlier sample' }
    const readings = [
      { sensor: 'cpu', ...unknown },
      { sensor: 'gpu', kind: 'absent', reason: 'no GPU' },
      { sensor: 'disk', ...unknown },
      { sensor: 'editors', kind: 'absent', reason: 'no editor' },
    ]
    createScreen().check({ ...quiet, readings }, 0)
    expect(printed.split('\n').map((line) => line.trim())).toEqual([
      '0 s  counting  nothing needed this machine for 3 s',
      'cpu, disk unknown: no earlier sample',
      'nothing here for gpu, editors',
      '',
    ])
  })

  it('names a veto, and every deed but tags that were written, which the cloud shows', () => {
    const screen = createScreen()
    screen.check(
      {
        ...quiet,
        vetoes: [{ name: 'lease', reason: 'lease until 18:00 UTC (lunch)' }],
        actions: [
          { action: 'tag', result: 'done', detail: 'IdleStatus=idle' },
          { action: 'tag', result: 'failed', detail: 'CreateTags: throttled' },
          { action: 'hibernate', result: 'done', detail: 'accepted' },
        ],
      },
      60,
    )
    screen.cloud('instance i-0: running → stopping')
    expect(printed).toContain('lease forbids it: lease until 18:00 UTC (lunch)')
    expect(printed).toContain('→ tag failed: CreateTags: throttled')
    expect(printed).toContain('→ hibernate done: accepted')
    expect(printed).toContain('☁ instance i-0: running → stopping')
    expect(printed).not.toContain('IdleStatus=idle')
  })

  it('prints no colour without a terminal', () => {
    const screen = createScreen()
    screen.title('title')
    screen.note('note')
    screen.gap()
    expect(printed).toBe('title\n  note\n\n')
  })
})

describe('running a check', () => {
  const sh = (script: string) => runCheck({ executable: '/bin/sh', args: ['-c', script], env: { GREETING: 'hello' } })

  it('reads the check, whatever the exit code: 3 is a check, too', async () => {
    expect(await sh(`echo '${JSON.stringify(quiet)}'; exit 3`)).toEqual(quiet)
  })

  it('gives it only what it is told', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_EC2', 'http://192.0.2.1')
    const check: unknown = await sh('printf \'{"reason":"%s"}\' "$GREETING$AWS_ENDPOINT_URL_EC2"')
    vi.unstubAllEnvs()
    expect(check).toEqual({ reason: 'hello' })
  })

  it.each([
    ['what it wrote on stderr', 'echo "idle-agent: no state" >&2; exit 5', /printed no check: idle-agent: no state$/],
    ['that it printed nothing', 'exit 1', /printed no check: .*Command failed/],
    ['that it printed something else', 'echo hello', /printed no check/],
  ])('fails with %s', async (_, script, message) => {
    await expect(sh(script)).rejects.toThrow(message)
  })

  it('fails where there is no executable', async () => {
    await expect(runCheck({ executable: '/nonexistent', args: [], env: {} })).rejects.toThrow(/ENOENT/)
  })
})
