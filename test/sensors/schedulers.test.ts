/**
 * Jobs of Slurm, Kubernetes and CI runners. Titles of Slurm's processes as slurmd 22.05.8 (Debian 12) was seen to leave them
 * on 27 November 2026, `infinity` as its cgroup v2 page shows it; CI runners' processes, control groups and folders of pods
 * written from what their projects document.
 */
import { describe, expect, it } from 'vitest'
import { podUid } from '../../agent/sensors/kubernetes.ts'
import { schedulers } from '../../agent/sensors/schedulers.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { addProcess, type GivenProcess } from './add-process.ts'
import { defaults, interval, sample } from './machine.ts'

const hour = 3_600_000

function machineWith(...processes: readonly GivenProcess[]): Machine {
  const machine = createMachine('debian12-vm-quiet')
  for (const one of processes) addProcess(machine, one)
  return machine
}

const slurmd = { pid: 600, comm: 'slurmd' }
const stepd = (title: string, pid = 610): GivenProcess => ({ pid, comm: 'slurmstepd', words: [title] })

it('keeps the latest jobs of CI runners alone, since anybody can have very many', async () => {
  const many = Array.from({ length: 300 }, (_, index) => ({
    pid: 1000 + index,
    comm: 'Runner.Worker',
    start: 900 + index,
  }))
  const kept = (await sample(schedulers, machineWith(...many))).subject?.jobs ?? []
  expect(kept.length).toBe(200)
  expect(kept[0]?.key).toBe('ci 1299:1199')
})

describe('slurm', () => {
  it('without a job is idle', async () => {
    expect(await interval(schedulers, machineWith(slurmd))).toEqual({ kind: 'idle', reason: 'no job on this machine' })
  })

  it('names the job, whose it is, and how many more', async () => {
    const script = { pid: 611, comm: 'slurm_script', ppid: 610, uid: 1000 }
    const first = [slurmd, stepd('slurmstepd: [1.batch]'), script, stepd('slurmstepd: [1.0]', 620)]
    expect(await interval(schedulers, machineWith(...first))).toEqual({
      kind: 'active',
      reason: 'Slurm job 1 of uid 1000 (slurmstepd pid 610)',
    })
    const second = machineWith(...first, stepd('slurmstepd: [22.extern]', 630))
    expect((await interval(schedulers, second)).reason).toBe('Slurm job 1 of uid 1000 (slurmstepd pid 610), and 1 more')
  })

  it.each<[string, GivenProcess, string]>([
    ['a step after slurmd went down', stepd('slurmstepd: [7.0]'), 'active'],
    ['an old version, with one step', stepd('slurmstepd: [40555]'), 'active'],
    ['a step that has not taken its name yet', { ...stepd('x'), words: ['/usr/sbin/slurmstepd'] }, 'active'],
    [
      'the process that keeps the scope',
      { ...stepd('x'), words: ['/usr/sbin/slurmstepd', 'infinity', '', ''] },
      'idle',
    ],
    ['a step that is being cleared away', { ...stepd('x'), words: [] }, 'active'],
    ['a step that nobody has waited for', { ...stepd('slurmstepd: [7.0]'), state: 'Z' }, 'idle'],
    ["a user's process of that name", { ...stepd('slurmstepd: [7.0]'), uid: 1000 }, 'idle'],
    ["nobody's process of that name", { ...stepd('slurmstepd: [7.0]'), uid: 65_534 }, 'idle'],
  ])('%s', async (_, process, kind) => {
    expect(await interval(schedulers, machineWith(process))).toMatchObject({ kind })
  })

  it('counts a job that has ended, once', async () => {
    const machine = machineWith(slurmd, stepd('slurmstepd: [1.0]'))
    const then = () => machine.remove('/proc/610')
    expect(await interval(schedulers, machine, { then })).toEqual({
      kind: 'active',
      reason: 'ended since the last check: Slurm job 1 (slurmstepd pid 610)',
    })
    expect(await interval(schedulers, machine)).toMatchObject({ kind: 'idle' })
  })

  it('holds for days', async () => {
    const machine = machineWith(slurmd, stepd('slurmstepd: [1.0]'))
    machine.pass(100 * hour)
    expect(await interval(schedulers, machine)).toMatchObject({ kind: 'active' })
  })
})

describe('ci runners', () => {
  const java = (words: readonly string[]): GivenProcess => ({ pid: 700, comm: 'java', words: ['java', ...words] })
  const child = { pid: 710, comm: 'bash', ppid: 700, uid: 1001 }

  it.each<[string, readonly GivenProcess[], string]>([
    ['GitHub Actions', [{ pid: 710, comm: 'Runner.Worker', uid: 1001 }], 'Runner.Worker'],
    ['Azure Pipelines', [{ pid: 710, comm: 'Agent.Worker', uid: 1001 }], 'Agent.Worker'],
    ['GitLab', [{ pid: 700, comm: 'gitlab-runner' }, child], 'bash'],
    [
      'Buildkite',
      [
        { pid: 700, comm: 'buildkite-agent' },
        { ...child, comm: 'buildkite-agent' },
      ],
      'buildkite-agent',
    ],
    ['CircleCI', [{ pid: 700, comm: 'circleci-runner' }, child], 'bash'],
    ['Drone', [{ pid: 700, comm: 'drone-runner-ex' }, child], 'bash'],
    ['Woodpecker', [{ pid: 700, comm: 'woodpecker-agen' }, child], 'bash'],
    ['Forgejo', [{ pid: 700, comm: 'forgejo-runner' }, child], 'bash'],
    ['Gitea', [{ pid: 700, comm: 'act_runner' }, child], 'bash'],
    ['Jenkins', [java(['-jar', '/usr/share/jenkins/agent.jar', '-url', 'x']), child], 'bash'],
    ['Jenkins', [java(['-jar', 'remoting.jar']), child], 'bash'],
    ['TeamCity', [java(['-ea', 'jetbrains.buildServer.agent.AgentMain', '-file', 'x']), child], 'bash'],
    [
      'Jenkins',
      [
        java(['-jar', 'remoting.jar']),
        { ...child, ppid: 1, comm: 'sh', words: ['sh', '-xe', '/srv/job@tmp/durable-5cf1a535/script.sh'] },
      ],
      'sh',
    ],
  ])('%s: %j', async (service, processes, comm) => {
    const machine = machineWith(...processes)
    expect(await interval(schedulers, machine)).toEqual({
      kind: 'active',
      reason: `${service} job of uid 1001: ${comm} (pid 710)`,
    })
    expect(JSON.stringify(await sample(schedulers, machine))).not.toMatch(/script\.sh|-url/)
  })

  it.each<[string, readonly GivenProcess[], string]>([
    ['a runner that waits', [{ pid: 700, comm: 'Runner.Listener' }], 'idle'],
    ['a runner without children', [{ pid: 700, comm: 'gitlab-runner' }], 'idle'],
    [
      'a child that has ended',
      [
        { pid: 700, comm: 'gitlab-runner' },
        { ...child, state: 'Z' },
      ],
      'idle',
    ],
    ['another Java program', [java(['-jar', 'shop.jar']), child], 'idle'],
    ['Java with a command line of a megabyte', [java(['x'.repeat(1_100_000)]), child], 'idle'],
    [
      'a step without an agent',
      [{ ...child, ppid: 1, comm: 'sh', words: ['sh', '/srv/a@tmp/durable-5cf1a535/script.sh'] }],
      'absent',
    ],
    ['no runner at all', [], 'absent'],
  ])('%s', async (_, processes, kind) => {
    expect(await interval(schedulers, machineWith(...processes))).toMatchObject({ kind })
  })

  it('a job has one line, whatever it started', async () => {
    const processes = [
      { pid: 700, comm: 'buildkite-agent' },
      { ...child, comm: 'buildkite-agent' },
      { pid: 711, comm: 'buildkite-agent', ppid: 710 },
      { pid: 712, comm: 'make', ppid: 710 },
    ]
    expect((await interval(schedulers, machineWith(...processes))).reason).not.toContain('more')
  })

  it.each([
    [23, 'active'],
    [25, 'idle'],
  ])('of %i hours is %s', async (hours, kind) => {
    const machine = machineWith({ pid: 710, comm: 'Runner.Worker', uid: 1001, start: 720_000 })
    machine.pass(hours * hour)
    expect(await interval(schedulers, machine)).toMatchObject({ kind })
  })

  it('one that counted no longer does not count when it ends, either', async () => {
    const listener = { pid: 700, comm: 'Runner.Listener' }
    const machine = machineWith(listener, { pid: 710, comm: 'Runner.Worker', uid: 1001, start: 720_000 })
    machine.pass(30 * hour)
    expect(await interval(schedulers, machine)).toMatchObject({ reason: expect.stringContaining('for 30 h') })
    expect(await interval(schedulers, machine, { then: () => machine.remove('/proc/710') })).toMatchObject({
      kind: 'idle',
    })
  })

  it('names no control characters', async () => {
    const machine = machineWith({ pid: 700, comm: 'gitlab-runner' }, { ...child, comm: '\u001b[2Jx' })
    expect((await interval(schedulers, machine)).reason).toBe('GitLab job of uid 1001: [2Jx (pid 710)')
  })
})

describe('kubernetes', () => {
  const uid = '0f3a1c22-8b1d-4c55-9a3e-2f1f0f6d7e11'
  const hash = '0123456789abcdef0123456789abcdef'
  const kubelet = { pid: 800, comm: 'kubelet', cgroup: '0::/system.slice/kubelet.service\n' }
  const at = (path: string) => `/sys/fs/cgroup/${path}/cgroup.procs`
  const slice = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`

  it.each([
    [`kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`, uid],
    [`kubepods-pod${uid.replaceAll('-', '_')}.slice`, uid],
    [`pod${uid}`, uid],
    [`pod${hash}`, hash],
    [`kubepods-besteffort-pod${hash}.slice`, hash],
    ['kubepods-burstable.slice', undefined],
    ['cgroup.procs', undefined],
    [`pod${uid}x`, undefined],
  ])('podUid of %s is %s', (name, expected) => {
    expect(podUid(name)).toBe(expected)
  })

  it.each<[string, string]>([
    ['burstable, systemd', slice],
    ['guaranteed, systemd', `kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice`],
    ['besteffort, cgroupfs', `kubepods/besteffort/pod${uid}`],
    ['guaranteed, cgroupfs', `kubepods/pod${uid}`],
  ])('a pod: %s', async (_, path) => {
    const machine = machineWith(kubelet)
    machine.write(at(path), '')
    machine.write(`/var/log/pods/default_web-0_${uid}/web/0.log`, '')
    expect(await interval(schedulers, machine)).toEqual({ kind: 'active', reason: 'Kubernetes pod default/web-0' })
  })

  it('a pod in a tree of version 1', async () => {
    const machine = createMachine('rhel8-v1')
    addProcess(machine, { ...kubelet, comm: 'k3s-server' })
    machine.write(`/sys/fs/cgroup/cpu,cpuacct/kubepods/pod${uid}/cgroup.procs`, '')
    machine.write(`/var/log/pods/default_web-0_${uid}/web/0.log`, '')
    expect(await interval(schedulers, machine)).toMatchObject({ kind: 'active' })
  })

  it.each(['kube-system', 'kube-flannel', 'calico-system', 'amazon-cloudwatch'])(
    'pods of %s are none',
    async (name) => {
      const machine = machineWith(kubelet)
      machine.write(at(slice), '')
      machine.write(`/var/log/pods/${name}_some-pod_${uid}/c/0.log`, '')
      expect(await interval(schedulers, machine)).toMatchObject({ kind: 'idle' })
    },
  )

  it('pods that have ended are none: their logs stay', async () => {
    const machine = machineWith(kubelet)
    machine.write(at('kubepods.slice/kubepods-burstable.slice'), '')
    machine.write(`/var/log/pods/default_web-0_${uid}/web/0.log`, '')
    expect(await interval(schedulers, machine)).toMatchObject({ kind: 'idle' })
  })

  it.each<[string, (machine: Machine) => void, RegExp]>([
    ['without a name', (m) => m.write(at(slice), ''), /whose pod 0f3a1c22-.* cannot be told/],
    ['without any group', () => {}, /a kubelet \(pid 800\) runs, and its pods cannot be told/],
  ])('pods %s are unknown', async (_, change, reason) => {
    const machine = machineWith(kubelet)
    change(machine)
    expect(await interval(schedulers, machine)).toEqual({ kind: 'unknown', reason: expect.stringMatching(reason) })
  })

  it('logs that cannot be listed are an error', async () => {
    const machine = machineWith(kubelet)
    machine.write(at(slice), '')
    machine.forbid('/var/log/pods')
    await expect(sample(schedulers, machine)).rejects.toThrow('permission denied')
  })

  it.each([
    ["a user's process of that name", { ...kubelet, uid: 1000 }],
    ["a container's", { ...kubelet, cgroup: `0::/system.slice/docker-${'a'.repeat(64)}.scope/kubelet.slice\n` }],
  ])('%s is no kubelet of this machine', async (_, process) => {
    expect(await interval(schedulers, machineWith(process))).toMatchObject({ kind: 'idle' })
  })
})

it('is absent where no scheduler is, and says so', async () => {
  const machine = createMachine('debian12-vm-quiet')
  const now = await sample(schedulers, machine)
  const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(schedulers.options) }
  expect(schedulers.judge(now, now, context)).toEqual({
    kind: 'absent',
    reason: 'no batch system, Kubernetes or CI runner here',
  })
})
