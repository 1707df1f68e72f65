/** An operator's own probes: real commands, each way they can end, and none of them ever idle by mistake. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { firstLine, judgeCommands, listedCommands } from '../../agent/sensors/listed-commands.ts'

const host = createHost({ root: '/', env: {} })
const shell = (name: string, script: string, more: object = {}) => ({ name, argv: ['/bin/sh', '-c', script], ...more })

async function reading(...entries: readonly Readonly<Record<string, unknown>>[]) {
  return judgeCommands(await listedCommands(entries).read({ ...host }, new AbortController().signal))
}

describe('what a command says', () => {
  it.each<[string, string, { kind: string; reason: string }]>([
    ['yes', 'exit 0', { kind: 'active', reason: 'the command probe says that this machine is needed' }],
    [
      'yes, and why',
      'echo; echo "  3 jobs queued"; echo more',
      { kind: 'active', reason: 'the command probe says that this machine is needed: 3 jobs queued' },
    ],
    ['no', 'echo nothing; exit 1', { kind: 'idle', reason: 'not needed, says probe' }],
    [
      'something else',
      'exit 2',
      { kind: 'unknown', reason: 'the command probe ended with 2, which is neither 0 nor 1' },
    ],
    [
      'nothing, since it was killed',
      'kill -9 $$',
      { kind: 'unknown', reason: 'the command probe ended with 137, which is neither 0 nor 1' },
    ],
    [
      'too much',
      'yes | head -c 70000; exit 1',
      { kind: 'unknown', reason: 'the command probe cannot be asked: /bin/sh printed more than 65536 bytes' },
    ],
    [
      'no, with its words on the other stream',
      'echo x >&2; exit 1',
      { kind: 'idle', reason: 'not needed, says probe' },
    ],
  ])('%s', async (_, script, expected) => {
    expect(await reading(shell('probe', script))).toEqual(expected)
  })

  it('one that is not there, by name and by path', async () => {
    expect(await reading({ argv: ['true'] })).toEqual({
      kind: 'unknown',
      reason: 'the command true is not run: true is not given by its whole path',
    })
    expect(await reading({ argv: ['/usr/bin/no-such-probe'] })).toEqual({
      kind: 'unknown',
      reason: 'the command no-such-probe is not run: /usr/bin/no-such-probe is not there',
    })
    expect(await reading({ argv: ['/etc/passwd'] })).toEqual({
      kind: 'unknown',
      reason: 'the command passwd is not there, or cannot be executed',
    })
  })

  it('one that another could have written is not run', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'probe-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const [path, sign] = [join(folder, 'probe'), join(folder, 'ran')]
    writeFileSync(path, `#!/bin/sh\ntouch ${sign}\nexit 1\n`)
    chmodSync(path, 0o777)
    const { kind, reason } = await reading({ argv: [path] })
    expect(kind).toBe('unknown')
    expect(reason).toMatch(/^the command probe is not run: \/\S+ (can be written by others|belongs to uid)/)
    expect(await host.stat(sign)).toBeUndefined()
  })

  it('a program is run by its whole path', async () => {
    expect(await reading({ argv: ['/bin/sh', '-c', 'exit 1'] })).toMatchObject({ kind: 'idle' })
  })

  it('never shows an argument', async () => {
    for (const end of ['exit 0', 'exit 1', 'exit 7'])
      expect((await reading({ argv: ['/bin/sh', '-c', `: s3cret; ${end}`] })).reason).not.toContain('s3cret')
  })
})

describe('of several', () => {
  const [yes, no, broken] = [shell('yes', 'exit 0'), shell('no', 'exit 1'), shell('broken', 'exit 9')]
  it.each([
    ['one yes is enough', [no, broken, yes], 'active', /the command yes/],
    ['one that is broken outweighs a no', [no, broken], 'unknown', /the command broken/],
    ['all have to say no', [no, shell('nor', 'exit 1')], 'idle', /^not needed, says no, nor$/],
  ])('%s', async (_, entries, kind, reason) => {
    expect(await reading(...entries)).toMatchObject({ kind, reason: expect.stringMatching(reason) })
  })
})

describe('one that hangs', () => {
  it('is ended with what it started, and side by side with the others', async () => {
    const began = performance.now()
    const hangs = Array.from({ length: 8 }, (_, index) => shell(`hang-${index}`, 'sleep 60', { timeout_seconds: 0.2 }))
    expect(await reading(...hangs)).toEqual({
      kind: 'unknown',
      reason: 'the command hang-0 cannot be asked: /bin/sh did not end within 200 ms',
    })
    expect(performance.now() - began).toBeLessThan(3000)
  })

  it('does not hide the yes of another', async () => {
    const found = await reading(shell('hang', 'sleep 60', { timeout_seconds: 0.2 }), shell('yes', 'exit 0'))
    expect(found.kind).toBe('active')
  })

  it('is given up with the check', async () => {
    const sensor = listedCommands([shell('hang', 'sleep 60')])
    const deadline = host.deadline(200)
    await expect(sensor.read({ ...host }, deadline.signal)).rejects.toThrow()
  })

  it('may do so for less time than a look has', () => {
    expect(listedCommands([]).readMs).toBeLessThan(8_500)
  })
})

describe('the first line', () => {
  it.each<[string, string]>([
    ['', ''],
    ['\n\n', ''],
    ['a\nb', 'a'],
    ['\u001b[31mred\u0007\n', '[31mred'],
    ['\u202Ereversed', 'reversed'],
    ['x'.repeat(500), 'x'.repeat(100)],
    ['😀'.repeat(200), '😀'.repeat(100)],
  ])('%j', (stdout, expected) => {
    expect(firstLine(stdout)).toBe(expected)
  })
})

it('is unknown on a machine that is only looked at', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'root-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const sample = await listedCommands([{ argv: ['/bin/true'] }]).read(
    createHost({ root: folder, env: {} }),
    new AbortController().signal,
  )
  expect(judgeCommands(sample).kind).toBe('unknown')
})
