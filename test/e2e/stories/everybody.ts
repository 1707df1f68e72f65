// What any user may see and do, with the files in their usual places: in a namespace, over empty folders.
import { chmodSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startMachine } from '../machine.ts'
import { canMount, inNamespace } from '../namespace.ts'

test
  .skipIf(!canMount)
  .concurrent('any user reads the status, and nothing else', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const machine = await startMachine({ fixture: 'ssh-tunnel' })
    onTestFinished(() => machine.close())
    chmodSync(machine.folder, 0o755)
    const [, , status, json, state, audit, leases, byHand, keep, held, others, own, ls] = await inNamespace(machine, [
      'nobody /run/agent status',
      'agent check --act $observed && sleep 1.7 && agent check --act --json $observed',
      'nobody /run/agent status',
      'nobody /run/agent status --json',
      'nobody cat /var/lib/idle-agent/state.json',
      'nobody cat /var/log/idle-agent/audit.jsonl',
      'nobody ls /run/idle-agent/leases',
      'nobody /run/agent check $observed',
      'nobody /run/agent keep --for 1h --reason lunch',
      'sleep 1.7; agent check --act --json $observed >/dev/null && nobody /run/agent status',
      'agent keep --for 1h >/dev/null; nobody /run/agent release 0-0',
      'nobody /run/agent release',
      'cd / && stat -c "%a %U %n" /var/lib/idle-agent /var/lib/idle-agent/* /run/idle-agent /run/idle-agent/* /var/log/idle-agent/*',
    ])
    expect([status?.code, json?.code]).toEqual([0, 0])
    expect(status?.out).toMatch(/sessions +\w+: /)
    expect(JSON.parse(json?.out ?? '')).toMatchObject({ schema: 'idle-agent.status.v1', host: { cloud: 'aws' } })
    for (const { code, out } of [state, audit, leases].flatMap((step) => (step === undefined ? [] : [step]))) {
      expect([code === 0, out]).toEqual([false, expect.stringContaining('Permission denied')])
    }
    expect([byHand?.code, byHand?.out]).toEqual([5, expect.stringContaining('permission denied')])
    expect([keep?.code, held?.code]).toEqual([0, 0])
    expect(held?.out).toMatch(/veto +lease until [-\d: ]+ UTC$/m)
    // Names of the machine's users, and of the one who keeps it up.
    const byOthers = held?.out.replace(/^ +your lease .*\n/m, '')
    expect(byOthers).not.toBe(held?.out)
    for (const text of [status?.out, json?.out, byOthers])
      expect(text).not.toMatch(/nobody|alice|bob|root@|admin|65534/i)
    expect([others?.code, own?.code]).toEqual([2, 0])
    const modes = Object.fromEntries(
      (ls?.out ?? '')
        .trim()
        .split('\n')
        .map((line) => [line.split(' ')[2], line.slice(0, line.lastIndexOf(' '))]),
    )
    expect(modes).toMatchObject({
      '/var/lib/idle-agent': '700 root',
      '/var/lib/idle-agent/state.json': '600 root',
      '/run/idle-agent/status.json': '644 root',
      '/run/idle-agent/leases': '1733 root',
      '/var/log/idle-agent/audit.jsonl': '600 root',
    })
  })

test
  .skipIf(!canMount)
  .concurrent(
    'a full disk: 5, said, and the state of before is kept',
    { timeout: 60_000 },
    async ({ onTestFinished }) => {
      const machine = await startMachine()
      onTestFinished(() => machine.close())
      const small = '--state-dir /run/small/state'
      const [made, first, filled, full, kept, freed] = await inNamespace(machine, [
        'mkdir /run/small && mount -t tmpfs -o size=256k tmpfs /run/small',
        `agent check --act --json $observed ${small} >/dev/null && sha256sum /run/small/state/state.json`,
        'cat /dev/zero > /run/small/filler 2>/dev/null; sleep 1.7',
        `agent check --act --json $observed ${small}`,
        'sha256sum /run/small/state/state.json; ls -A /run/small/state | grep -c tmp',
        `rm /run/small/filler; agent check --act $observed ${small} && ls -A /run/small/state /run/small/state/lock`,
      ])
      expect([made?.code, first?.code, filled?.code]).toEqual([0, 0, 0])
      expect([full?.code, full?.out]).toEqual([5, expect.stringMatching(/^idle-agent: cannot .*no space left/)])
      expect(kept?.out.trim()).toBe(`${first?.out.trim()}\n0`)
      expect([freed?.code, freed?.out]).toEqual([0, expect.stringContaining('counting')])
    },
  )

test
  .skipIf(!canMount)
  .concurrent("doctor is root's, and finds what is not installed", { timeout: 60_000 }, async ({ onTestFinished }) => {
    const machine = await startMachine()
    onTestFinished(() => machine.close())
    chmodSync(machine.folder, 0o755)
    const [refused, text, json] = await inNamespace(machine, [
      `nobody /run/agent doctor`,
      `agent doctor --config ${machine.configPath}`,
      `agent doctor --json --config ${machine.configPath}`,
    ])
    expect([refused?.code, refused?.out]).toEqual([2, expect.stringMatching(/sudo \/\S*agent doctor/)])
    expect([text?.code, json?.code]).toEqual([5, 5])
    expect(text?.out).toMatch(/^✓ permission +ec2:StopInstances: allowed$/m)
    expect(text?.out).toMatch(/^✗ (schedule|executable) .*\n +→ .*idle-agent install/m)
    const { schema, findings, inventory } = JSON.parse(json?.out ?? '') as Readonly<Record<string, unknown>>
    expect([schema, inventory]).toEqual(['idle-agent.doctor.v1', expect.stringMatching(/kernel \d.*GiB/)])
    expect(findings).toContainEqual({
      name: 'executable',
      level: 'fault',
      text: expect.any(String),
      remedy: expect.any(String),
    })
  })
