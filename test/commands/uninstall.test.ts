/** `uninstall` beside a check or `run` that goes on: it says so, and not that nothing is left. */
import { describe, expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import { executablePath } from '../../agent/install/files.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

function machine(): MemoryHost {
  const host = createMemoryHost()
  host.files.write(executablePath, '')
  host.files.makeDir('/proc')
  return host
}

function running(host: MemoryHost, pid: number, exe: string, ...words: readonly string[]): void {
  host.files.link(`/proc/${pid}/exe`, exe)
  host.files.write(`/proc/${pid}/cmdline`, `idle-agent\0${words.join('\0')}\0`)
}

async function uninstall(host: MemoryHost) {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const code = await run(['uninstall'], { host: () => host, out: say, err: say, colour: false })
  return { code, last: lines.at(-1) }
}

describe('uninstall', () => {
  it.each<[string, string, readonly string[], RegExp]>([
    [
      'resident',
      executablePath,
      ['run'],
      /idle-agent run \(pid 812\) is still running .*"sudo kill 812", then "sudo rm -rf \/var\/lib/,
    ],
    ['of an executable that was replaced', `${executablePath} (deleted)`, ['run'], /idle-agent run \(pid 812\)/],
    ['that hangs', executablePath, ['check', '--act'], /idle-agent check \(pid 812\)/],
  ])('names one that goes on, with 5: %s', async (_, exe, words, expected) => {
    const host = machine()
    running(host, 812, exe, ...words)
    expect(await uninstall(host)).toEqual({ code: 5, last: expect.stringMatching(expected) })
    expect(host.files.read(executablePath)).toBeUndefined()
  })

  it.each<[string, string, readonly string[]]>([
    ['somebody who waits with a lease', executablePath, ['keep', '--', 'run']],
    ['another program', '/usr/bin/idle-agent', ['run']],
  ])('is not kept by %s', async (_, exe, words) => {
    const host = machine()
    running(host, 812, exe, ...words)
    expect(await uninstall(host)).toEqual({ code: 0, last: expect.stringContaining('nothing of idle-agent is left') })
  })
})
