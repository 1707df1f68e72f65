// Commands on the real host: found in system folders, bounded in time and size, never left behind.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { createHost } from '../../agent/host/real.ts'
import { tooLarge } from '../../agent/host/real-errors.ts'

const host = createHost({ root: '/', env: {} })
let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'real-run-'))
})
afterAll(() => {
  rmSync(dir, { recursive: true })
})

function runs(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z')
  } catch {
    // No such process.
    return false
  }
}

const shell = (script: string, timeoutMs = 10_000, more: { maxBytes?: number; signal?: AbortSignal } = {}) =>
  host.run(['sh', '-c', script], { timeoutMs, ...more })

describe('run', () => {
  it('gives status and both outputs', async () => {
    expect(await shell('echo out; echo err >&2; exit 3')).toEqual({ status: 3, stdout: 'out\n', stderr: 'err\n' })
  })

  it('reduces the environment, closes stdin and stands in /', async () => {
    const result = await host.run(['env'], { timeoutMs: 10_000 })
    expect(result?.stdout.trim().split('\n').sort()).toEqual(['LC_ALL=C', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin'])
    expect((await shell('cat; pwd'))?.stdout).toBe('/\n')
  })

  it('gives a killed command the status of its signal', async () => {
    expect((await shell('kill -9 $$'))?.status).toBe(137)
  })

  it('finds nothing by the PATH of the caller', async () => {
    writeFileSync(join(dir, 'idle-agent-test-tool'), '#!/bin/sh\n')
    chmodSync(join(dir, 'idle-agent-test-tool'), 0o755)
    const before = process.env['PATH']
    process.env['PATH'] = `${dir}:${before}`
    expect(await host.run(['idle-agent-test-tool'], { timeoutMs: 1000 })).toBeUndefined()
    process.env['PATH'] = before
  })

  it('runs a whole path as it is, if it can be executed', async () => {
    expect(await host.run(['/bin/sh', '-c', 'exit 4'], { timeoutMs: 10_000 })).toMatchObject({ status: 4 })
    for (const path of ['/etc/passwd', '/bin', '/no/such/program', '/etc/passwd/x'])
      expect(await host.run([path], { timeoutMs: 10_000 })).toBeUndefined()
  })

  it.each(['./sh', '../bin/sh', ''])('refuses the name "%s"', async (name) => {
    await expect(host.run([name], { timeoutMs: 1000 })).rejects.toThrow(HostError)
  })

  it('ends a command that hangs, its children too', async () => {
    const began = Date.now()
    const file = join(dir, 'pids')
    await expect(shell(`sleep 60 & echo $! $$ > ${file}; wait`, 300)).rejects.toThrow(/did not end within 300 ms/)
    expect(Date.now() - began).toBeLessThan(2000)
    for (const pid of readFileSync(file, 'utf8').trim().split(' ')) expect(runs(Number(pid))).toBe(false)
  })

  it('kills what ignores the polite signal, and settles', async () => {
    const began = Date.now()
    await expect(shell('trap "" TERM; while :; do :; done', 200)).rejects.toThrow(HostError)
    expect(Date.now() - began).toBeLessThan(2500)
  })

  it('settles although a stranger to the group holds the output open', async () => {
    const file = join(dir, 'stranger')
    await expect(shell(`setsid sh -c 'echo $$ > ${file}; exec sleep 60' & exit 0`, 500)).rejects.toThrow(/500 ms/)
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL')
  })

  it('ends a command that prints without end', async () => {
    const much = await host.run(['yes'], { timeoutMs: 20_000, maxBytes: 10_000 }).catch((error: unknown) => error)
    expect(much).toMatchObject({ message: 'yes printed more than 10000 bytes', cause: { code: tooLarge } })
  })

  it('takes exactly the limit', async () => {
    expect((await shell('printf 12345', 10_000, { maxBytes: 5 }))?.stdout).toBe('12345')
    await expect(shell('printf 123; printf 456 >&2', 10_000, { maxBytes: 5 })).rejects.toThrow(HostError)
  })

  it('gives up when asked, before and during', async () => {
    await expect(shell('sleep 60', 60_000, { signal: AbortSignal.abort() })).rejects.toThrow(/given up/)
    await expect(shell('sleep 60', 60_000, { signal: AbortSignal.timeout(100) })).rejects.toThrow(/given up/)
  })
})

it.each([
  ['is given up and ignores it', 'patience.abort()'],
  ['nobody waits for any more', ''],
])('a command that %s does not outlive this process', async (_, give) => {
  const file = join(dir, `outlives${give}`)
  const module = JSON.stringify(new URL('../../agent/host/real.ts', import.meta.url).href)
  const script = `
    import { existsSync } from 'node:fs'
    import { createHost } from ${module}
    const host = createHost({ root: '/', env: {} })
    const patience = new AbortController()
    const deaf = 'trap "" TERM; echo $$ > "${file}.new"; mv "${file}.new" "${file}"; while :; do sleep 0.05; done'
    host.run(['sh', '-c', deaf], { timeoutMs: 60_000, signal: patience.signal }).catch(() => {})
    while (!existsSync('${file}')) await host.sleep(10)
    ${give}
    process.exit(0)`
  execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script])
  const pid = Number(readFileSync(file, 'utf8'))
  while (runs(pid)) await host.sleep(10)
})

describe('spawnInherited', () => {
  const module = JSON.stringify(new URL('../../agent/host/real.ts', import.meta.url).href)
  const script = `
    import { createHost } from ${module}
    const host = createHost({ root: '/', env: {} })
    process.exitCode = await host.spawnInherited(process.argv.slice(1))`
  const argv = ['--input-type=module-typescript', '-e', script, '--']

  async function outcome(command: readonly string[], signal?: NodeJS.Signals) {
    const child = spawn(process.execPath, [...argv, ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
      if (signal !== undefined && output === 'ready\n') child.kill(signal)
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    return { code, output }
  }

  it.each([
    ['its code', ['sh', '-c', 'exit 7'], 7],
    ['its signal', ['sh', '-c', 'kill -TERM $$'], 143],
    ['127 for none', ['idle-agent-no-such-command'], 127],
    ['126 for what cannot be executed', ['/etc/passwd'], 126],
  ])('passes on %s', async (_what, command, code) => {
    expect((await outcome(command)).code).toBe(code)
  })

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR1'] as const)('forwards %s and outlives it', async (signal) => {
    const name = signal.slice(3)
    const result = await outcome(
      ['sh', '-c', `trap 'echo got; exit 5' ${name}; echo ready; while :; do sleep 0.05; done`],
      signal,
    )
    expect(result).toEqual({ code: 5, output: 'ready\ngot\n' })
  })
})

describe('writeTerminal', () => {
  /** A real terminal: `script` opens a pty, its child says which. */
  async function openTerminal() {
    const child = spawn('script', ['-qfc', 'tty; exec sleep 60', '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
    })
    while (!/\/dev\/pts\/\d+\r?\n/.test(output)) await host.sleep(10)
    return { child, path: output.match(/\/dev\/pts\/\d+/)?.[0] ?? '', text: () => output }
  }

  it('writes to a terminal, and does not wait for one whose reader has stopped', async () => {
    const terminal = await openTerminal()
    expect(await host.writeTerminal(terminal.path, 'hello\r\n')).toBe(true)
    while (!terminal.text().includes('hello')) await host.sleep(10)
    terminal.child.kill('SIGSTOP')
    expect(await host.writeTerminal(terminal.path, 'x'.repeat(1_000_000))).toBe(false)
    terminal.child.kill('SIGKILL')
    await new Promise((resolve) => terminal.child.on('close', resolve))
    expect(await host.writeTerminal(terminal.path, 'gone')).toBe(false)
  })

  it('writes to nothing else', async () => {
    const file = join(dir, 'file')
    writeFileSync(file, '')
    execFileSync('mkfifo', [join(dir, 'fifo')])
    const paths = [file, join(dir, 'fifo'), dir, '/dev/null', '/dev/ptmx', '/dev/pts/ptmx', '/dev/pts/99999']
    for (const path of paths) expect([path, await host.writeTerminal(path, 'x')]).toEqual([path, false])
    expect(readFileSync(file, 'utf8')).toBe('')
  })
})
