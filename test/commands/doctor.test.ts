/** `doctor` on a machine in memory of which something cannot be read: that is told, and so is everything else. */
import { describe, expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import type { Finding } from '../../agent/doctor/finding.ts'
import { HostError } from '../../agent/errors.ts'
import type { Host } from '../../agent/host/host.ts'
import { hostError } from '../../agent/host/real-errors.ts'
import { configPath, cronPath, executablePath, installedFiles } from '../../agent/install/files.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

/** Below a root, so that nothing is asked about the machine that runs the test. */
const ROOT = '/m'
const answers: Readonly<Record<string, string>> = { 'is-active': 'active\n', timedatectl: 'yes\n', 'is-enabled': '' }

function machine(config = ''): MemoryHost {
  const host = createMemoryHost({ root: ROOT })
  if (config !== '') host.files.write(configPath, config)
  const [cron] = installedFiles({ schedule: 'cron', intervalMs: 120_000, environment: {} })
  host.files.write(`${ROOT}${cronPath}`, cron?.text ?? '', { uid: 0 })
  host.files.write(`${ROOT}/proc/bus/pci/devices`, '')
  host.files.write(`${ROOT}${executablePath}`, '', { uid: 0, mode: 0o755 })
  const run: Host['run'] = async (argv) => {
    const stdout = answers[argv[0] ?? ''] ?? answers[argv[1] ?? ''] ?? ''
    return { status: 0, stdout, stderr: '' }
  }
  return { ...host, run }
}

async function doctor(
  host: Host,
  ...flags: readonly string[]
): Promise<{ readonly code: number; readonly findings: readonly Finding[] }> {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const code = await run(['doctor', '--json', ...flags], { host: () => host, out: say, err: say, colour: false })
  const told = JSON.parse(lines.join('\n')) as { readonly findings: readonly Finding[] }
  return { code, findings: told.findings }
}

/** Commands that hang. */
function hanging(host: MemoryHost, ...programs: readonly string[]): Host {
  return {
    ...host,
    async run(argv, options) {
      if (programs.includes(argv[0] ?? '')) throw new HostError(`${argv[0]} did not end within 5000 ms`)
      return host.run(argv, options)
    },
  }
}

describe('what cannot be read', () => {
  it.each<[string, (host: MemoryHost) => Host, readonly string[]]>([
    ['systemctl hangs', (host) => hanging(host, 'systemctl'), ['schedule', 'metadata guard']],
    ['timedatectl hangs', (host) => hanging(host, 'timedatectl'), ['clock']],
    ['nft hangs', (host) => hanging(host, 'nft'), ['metadata guard']],
    ['df hangs', (host) => hanging(host, 'df'), ['disk']],
    [
      'the bus of the GPUs fails',
      (host) => {
        host.files.write(`${ROOT}/proc/bus/pci/devices`, 'garbage\n')
        return host
      },
      ['gpu'],
    ],
    [
      'the cron entry fails',
      (host) => {
        host.files.failing.set(`${ROOT}${cronPath}`, 'input/output error')
        return host
      },
      ['schedule'],
    ],
  ])('is told, once for each thing that hangs on it, beside everything else: %s', async (_, spoil, names) => {
    const whole = (await doctor(machine())).findings
    const { code, findings } = await doctor(spoil(machine()))
    const untold = findings.filter(({ text }) => text.startsWith('cannot be told: '))
    expect(untold.map(({ name }) => name)).toEqual(names)
    for (const one of untold) expect(one).toMatchObject({ level: 'fault', remedy: expect.stringMatching(/./) })
    const others = (list: readonly Finding[]) => list.filter(({ name }) => !names.includes(name))
    expect(others(findings)).toEqual(others(whole))
    expect(code).toBe(5)
  })

  it('to root either, is not to be read as root, but with what root lacks here', async () => {
    const host = machine()
    host.files.write(`${ROOT}/proc/1/exe`, '')
    const readLink: Host['readLink'] = async (path) => {
      throw hostError('read the link', path, Object.assign(new Error('EACCES'), { code: 'EACCES' }))
    }
    const { findings } = await doctor({ ...host, readLink })
    const [one] = findings.filter(({ name }) => name === 'schedule')
    expect(one).toEqual({
      name: 'schedule',
      level: 'fault',
      text: 'cannot be told: cannot read the link /proc/1/exe: permission denied, even to root (EACCES)',
      remedy: expect.stringMatching(/CAP_SYS_PTRACE/),
    })
  })

  it('is not a state that was set aside, whatever it is', async () => {
    const host = machine()
    host.files.makeDir('/srv/x/state.json.corrupt/x')
    const { findings } = await doctor(host, '--state-dir', '/srv/x')
    expect(findings).toContainEqual(
      expect.objectContaining({
        name: 'leftovers',
        level: 'worry',
        remedy: expect.stringContaining('/srv/x/state.json.corrupt'),
      }),
    )
  })
})

it('leaves GPUs alone that the operator left out', async () => {
  const host = machine('idle_detection:\n  sensors:\n    gpu:\n      enabled: false\n')
  host.files.write(`${ROOT}/proc/bus/pci/devices`, 'garbage\n')
  const { code, findings } = await doctor(host)
  expect(findings.filter(({ name }) => name === 'gpu')).toEqual([
    { name: 'gpu', level: 'ok', text: 'left out by sensors.gpu.enabled: false' },
  ])
  expect([code, findings.filter(({ level }) => level === 'fault')]).toEqual([0, []])
})

it('is for root, who changes nothing by it', async () => {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const host = machine().withSelf({ uid: 1000 })
  expect(await run(['doctor'], { host: () => host, out: say, err: say, colour: false })).toBe(2)
  expect(lines).toEqual(['idle-agent: doctor must run as root: run "sudo idle-agent doctor"'])
  // Before it is installed, nobody's PATH has it.
  const self = { ...host.self, executable: '/home/me/dist/idle-agent' }
  expect(await run(['install'], { host: () => ({ ...host, self }), out: say, err: say, colour: false })).toBe(2)
  expect(lines[1]).toBe('idle-agent: install must run as root: run "sudo /home/me/dist/idle-agent install"')
})
