// Captures as files: whatever is wrong with one is told with its line, and what is written is whole frames or nothing.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { run } from '../../agent/cli.ts'
import { createFrameFile } from '../../agent/host/frame-files.ts'
import { createHost } from '../../agent/host/real.ts'
import { firstFrame, nextFrame } from './frames.ts'

const node = process.execPath

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'frames-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

function put(bytes: string | Buffer, name = 'capture'): string {
  const path = join(folder(), name)
  writeFileSync(path, bytes)
  return path
}

/** Runs a command line in this process. */
async function type(...argv: string[]) {
  const [out, err]: [string[], string[]] = [[], []]
  const host = (root: string) => createHost({ root, env: {} })
  const code = await run(argv, { host, out: (one) => out.push(one), err: (one) => err.push(one), colour: false })
  return { code, out, err: err.join('\n') }
}

const whole = [firstFrame(), nextFrame(1), nextFrame(2)].map((frame) => JSON.stringify(frame))
const text = `${whole.join('\n')}\n`

test.each([
  ['plain', text],
  ['without a last line break', text.trimEnd()],
  ['with blank lines and carriage returns', whole.join('\r\n\n\n')],
  ['compressed', gzipSync(text)],
  ['compressed frame by frame', Buffer.concat(whole.map((one) => gzipSync(`${one}\n`)))],
])('a capture %s is read as what it is', async (_, bytes) => {
  const { code, out } = await type('replay', put(bytes), '--json')
  expect(code).toBe(0)
  expect(out.map((line) => JSON.parse(line).at.slice(11, 16))).toEqual(['00:00', '00:02', '00:04'])
})

const wrong: readonly (readonly [what: string, line: string, problem: RegExp])[] = [
  ['no JSON', '{"schema"', /: it is no JSON, or cut off$/],
  ['garbage', '\u0000\u0001}', /: it is no JSON$/],
  ['no object', '[1]', /: it is no JSON object$/],
  [
    'another schema',
    '{"schema":"idle-agent.frame.v9","clocks":{"wallMs":1,"bootMs":1,"monoMs":1}}',
    /schema: must be "idle-a/,
  ],
  ['no clocks', '{"schema":"idle-agent.frame.v1"}', /clocks: must be wallMs, bootMs and monoMs/],
  ['a key that is none', JSON.stringify({ ...nextFrame(1), file: {} }), /a frame knows no "file"$/],
  ['a number for a text', JSON.stringify({ ...nextFrame(1), files: { '/a': 5 } }), /files\.\/a: must be text, null or/],
  [
    'a stat without a kind',
    JSON.stringify({ ...nextFrame(1), stats: { '/a': { ino: 5 } } }),
    /stats\.\/a: must be \{"kind"/,
  ],
  [
    'a wrong look',
    JSON.stringify({ ...nextFrame(1), again: [{ links: { '/a': 1 } }] }),
    /again\.0\.links\.\/a: must be text/,
  ],
  ['another rest', JSON.stringify({ ...nextFrame(1), rest: 'empty' }), /rest: must be "absent" or "unknown"/],
]

test.each(wrong)('%s is told with its line, and exit code 2', async (_, line, problem) => {
  const path = put(`${whole[0]}\n${line}\n`)
  const { code, out, err } = await type('replay', path, '--json')
  expect({ code, told: err.split('\n').length, before: out.length }).toEqual({ code: 2, told: 1, before: 1 })
  expect(err).toContain(`${path}:2: `)
  expect(err).toMatch(problem)
})

test('everything that is wrong is told at once, at most so much of it', async () => {
  const { err } = await type('replay', put([whole[0], ...wrong.map(([, line]) => line), whole[1]].join('\n')))
  expect(err.split('\n').map((one) => /:(\d+): /.exec(one)?.[1])).toEqual(wrong.map((_, index) => String(index + 2)))
  const many = await type('replay', put('{}\n'.repeat(500)))
  expect(many.err.split('\n').length).toBe(51)
  expect(many.err).toContain('950 more problems')
})

test.each([
  ['nothing', '', /it holds no frame/],
  ['blank lines', '\n\n', /it holds no frame/],
  ['compressed data that is damaged', gzipSync(text).fill(7, 40, 60), /the compressed data is damaged|no JSON/],
])('%s is no capture', async (_, bytes, problem) => {
  const { code, err } = await type('replay', put(bytes))
  expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(problem) })
})

test.each([
  ['a file that is not there', '/no/such/file', /no such file/],
  ['a folder', tmpdir(), /is a folder/],
])('%s is no capture, either', async (_, path, problem) => {
  expect(await type('replay', path)).toEqual({ code: 2, out: [], err: expect.stringMatching(problem) })
})

test('of a compressed capture that was cut off, whole frames are judged and the rest is told', async () => {
  const bytes = Buffer.concat(whole.map((one) => gzipSync(`${one}\n`)))
  const { code, out, err } = await type('replay', put(bytes.subarray(0, -30)), '--json')
  expect({ code, checks: out.length }).toEqual({ code: 2, checks: 2 })
  expect(err).toMatch(/:3: it is no JSON, or cut off$/)
})

test('a capture comes from stdin, too', () => {
  const argv = ['agent/main.ts', 'replay', '-', '--json']
  const { status, stdout } = spawnSync(node, argv, { input: gzipSync(text), encoding: 'utf8' })
  expect({ status, lines: stdout.trim().split('\n').length }).toEqual({ status: 0, lines: 3 })
})

test.each([
  [['replay'], /replay needs a FILE/],
  [['replay', 'a', 'b'], /replay does not know "b"/],
  [['replay', 'a', '--from', 'noon'], /"noon" is no time/],
  [['replay', 'a', '--from', '2026-02-31T99:00Z'], /is no time/],
  [['capture', '--checks', '0'], /--checks: "0" is no number/],
  [['capture', '--every', '1'], /--every: "1" is no duration/],
  [['capture', '--checks', 'x', '--for', 'y', '--every', '10m'], /--for: "y" is no duration/],
  [['capture', '--check', '3', '--out'], /does not know "--check".*\n.*--out needs a value/],
  [['capture', 'file'], /capture does not know "file"/],
])('%j is a mistake', async (argv, problem) => {
  expect(await type(...argv)).toEqual({ code: 2, out: [], err: expect.stringMatching(problem) })
})

test('a person sees what changed, and how it went', async () => {
  const frames = [firstFrame(), ...[1, 2, 3, 4, 5, 6].map((index) => nextFrame(index))]
  const config = put('idle_detection:\n  boot_grace_minutes: 0\n', 'config.yaml')
  const path = put(frames.map((frame) => JSON.stringify(frame)).join('\n'))
  const { out } = await type('replay', path, '--config', config)
  expect(out).toEqual([
    '2026-01-01T00:00:00Z  unknown (active): first look (first check: no earlier state): nothing to compare with yet, so it stays up',
    '2026-01-01T00:02:00Z  idle (counting): nothing needed this machine for 2 min; hibernate at 00:10 UTC',
    '  … 1 more check alike',
    '2026-01-01T00:06:00Z  idle: nothing needed this machine for 6 min; hibernate at 00:10 UTC',
    '                      → warn done: 0 terminals told: hibernate at 00:10 UTC',
    '  … 1 more check alike',
    '2026-01-01T00:10:06Z  idle (acting): nothing needed this machine for 10 min',
    '                      → hibernate done: accepted: in memory: hibernate',
    expect.stringMatching(/^2026-01-01T00:12:00Z {2}unknown \(active\): first look/),
    '7 checks: 0 active, 5 idle, 2 unknown; 1 stop',
  ])
  const some = await type('replay', path, '--config', config, '--from', '2026-01-01 00:05', '--until=2026-01-01T00:07Z')
  expect(some.out.length).toBe(3)
})

test('a person is told that an accepted stop is no failure of the recorded machine', async () => {
  const frames = [firstFrame(), ...Array.from({ length: 11 }, (_, index) => nextFrame(index + 1))]
  const config = put('idle_detection:\n  boot_grace_minutes: 0\n', 'config.yaml')
  const path = put(frames.map((frame) => JSON.stringify(frame)).join('\n'))
  const { out } = await type('replay', path, '--config', config)
  expect(out.filter((line) => /→ (alert|reconcile)/.test(line))).toEqual([])
  expect((await type('replay', path, '--config', config, '--json')).out.join()).toContain('still running')
})

test('a person is told where a verdict rests on what was not recorded', async () => {
  const frames = [firstFrame({ rest: 'unknown' }), nextFrame(1), nextFrame(2)]
  const path = put(frames.map((frame) => JSON.stringify(frame)).join('\n'))
  const { code, out } = await type(
    'replay',
    path,
    '--config',
    put('idle_detection:\n  boot_grace_minutes: 0\n', 'c.yaml'),
  )
  expect(code).toBe(0)
  expect(out.at(-1)).toBe(
    '3 checks ask for what is not in the recording, so this says little of it; capture with this configuration',
  )
})

const kept = { force: false }

test('a file is for its owner alone, and what is there is not overwritten', () => {
  const path = join(folder(), 'capture.jsonl')
  const file = createFrameFile(path, kept)
  file.write('{"one":1}')
  expect(readFileSync(path, 'utf8')).toBe('{"one":1}\n')
  file.close()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(() => createFrameFile(path, kept)).toThrow(/is there already; give another name with --out, or --force/)
  createFrameFile(path, { force: true }).close()
  expect(readFileSync(path, 'utf8')).toBe('')
})

test('what is no file is not taken away, as root would /dev/null', () => {
  const pipe = join(folder(), 'capture.jsonl')
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
  expect(() => createFrameFile(pipe, { force: true })).toThrow(/is there already, and no file; give another name/)
  expect(statSync(pipe).isFIFO()).toBe(true)
})

test.each([kept, { force: true }])('a link is not followed: %j', ({ force }) => {
  const target = put('precious')
  const link = join(folder(), 'capture.jsonl')
  symlinkSync(target, link)
  try {
    createFrameFile(link, { force }).close()
  } catch {
    expect(force).toBe(false)
  }
  expect(readFileSync(target, 'utf8')).toBe('precious')
})

test('where it cannot be made, nothing is captured', async () => {
  expect(await type('capture', '--checks', '1', '--out', '/no/such/folder/x.jsonl')).toMatchObject({ code: 2, out: [] })
})

test('each compressed frame is there as soon as it is written', () => {
  const path = join(folder(), 'capture.jsonl.gz')
  const file = createFrameFile(path, kept)
  file.write('{"one":1}')
  file.write('{"two":2}')
  expect(gunzipSync(readFileSync(path)).toString()).toBe('{"one":1}\n{"two":2}\n')
  expect(file.size).toBe(statSync(path).size)
  file.close()
})

/** A capture in a process of its own, of an empty tree, which is quick to look at. */
function captureArgs(path: string, ...more: string[]): string[] {
  const root = folder()
  return ['agent/main.ts', 'capture', '--root', root, '--every', '1s', '--json', '--out', path, ...more]
}

test('a full disk ends a capture with 5 and leaves whole frames', { timeout: 30_000 }, async () => {
  const path = join(folder(), 'capture.jsonl')
  // Blocks of 1 KiB; the signal of the limit is ignored, so that the write fails as on a full disk.
  const script = `trap '' XFSZ; ulimit -f 1; exec "$@"`
  const argv = ['-c', script, 'bash', node, ...captureArgs(path, '--checks', '20')]
  const { status, stderr, stdout } = spawnSync('bash', argv, { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({
    status: 5,
    stderr: expect.stringMatching(/cannot write .*; the frames before are kept/),
  })
  const frames = readFileSync(path, 'utf8')
  expect(frames).toMatch(/\}\n$|^$/)
  expect(frames.split('\n').length).toBe(stdout.split('\n').length)
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends a capture with whole frames, which say the same again',
  { timeout: 30_000 },
  async (name) => {
    const path = join(folder(), 'capture.jsonl.gz')
    const child = spawn(node, captureArgs(path), { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stderr.on('data', (chunk) => (err += String(chunk)))
    const second = new Promise<void>((resolve) =>
      child.stdout.on('data', (chunk) => {
        out += String(chunk)
        if (out.split('\n').length > 2) resolve()
      }),
    )
    const ended = once(child, 'close')
    await second
    child.kill(name)
    expect((await ended)[0]).toBe(0)
    expect(err).toMatch(/Ctrl-C ends it\n.*\d+ frames, \d+ kB in /s)
    const again = execFileSync(node, ['agent/main.ts', 'replay', path, '--json'], { encoding: 'utf8' })
    expect(again).toBe(out)
  },
)

test('a capture leaves nothing but its file', { timeout: 30_000 }, () => {
  const [root, state] = [folder(), folder()]
  const path = join(folder(), 'capture.jsonl')
  const argv = ['agent/main.ts', 'capture', '--root', root, '--state-dir', state, '--checks', '1', '--out', path]
  const { status, stdout } = spawnSync(node, argv, { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d{4}-.*Z {2}unknown/) })
  expect([root, state].flatMap((one) => execFileSync('find', [one, '-mindepth', '1'], { encoding: 'utf8' }))).toEqual([
    '',
    '',
  ])
  expect(existsSync(path)).toBe(true)
})

test('frames are read without being held', { timeout: 60_000 }, () => {
  const path = join(folder(), 'long.jsonl.gz')
  const file = createFrameFile(path, kept)
  // As of a machine of ten thousand processes, each.
  const frame = JSON.stringify({ ...firstFrame(), files: { '/x': 'x'.repeat(4_194_304) } })
  for (let index = 0; index < 40; index += 1) file.write(frame)
  file.close()
  const argv = ['--max-old-space-size=80', 'agent/main.ts', 'replay', path, '--json']
  const { status, stdout } = spawnSync(node, argv, { encoding: 'utf8' })
  expect({ status, checks: stdout.trim().split('\n').length }).toEqual({ status: 0, checks: 40 })
})
