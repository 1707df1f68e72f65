// The command line as somebody mistypes it: what is printed is for a person, and never speaks to the terminal by itself.
import { describe, expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

const clocks = { wallMs: Date.UTC(2026, 10, 22, 12), bootMs: 3_600_000, monoMs: 3_600_000 }

async function type(argv: readonly string[], host: MemoryHost = createMemoryHost({ clocks })) {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const code = await run(argv, { host: () => host, out: say, err: say, colour: false })
  return { code, text: lines.join('\n') }
}

describe('what is printed', () => {
  const nasty = '\u001b[31m\u009b2J\u202e\u0007\u2028x'
  it.each([
    [[nasty]],
    [['status', nasty]],
    [['run', nasty]],
    [['help', nasty]],
    [['version', nasty]],
    [['check', nasty]],
    [['keep', nasty]],
    [['keep', `--${nasty}`]],
    [['keep', '--for', nasty]],
    [['keep', '--until', nasty]],
    [['release', nasty]],
    [['release', `-${nasty}`]],
    [['config', 'check', '--config', `/${nasty}`]],
    [['config', 'check', '--json', '--config', `/${nasty}`]],
    [['status', '--state-dir', `/${nasty}`]],
  ])('holds no character that acts on a terminal: %j', async (argv) => {
    const { code, text } = await type(argv)
    expect(code).toBeGreaterThan(0)
    expect(text).toMatch(/\S/)
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u)
  })

  it('is still the same JSON', async () => {
    const { text } = await type(['config', 'check', '--json', '--config', `/${nasty}`])
    expect(JSON.parse(text)).toMatchObject({ file: `/${nasty}`, valid: false })
  })

  it('is short, however long the argument', async () => {
    expect((await type(['keep', 'x'.repeat(100_000)])).text.length).toBeLessThan(3000)
  })
})

describe('a flag without its value', () => {
  it.each([
    [['check', '--state-dir', '--act']],
    [['check', '--config', '--json']],
    [['keep', '--root', '--for', '4h']],
    [['check', '--state-dir']],
    [['check', '--state-dir', '']],
    [['check', '--state-dir=']],
  ])('is refused, and swallows no other flag: %j', async (argv) => {
    expect(await type(argv)).toEqual({ code: 2, text: expect.stringContaining('needs a value') })
  })

  it('may begin like a flag if it is tied to its own', async () => {
    expect(await type(['status', '--state-dir=--odd'])).toEqual({ code: 5, text: expect.stringContaining('--odd/run') })
  })
})

describe('a damaged status', () => {
  it.each([['{'], ['null'], ['{}'], ['{"at":"x","readings":[],"vetoes":[]}']])(
    '%s is told, and is no bug',
    async (content) => {
      const host = createMemoryHost({ clocks })
      host.files.write('/run/idle-agent/status.json', content)
      for (const argv of [['status'], ['status', '--json']]) {
        expect(await type(argv, host)).toEqual({
          code: 5,
          text: expect.stringMatching(/status\.json cannot be used.*next check/),
        })
      }
    },
  )
})

describe('help', () => {
  it('tells every command, every exit code, and for one command only the flags that mean something to it', async () => {
    const { code, text } = await type(['help'])
    expect(code).toBe(0)
    const unasked = (await type([])).text
    const names = /say what to do: (.*) \(/.exec(unasked)?.[1]?.split(', ') ?? []
    expect(names.length).toBeGreaterThan(8)
    for (const name of names.filter((one) => one !== 'help')) {
      expect(text).toContain(`\n  idle-agent ${name}`)
      expect((await type(['help', name])).text).toMatch(new RegExp(`^usage: idle-agent ${name}`))
    }
    for (const exit of [0, 1, 2, 3, 4, 5]) expect(text).toMatch(new RegExp(`^  ${exit}  \\w`, 'm'))
    expect((await type(['help', 'version'])).text).not.toMatch(/--root|--config|--state-dir/)
    expect((await type(['help', 'check'])).text).toMatch(/--json[\s\S]*--config[\s\S]*--state-dir[\s\S]*--root/)
  })

  it.each([
    [['help', 'keep'], /--until .*local time[\s\S]*1000-0/],
    [['keep', '--for', '4h', '--help'], /--until .*local time/],
    [['help', 'help'], /^idle-agent: stops this machine/],
    [['help', 'config'], /^usage: idle-agent config check \| show/],
    [['help', 'config', 'show'], /^usage: idle-agent config show/],
    [['config', 'show', '--help'], /^usage: idle-agent config show/],
  ])('%j tells how', async (argv, text) => {
    expect(await type(argv)).toEqual({ code: 0, text: expect.stringMatching(text) })
  })

  it.each([
    [['instal'], /there is no command "instal": did you mean install\?/],
    [['stats'], /did you mean status\?/],
    [['stop'], /there is no command "stop": check, status/],
    [['constructor'], /there is no command "constructor": check/],
    [['help', 'chek'], /there is no command "chek": did you mean check\?/],
    [['help', 'check', 'keep'], /help takes one command, got check keep/],
    [['help', 'config', 'show', 'it'], /help takes one command/],
    [['stop', '--help'], /there is no command "stop"/],
  ])('%j is answered with 2', async (argv, text) => {
    expect(await type(argv)).toEqual({ code: 2, text: expect.stringMatching(text) })
  })
})
