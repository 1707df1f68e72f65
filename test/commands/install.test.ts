/** `install` on a machine in memory: what is there afterwards is what the configuration asks for, and nothing of before. */
import { describe, expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import {
  configPath,
  cronPath,
  gpuUnitPath,
  hookPath,
  logrotatePath,
  servicePath,
  timerPath,
  tmpfilesPath,
} from '../../agent/install/files.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

interface Installing {
  readonly host: MemoryHost
  readonly ran: string[]
  install(...args: readonly string[]): Promise<{ readonly code: number; readonly lines: readonly string[] }>
}

/** With cron, logrotate and a systemd that runs, unless it is without one of them. */
function machine(without = /^$/): Installing {
  const ran: string[] = []
  const host = createMemoryHost({
    run: (argv) => {
      ran.push(argv.join(' '))
      return { status: 0, stdout: '', stderr: '' }
    },
  })
  for (const path of ['/usr/sbin/cron', '/proc/bus/pci/devices']) if (!without.test(path)) host.files.write(path, '')
  for (const path of ['/usr/lib/systemd', '/run/systemd/system', '/etc/logrotate.d'])
    if (!without.test(path)) host.files.makeDir(path)
  const install = async (...args: readonly string[]) => {
    ran.length = 0
    const lines: string[] = []
    const say = (line: string) => void lines.push(line)
    const code = await run(['install', ...args], { host: () => host, out: say, err: say, colour: false })
    return { code, lines }
  }
  return { host, ran, install }
}

const generated = [cronPath, timerPath, servicePath, gpuUnitPath, hookPath, logrotatePath, tmpfilesPath]

function found({ files }: MemoryHost): readonly string[] {
  return generated.filter((path) => files.read(path) !== undefined)
}

describe('install', () => {
  it('puts there what somebody on this machine reads', async () => {
    const all = machine()
    expect((await all.install()).code).toBe(0)
    expect(found(all.host)).toEqual([cronPath, gpuUnitPath, hookPath, logrotatePath, tmpfilesPath])
    const bare = machine(/systemd|logrotate/)
    expect((await bare.install()).code).toBe(0)
    expect(found(bare.host)).toEqual([cronPath])
  })

  it('removes the other schedule, which it ends first, and reads the units once', async () => {
    const { host, ran, install } = machine()
    await install('--schedule', 'timer')
    expect(found(host)).toEqual([timerPath, servicePath, gpuUnitPath, hookPath, logrotatePath, tmpfilesPath])
    const { lines } = await install('--schedule', 'cron')
    expect(found(host)).toEqual([cronPath, gpuUnitPath, hookPath, logrotatePath, tmpfilesPath])
    expect(lines).toContain(`removed ${timerPath} (not needed any more)`)
    expect(ran.indexOf('systemctl disable --now idle-agent.timer')).toBe(0)
    expect(ran.filter((words) => words === 'systemctl daemon-reload')).toHaveLength(1)
    await install('--schedule', 'timer')
    expect(found(host)).toEqual([timerPath, servicePath, gpuUnitPath, hookPath, logrotatePath, tmpfilesPath])
    expect(ran.filter((words) => words === 'systemctl daemon-reload')).toHaveLength(1)
  })

  it('accounts GPUs at each boot, whether their driver is there yet or not', async () => {
    const { host, ran, install } = machine()
    await install()
    expect(host.files.read(gpuUnitPath)).toContain('\nConditionPathExists=/usr/bin/nvidia-smi\n')
    expect(ran).toContain('systemctl enable idle-agent-gpu.service')
    const bare = machine(/systemd/)
    await bare.install()
    expect(bare.host.files.read(gpuUnitPath)).toBeUndefined()
  })

  it('removes the unit for GPUs once they are left out, and disables it first', async () => {
    const { host, ran, install } = machine()
    host.files.write(gpuUnitPath, 'as an earlier install left it')
    host.files.write(configPath, 'idle_detection:\n  sensors:\n    gpu:\n      enabled: false\n')
    await install()
    expect(found(host)).not.toContain(gpuUnitPath)
    expect(ran[0]).toBe('systemctl disable idle-agent-gpu.service')
  })

  it.each([
    [['--state-dir', '/srv/x'], {}],
    [[], { IDLE_AGENT_STATE_DIR: '/srv/x' }],
  ] as const)('refuses a state folder, which the schedule would not know: %j %j', async (args, env) => {
    const { host, install } = machine()
    for (const [name, value] of Object.entries(env)) host.environment.set(name, value)
    expect(await install(...args)).toEqual({
      code: 2,
      lines: [expect.stringMatching(/--state-dir and IDLE_AGENT_STATE_DIR are for checks by hand/)],
    })
    expect(found(host)).toEqual([])
  })
})
