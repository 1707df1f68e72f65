/** `check` as the schedule runs it: what keeps it from its work is told where somebody can find it. */
import { describe, expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import { configPath } from '../../agent/install/files.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

const wallMs = Date.UTC(2026, 10, 22, 12)

function machine(): MemoryHost {
  const files = { '/etc/machine-id': `${'a'.repeat(32)}\n` }
  return createMemoryHost({ files, clocks: { wallMs, bootMs: 1e8, monoMs: 1e8 } })
}

async function check(host: MemoryHost, ...args: readonly string[]) {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const code = await run(['check', ...args], { host: () => host, out: say, err: say, colour: false })
  return { code, text: lines.join('\n') }
}

describe('a configuration that cannot be used', () => {
  const STATUS = '/run/idle-agent/status.json'
  const status = (host: MemoryHost) => JSON.parse(host.files.read(STATUS) ?? '{}') as Record<string, unknown>

  /** A machine that has been checked twice; its tags are in a file, since no cloud is there. */
  async function used(text: string): Promise<MemoryHost> {
    const host = machine()
    host.files.write(configPath, text)
    for (const _ of [1, 2]) {
      await check(host, '--act')
      host.clock.advance(120_000)
    }
    return host
  }

  it('is in the status at each check, with the remedy, and in the tag once; the next good check takes it back', async () => {
    const good = 'idle_detection:\n  tag_prefix: Ours\n'
    const host = await used(good)
    const tags = () => host.files.read('/var/lib/idle-agent/tags.json') ?? ''
    expect(status(host)['fault']).toBeUndefined()
    host.files.write(configPath, 'idle_detection:\n  idle_threshold_minutes: soon\n  colour: blue\n')
    for (const _ of [1, 2]) expect((await check(host, '--act')).code).toBe(2)
    expect(status(host)).toMatchObject({
      verdict: expect.any(String),
      fault: {
        kind: 'config',
        reason: expect.stringMatching(
          /^\/etc\/idle-agent\/config\.yaml:2.*, and 1 more; "sudo idle-agent config check" tells all$/,
        ),
        since: '2026-11-22T12:04:00Z',
        tagged: true,
      },
    })
    expect(tags()).toMatch(/"Ours:IdleReason": "fault: \/etc\/idle-agent\/config.yaml:2/)
    host.files.write(configPath, good)
    await check(host, '--act')
    expect(status(host)['fault']).toBeUndefined()
    expect(tags()).not.toContain('fault')
  })

  it('acts on nothing, and says nothing of it where the agent was switched off', async () => {
    const host = await used('idle_detection:\n  enabled: false\n')
    host.files.write(configPath, 'idle_detection: 5\n')
    expect((await check(host, '--act')).code).toBe(2)
    expect(status(host)).toMatchObject({ fault: { kind: 'config', tagged: false } })
  })

  it('is in the status alone where none was in force before: whose tags those are is not known', async () => {
    const host = machine()
    host.files.write(configPath, 'idle_detection:\n  tag_prefix: Ours\n  enabled: fals\n')
    expect((await check(host, '--act')).code).toBe(2)
    expect(status(host)).toMatchObject({ fault: { kind: 'config', tagged: false } })
    expect(host.files.read('/var/lib/idle-agent/tags.json')).toBeUndefined()
  })

  it('is told after the machine has started anew, when nothing is left in /run', async () => {
    const host = await used('idle_detection: {}\n')
    await host.store.remove('/run/idle-agent', { whole: true })
    host.files.write(configPath, 'idle_detection: 5\n')
    await check(host, '--act')
    expect(status(host)).toMatchObject({ fault: { kind: 'config', tagged: true } })
  })

  it('is told by nobody who only looks', async () => {
    const host = await used('idle_detection: {}\n')
    host.files.write(configPath, 'idle_detection: 5\n')
    expect((await check(host)).code).toBe(2)
    expect(status(host)).toMatchObject({ verdict: expect.any(String) })
    expect(status(host)['fault']).toBeUndefined()
  })

  it('names no file of somebody’s own', async () => {
    const host = await used('idle_detection: {}\n')
    host.files.write('/home/alice/a.yaml', 'idle_detection: 5\n')
    await check(host, '--act', '--config', '/home/alice/a.yaml')
    expect(status(host)).toMatchObject({
      fault: {
        reason: expect.stringMatching(
          /^the configuration, line 1: idle_detection: .*; "sudo idle-agent config check --config FILE" tells more$/,
        ),
      },
    })
    expect(JSON.stringify(status(host))).not.toContain('alice')
    const lines: string[] = []
    const say = (line: string) => void lines.push(line)
    for (const args of [['status'], ['status', '--json']])
      expect(await run(args, { host: () => host, out: say, err: say, colour: false })).toBe(0)
    expect(lines[0]).toMatch(/^idle-agent has not worked since 12:04 UTC \(0 s ago\): the configuration, line 1: /)
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ fault: { kind: 'config', reason: expect.any(String) } })
  })
})

describe('a check by hand', () => {
  it('says where nothing is recorded yet that no clock runs, and what it compared', async () => {
    const host = machine()
    const { code, text } = await check(host)
    expect(code).toBe(0)
    expect(text).toMatch(/^ {2}covers 2 s: two looks of this check, since there is no earlier one to compare with$/m)
    expect(text).toMatch(
      /^ {2}nothing is recorded yet: no clock runs, .*"sudo idle-agent install".*"sudo idle-agent check --act"/m,
    )
    await check(host, '--act')
    host.clock.advance(120_000)
    expect((await check(host)).text).not.toMatch(/recorded|two looks/)
    host.clock.suspend(3_600_000)
    expect((await check(host)).text).toMatch(/^ {2}nothing of this run of the machine is recorded yet: /m)
  })

  it('says what an interval is that does not count', async () => {
    const host = machine()
    await check(host, '--act')
    host.clock.advance(3_600_000)
    expect((await check(host)).text).toMatch(
      /^ {2}covers the last 60 min, which do not count as idle: nobody looked for 3600 s$/m,
    )
  })
})

describe('where nothing can be stopped', () => {
  const watched = /^ {2}only watched: this is no EC2 instance or Azure VM, so nothing will be stopped$/m

  it('a person is told, and hears nothing of tags; programs read what they always do', async () => {
    const host = machine()
    const first = await check(host, '--act')
    expect(first.text).toMatch(watched)
    expect(first.text).not.toMatch(/tag done/)
    host.clock.advance(120_000)
    expect((await check(host)).text).toMatch(watched)
    const json = JSON.parse((await check(machine(), '--act', '--json')).text) as Record<string, unknown>
    expect(json).toMatchObject({ actions: [{ action: 'tag', result: 'done' }] })
  })

  it('and of EC2 that is not said', async () => {
    const host = machine()
    host.files.write('/sys/class/dmi/id/sys_vendor', 'Amazon EC2\n')
    expect((await check(host)).text).not.toMatch(/only watched/)
  })
})
