/** `check` as the schedule runs it: what keeps it from its work is told where somebody can find it. */
import { describe, expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import { configPath } from '../../agent/install/files.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

const LOG = '/var/log/idle-agent/agent.log'
const wallMs = Date.UTC(2026, 10, 22, 12)

function machine(): MemoryHost {
  return createMemoryHost({ clocks: { wallMs, bootMs: 1e8, monoMs: 1e8 } })
}

async function check(host: MemoryHost, ...args: readonly string[]) {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const code = await run(['check', ...args], { host: () => host, out: say, err: say, colour: false })
  return { code, text: lines.join('\n') }
}

describe('a check that fails', () => {
  const bad = 'idle_detection:\n  idle_threshold_minutes: soon\n  colour: blue\n'
  const problems = 'idle_threshold_minutes'

  it('is in the log with --log, line by line, and still told on stderr', async () => {
    const host = machine()
    host.files.write(configPath, bad)
    const { code, text } = await check(host, '--act', '--log')
    expect([code, text]).toEqual([2, expect.stringContaining(problems)])
    const lines = host.files.read(LOG)?.trimEnd().split('\n') ?? []
    expect(lines.length).toBe(2)
    for (const line of lines) expect(line).toMatch(/^2026-11-22T12:00:00Z \/etc\/idle-agent\/config.yaml/)
  })

  it('leaves no log without it', async () => {
    const host = machine()
    host.files.write(configPath, bad)
    await check(host, '--act')
    expect(host.files.read(LOG)).toBeUndefined()
  })
})
