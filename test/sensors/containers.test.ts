/**
 * Containers: by their groups wherever engines put them, what they use over what they always use, and what labels ask for.
 * PODMAN and the groups of `podman, cgroupfs` were captured from podman 4.3.1 with runc on Debian 12 (cgroup v1 and v2 side by
 * side) on 27 November 2026; docker's, containerd's and CRI's files are written from moby, nerdctl and containerd's sources.
 */
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { factsIn, parsePodman } from '../../agent/sensors/container-facts.ts'
import { containerIn } from '../../agent/sensors/container-known.ts'
import { containers } from '../../agent/sensors/containers.ts'
import { cpu } from '../../agent/sensors/cpu.ts'
import type { CpuSample } from '../../agent/sensors/cpu-sample.ts'
import { groupOf } from '../../agent/sensors/group-trees.ts'
import { readLists } from '../../agent/sensors/listed.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { addProcess } from './add-process.ts'
import { defaults, interval, sample } from './machine.ts'

const id = '26bba82ae268cb875394773388efb9aed10910b4ddf0ad1135e24005b6142cc8'
const short = id.slice(0, 12)
const docker = `/system.slice/docker-${id}.scope`
const libpod = `/machine.slice/libpod-${id}.scope`

const PODMAN = `[{"AutoRemove":false,"Command":["/bin/sleep","3600"],"CreatedAt":"2 minutes ago","Exited":false,
"Id":"${id}","Image":"","IsInfra":false,"Labels":{"idle-agent.activity":"ignore"},"Mounts":[],"Names":["testbox"],
"Networks":[],"Pid":14121,"Pod":"","Ports":null,"Size":null,"StartedAt":1795780846,"State":"running"}]`

interface Given {
  readonly path?: string
  readonly shim?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly start?: number
}

/** A quiet machine with one container of docker: shim 700, first process 710, 10 s of CPU so far. */
function machineWith({ path = docker, shim = 'containerd-shim', labels = {}, start = 10_000 }: Given = {}): Machine {
  const machine = createMachine('debian12-vm-quiet')
  addProcess(machine, { pid: 700, comm: shim })
  addProcess(machine, { pid: 710, comm: 'server', ppid: 700, start, cgroup: `0::${path}\n` })
  machine.write(`/sys/fs/cgroup${path}/cpu.stat`, 'usage_usec 10000000\nuser_usec 1\n')
  if (path === docker) {
    const config = { Name: '/web', Config: { Labels: labels, Env: ['SECRET=x'] }, State: { Running: true } }
    machine.write(`/var/lib/docker/containers/${id}/config.v2.json`, JSON.stringify(config))
  }
  return machine
}

/** The container, and the machine with it, uses so many seconds of CPU. */
function work(machine: Machine, seconds: number, path = docker): void {
  machine.write(`/sys/fs/cgroup${path}/cpu.stat`, `usage_usec ${10_000_000 + seconds * 1_000_000}\n`)
  machine.edit('/proc/stat', /^cpu {2}50000 /, `cpu  ${50_000 + seconds * 100} `)
}

describe('a container in the path of a group', () => {
  it.each([
    ['docker, systemd', `/system.slice/docker-${id}.scope`],
    ['docker, cgroupfs', `/docker/${id}`],
    ['podman, systemd', `/machine.slice/libpod-${id}.scope`],
    ['podman, cgroupfs', `/libpod_parent/libpod-${id}`],
    ['podman without root', `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`],
    ['nerdctl, systemd', `/system.slice/nerdctl-${id}.scope`],
    ['nerdctl, cgroupfs', `/default/${id}`],
    ['containerd by CRI', `/kubepods.slice/kubepods-pod0f.slice/cri-containerd-${id}.scope`],
    ['CRI-O', `/kubepods.slice/kubepods-pod0f.slice/crio-${id}.scope`],
    ['CRI, cgroupfs', `/kubepods/burstable/pod0f3a1c22-8b1d-4c55-9a3e-2f1f0f6d7e11/${id}`],
  ])('%s', (_, path) => {
    expect(containerIn(path)).toEqual({ id, path })
    const inner = 'b'.repeat(64)
    expect(containerIn(`${path}/docker/${inner}`)).toEqual({ id, path })
    expect(containerIn(`${path}/init.scope`)).toEqual({ id, path })
  })

  it.each([
    '/',
    '/libpod_parent/conmon',
    `/machine.slice/libpod-conmon-${id}.scope`,
    '/system.slice/docker.service',
    `/system.slice/${id}.service`,
    `/user.slice/${id}0`,
    '/lxc.payload.web',
  ])('%s holds none', (path) => {
    expect(containerIn(path)).toBeUndefined()
  })

  it.each<[1 | 2, string, string | undefined]>([
    [2, '0::/system.slice/x.scope\n', '/system.slice/x.scope'],
    [1, '4:memory:/a\n2:cpu,cpuacct:/docker/x\n0::/b\n', '/docker/x'],
    [1, '2:cpuacct:/libpod_parent/x\n1:cpu:/y\n', '/libpod_parent/x'],
    [1, '1:name=systemd:/c\n0::/b\n', undefined],
    [2, '', undefined],
    [2, 'garbage\n', undefined],
  ])('tree of version %i: %j', (version, text, expected) => {
    expect(groupOf(text, { mount: '/m', version })).toBe(expected)
  })
})

describe('what labels ask for', () => {
  it.each<[unknown, string | undefined, object]>([
    [{ 'idle-agent.activity': 'force' }, 'web', { name: 'web', wants: 'force' }],
    [{ 'idle-agent.activity': 'ignore' }, undefined, { wants: 'ignore' }],
    [{ 'idle-agent.activity': 'Force' }, 'web', { name: 'web' }],
    [{ 'idle-agent.activity': ['force'] }, 'web', { name: 'web' }],
    [{ 'com.gitlab.gitlab-runner.job.id': '7' }, 'x', { name: 'x', wants: 'job' }],
    [{ 'io.drone': 'true', 'idle-agent.activity': 'ignore' }, 'x', { name: 'x', wants: 'ignore' }],
    [{}, 'GITEA-ACTIONS-TASK-12_WORKFLOW-a_JOB-b', { name: 'GITEA-ACTIONS-TASK-12_WORKFLOW-a_JOB-b', wants: 'job' }],
    [null, '', {}],
    ['force', 'x', { name: 'x' }],
  ])('%j of %s', (labels, name, expected) => {
    expect(factsIn(labels, name)).toEqual(expected)
  })

  it('podman: by its list', () => {
    expect(parsePodman(PODMAN)).toEqual(new Map([[id, { name: 'testbox', wants: 'ignore' }]]))
    expect(parsePodman('[]').size).toBe(0)
  })

  it.each(['', '{}', 'null', '[1]', '[{"Id":1}]', '[{}', `Error: ${'x'.repeat(30)}`])(
    'podman: %j is an error',
    (text) => {
      expect(() => parsePodman(text)).toThrow(/^(?!.*xxx)/)
    },
  )
})

describe('containers', () => {
  it('are absent without a shim', async () => {
    const reading = await interval(containers, createMachine('debian12-vm-quiet'))
    expect(reading).toEqual({ kind: 'absent', reason: 'no container here' })
  })

  it('that only run are idle', async () => {
    expect(await interval(containers, machineWith())).toMatchObject({
      kind: 'idle',
      reason: '1 container, none at work',
      value: 0,
    })
  })

  it('that work are named', async () => {
    const machine = machineWith()
    expect(await interval(containers, machine, { then: () => work(machine, 60) })).toEqual({
      kind: 'active',
      reason: `container web (${short}): 0.50 cores, 0.00 as always, limit 0.10`,
      ...{ value: 0.5, unit: 'cores', limit: 0.1 },
    })
  })

  it.each([
    [12, 'idle'],
    [13, 'active'],
  ])('%i s of CPU in 120 s are %s', async (seconds, kind) => {
    const machine = machineWith()
    expect(await interval(containers, machine, { then: () => work(machine, seconds) })).toMatchObject({ kind })
  })

  it.each<[string, number, string]>([
    ['in the interval counts whole', 720_000, 'active'],
    ['before it, and was not seen, does not', 710_000, 'idle'],
  ])('one that began %s', async (_, start, kind) => {
    const machine = createMachine('debian12-vm-quiet')
    addProcess(machine, { pid: 690, comm: 'conmon' })
    const then = () => {
      addProcess(machine, { pid: 710, comm: 'server', ppid: 690, start, cgroup: `0::${libpod}\n` })
      machine.write(`/sys/fs/cgroup${libpod}/cpu.stat`, 'usage_usec 60000000\n')
    }
    expect(await interval(containers, machine, { then })).toMatchObject({ kind })
  })

  it('one that was started again begins at 0', async () => {
    const machine = machineWith()
    const then = () => {
      machine.remove('/sys/fs/cgroup/system.slice')
      machine.write(`/sys/fs/cgroup${docker}/cpu.stat`, 'usage_usec 9000000\n')
      addProcess(machine, { pid: 711, comm: 'server', ppid: 700, start: 725_000, cgroup: `0::${docker}\n` })
      machine.remove('/proc/710')
    }
    expect(await interval(containers, machine, { then })).toMatchObject({ kind: 'idle', value: 0.075 })
  })

  it('are found by version 1 of control groups', async () => {
    const machine = createMachine('rhel8-v1')
    addProcess(machine, { pid: 700, comm: 'conmon' })
    addProcess(machine, {
      pid: 710,
      comm: 'x',
      ppid: 700,
      cgroup: `9:pids:/\n2:cpu,cpuacct:${libpod}\n1:name=systemd:/\n`,
    })
    const usage = `/sys/fs/cgroup/cpu,cpuacct${libpod}/cpuacct.usage`
    machine.write(usage, '33394877\n')
    const then = () => machine.write(usage, '60033394877\n')
    expect(await interval(containers, machine, { then })).toMatchObject({
      kind: 'active',
      reason: `container ${short}: 0.50 cores, 0.00 as always, limit 0.10`,
    })
  })

  it('what a container always uses is learned, and bounded', async () => {
    const judgedAfter = async (hours: number, coresAlways: number, coresNow: number) => {
      const machine = machineWith()
      let before = await sample(containers, machine)
      let us = 10_000_000
      const step = async (cores: number) => {
        machine.pass(600_000)
        us += cores * 600_000_000
        machine.write(`/sys/fs/cgroup${docker}/cpu.stat`, `usage_usec ${us}\n`)
        const signal = new AbortController().signal
        const now = await containers.read(machine.host(), signal, before)
        const context = { span: { now: machine.clocks(), ms: 600_000 }, limits: defaults(containers.options) }
        const reading = containers.judge(now, before, context)
        before = JSON.parse(JSON.stringify(now))
        return reading.kind
      }
      for (let count = 0; count < hours * 6; count += 1) await step(coresAlways)
      return await step(coresNow)
    }
    expect(await judgedAfter(0.5, 0.25, 0.25)).toBe('active')
    expect(await judgedAfter(2, 0.25, 0.25)).toBe('idle')
    expect(await judgedAfter(2, 0.25, 0.4)).toBe('active')
    expect(await judgedAfter(2, 0.5, 0.5)).toBe('active')
    expect(await judgedAfter(30, 0.25, 0.25)).toBe('idle')
  })
})

describe('labels', () => {
  const force = { 'idle-agent.activity': 'force' }
  const ignore = { 'idle-agent.activity': 'ignore' }

  it('force: active as long as it runs, days later too', async () => {
    const machine = machineWith({ labels: force })
    machine.pass(100 * 3_600_000)
    expect(await interval(containers, machine)).toEqual({
      kind: 'active',
      reason: `container web (${short}) is labelled idle-agent.activity=force`,
    })
  })

  it('force: also of a process that was met before it came into the group', async () => {
    const machine = machineWith({ labels: force })
    machine.write('/proc/710/cgroup', '0::/system.slice/docker.service\n')
    const before = await sample(containers, machine)
    expect(before.subject?.known).toEqual([])
    machine.write('/proc/710/cgroup', `0::${docker}\n`)
    expect((await sample(containers, machine, before)).subject?.known).toMatchObject([{ id, wants: 'force' }])
  })

  it.each<[string, string]>([
    ['for a range of user ids', '/var/lib/docker/165536.165536'],
    ['in its snap, for a range of user ids', '/var/snap/docker/common/var-lib-docker/100000.100000'],
  ])("docker's folder %s", async (_, folder) => {
    const machine = machineWith()
    machine.remove('/var/lib/docker')
    const config = { Name: '/web', Config: { Labels: force } }
    machine.write('/var/lib/docker/overlay2/x', '')
    machine.write(`${folder}/containers/${id}/config.v2.json`, JSON.stringify(config))
    expect(await interval(containers, machine)).toMatchObject({ kind: 'active' })
  })

  it('ignore: left out of both sensors, and nothing else is', async () => {
    const machine = machineWith({ labels: ignore })
    expect(await interval(containers, machine, { then: () => work(machine, 60) })).toMatchObject({
      kind: 'idle',
      reason: '0 containers, none at work; 1 labelled ignore',
    })
    for (const [container, besides, value] of [
      [120, 0, 0],
      [180, 60, 0.5],
    ] as const) {
      const before = await sample(cpu, machine)
      machine.pass(120_000)
      const base = Number(
        /usage_usec (\d+)/.exec((await machine.host().readText(`/sys/fs/cgroup${docker}/cpu.stat`)) ?? '')?.[1],
      )
      machine.write(`/sys/fs/cgroup${docker}/cpu.stat`, `usage_usec ${base + container * 1_000_000}\n`)
      const now: CpuSample = await sample(cpu, machine, before)
      const whole = { ...now.whole, ms: before.whole.ms + (container + besides) * 1000 }
      const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: { cores: 0.1 } }
      expect(cpu.judge({ ...now, whole }, before, context)).toMatchObject({ value })
    }
  })

  it.each(['ignore.disks', 'ignore.programs', 'ignore.units'])('ignore: also beside %s', async (list) => {
    const machine = machineWith({ labels: ignore })
    const lists = readLists(new Map([[list, ['nightly-report.service']]]))
    const sensor: Sensor<unknown> = lists.around([{ sensor: cpu, limits: {} }])[0]?.sensor ?? cpu
    const before = await sample(sensor, machine)
    machine.pass(120_000)
    work(machine, 60)
    const now = await sample(sensor, machine, before)
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: defaults(cpu.options) }
    expect(sensor.judge(now, before, context).kind).toBe('idle')
  })

  it('ignore: its processes, and theirs, are in no list of the cpu sensor', async () => {
    const machine = machineWith({ labels: ignore })
    addProcess(machine, { pid: 720, comm: 'worker', ppid: 710, ticks: 500 })
    addProcess(machine, { pid: 721, comm: 'telegraf', ppid: 720, ticks: 500 })
    addProcess(machine, { pid: 730, comm: 'other', ticks: 500 })
    const { processes, known } = await sample(cpu, machine)
    expect(processes.map(([pid]) => pid)).toContain(730)
    expect([...processes, ...known].map(([pid]) => pid).filter((pid) => pid >= 710 && pid < 730)).toEqual([])
  })

  it('ignore: what a container had used before it was known hides nobody', async () => {
    const machine = machineWith({ labels: ignore })
    const { apart, ...before } = await sample(cpu, machine)
    machine.pass(120_000)
    work(machine, 60)
    const now: CpuSample = await sample<CpuSample, typeof cpu.options>(cpu, machine, before)
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: { cores: 0.1 } }
    expect([apart?.groups.length, now.apart?.groups.length, now.apart?.ms]).toEqual([1, 1, 0])
    expect(cpu.judge(now, before, context)).toMatchObject({ kind: 'active', value: 0.5 })
  })

  it.each<[string, number, number]>([
    ['in the interval is left out whole', 720_500, 0],
    ['before it and was not known is not', 700_000, 0.083],
  ])('ignore: one that began %s', async (_, start, value) => {
    const machine = createMachine('debian12-vm-quiet')
    const before = await sample(cpu, machine)
    machine.pass(120_000)
    addProcess(machine, { pid: 700, comm: 'containerd-shim' })
    // What is run in it later has a lower number, where numbers begin again.
    addProcess(machine, { pid: 705, comm: 'sh', ppid: 700, start: 725_000, cgroup: `0::${docker}\n` })
    addProcess(machine, { pid: 710, comm: 'server', ppid: 700, start, cgroup: `0::${docker}\n` })
    machine.write(`/sys/fs/cgroup${docker}/cpu.stat`, 'usage_usec 10000000\n')
    machine.write(
      `/var/lib/docker/containers/${id}/config.v2.json`,
      JSON.stringify({ Name: '/web', Config: { Labels: ignore } }),
    )
    machine.edit('/proc/stat', /^cpu {2}50000 /, 'cpu  51000 ')
    const now: CpuSample = await sample<CpuSample, typeof cpu.options>(cpu, machine, before)
    const context = { span: { now: machine.clocks(), ms: 120_000 }, limits: { cores: 0.1 } }
    expect(cpu.judge(now, before, context)).toMatchObject({ value })
  })

  it.each([
    [23, 'active'],
    [25, 'idle'],
  ])('a container of a CI runner after %i h is %s', async (hours, kind) => {
    const machine = machineWith({ labels: { 'com.gitlab.gitlab-runner.job.id': '7' }, start: 720_000 })
    machine.pass(hours * 3_600_000)
    expect(await interval(containers, machine)).toMatchObject({ kind })
  })

  it('of a user who has thousands cost no more state, and hide nobody', async () => {
    const machine = machineWith({ labels: { 'idle-agent.activity': 'force' } })
    for (let pid = 1000; pid < 3200; pid += 1) {
      const hex = (pid < 2000 ? pid % 2 : pid).toString(16).padStart(64, '0')
      addProcess(machine, { pid, comm: 'x', ppid: 700, start: 20_000, cgroup: `0::/user.slice/mine/${hex}\n` })
    }
    const { subject } = await sample(containers, machine)
    expect(subject?.known.length).toBeLessThan(1100)
    expect(subject?.known.map(({ wants }) => wants)).toContain('force')
    expect((await sample(cpu, machine)).apart?.known.length).toBeLessThan(1100)
    expect(await interval(containers, machine)).toMatchObject({ kind: 'active' })
  })

  it.each([
    ['longer than any engine makes', `0::/user.slice/${'x'.repeat(1100)}/${id}\n`],
    ['longer than the kernel tells', undefined],
  ])("a user's group with a path %s is none", async (_, cgroup) => {
    const machine = machineWith()
    addProcess(machine, { pid: 720, comm: 'x', ppid: 700, cgroup: cgroup ?? '0::/\n' })
    const host = machine.host()
    const readText: typeof host.readText = async (path, most) => {
      if (cgroup !== undefined || path !== '/proc/720/cgroup') return host.readText(path, most)
      throw new HostError(path, { cause: Object.assign(new Error('ENAMETOOLONG'), { code: 'ENAMETOOLONG' }) })
    }
    const { signal } = new AbortController()
    const { subject } = await containers.read({ ...host, readText }, signal)
    expect(subject).toMatchObject({ known: [{ pid: 710 }] })
    expect(subject?.problem).toBeUndefined()
    expect((await cpu.read({ ...host, readText }, signal)).apart?.known).toHaveLength(1)
  })

  it('are read once', async () => {
    const machine = machineWith({ labels: force })
    const before = await sample(containers, machine)
    machine.forbid(`/var/lib/docker/containers/${id}/config.v2.json`)
    machine.forbid('/proc/710/cgroup')
    const now = await containers.read(machine.host(), new AbortController().signal, before)
    expect(now.subject?.known).toEqual(before.subject?.known)
    expect(now.subject?.problem).toBeUndefined()
    expect(JSON.stringify(before)).not.toContain('SECRET')
  })

  it("are docker's where daemon.json puts them", async () => {
    const machine = machineWith()
    machine.remove('/var/lib/docker')
    machine.write('/etc/docker/daemon.json', '{"data-root": "/srv/docker"}')
    const text = JSON.stringify({ Name: '/db', Config: { Labels: force } })
    machine.write(`/srv/docker/containers/${id}/config.v2.json`, text)
    expect((await interval(containers, machine)).reason).toContain('container db')
  })

  it.each<[string, (machine: Machine) => void, RegExp]>([
    ['not there', (m) => m.remove('/var/lib/docker'), /"data-root"/],
    ['unreadable', (m) => m.forbid(`/var/lib/docker/containers/${id}/config.v2.json`), /permission denied/],
    ['garbage', (m) => m.write(`/var/lib/docker/containers/${id}/config.v2.json`, 'SECRET=x'), /not JSON/],
    ['cut off', (m) => m.write(`/var/lib/docker/containers/${id}/config.v2.json`, '{"Name":"/web"}'), /Config/],
    ['huge', (m) => m.write(`/var/lib/docker/containers/${id}/config.v2.json`, ' '.repeat(1_100_000)), /larger/],
    ['a daemon.json that is none', (m) => m.write('/etc/docker/daemon.json', 'data-root'), /not JSON/],
  ])('%s: unknown, and the cpu sensor counts the container', async (_, damage, reason) => {
    const machine = machineWith({ labels: ignore })
    damage(machine)
    const reading = await interval(containers, machine)
    expect(reading).toEqual({ kind: 'unknown', reason: expect.stringMatching(reason) })
    expect(reading.reason).toMatch(/^labels of the container 26bba82ae268 cannot be read: (?!.*SECRET)/)
    expect(await interval(cpu, machine, { then: () => work(machine, 60) })).toMatchObject({
      kind: 'active',
      value: 0.5,
    })
  })

  it.each<[string, string, string]>([
    ['podman', libpod, `/var/lib/containers/storage/overlay-containers/${id}/userdata/config.json`],
    [
      'nerdctl',
      `/system.slice/nerdctl-${id}.scope`,
      `/run/containerd/io.containerd.runtime.v2.task/default/${id}/config.json`,
    ],
    ['k3s', `/kubepods/pod0f/${id}`, `/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`],
  ])('annotations of %s', async (_, path, config) => {
    const machine = machineWith({ path })
    machine.write(
      config,
      JSON.stringify({ process: { env: ['SECRET=x'] }, annotations: { ...force, 'nerdctl/name': 'db' } }),
    )
    expect(await interval(containers, machine)).toEqual({
      kind: 'active',
      reason: `container db (${short}) is labelled idle-agent.activity=force`,
    })
    expect(machine.ran).toEqual([])
  })

  it('podman is asked once for its own new containers', async () => {
    const machine = machineWith({ path: libpod, shim: 'conmon' })
    machine.commands.set('podman', () => ({ status: 0, stdout: PODMAN, stderr: '' }))
    const before = await sample(containers, machine)
    expect(before.subject?.known).toEqual([
      { pid: 710, start: 10_000, id, path: libpod, name: 'testbox', wants: 'ignore' },
    ])
    await containers.read(machine.host(), new AbortController().signal, before)
    expect(machine.ran).toEqual([['podman', 'ps', '--no-trunc', '--format', 'json']])
  })

  it.each([
    [125, '', 'podman ps ended with 125'],
    [0, 'Error', 'not JSON'],
  ])('podman that answers %i %j is unknown', async (status, stdout, reason) => {
    const machine = machineWith({ path: libpod, shim: 'conmon' })
    machine.commands.set('podman', () => ({ status, stdout, stderr: '' }))
    expect(await interval(containers, machine)).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining(reason),
    })
  })

  it("a user's own engine is not asked, and its labels say nothing", async () => {
    const path = `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`
    const machine = machineWith({ path, shim: 'conmon' })
    machine.write(
      `/var/lib/containers/storage/overlay-containers/${id}/userdata/config.json`,
      JSON.stringify({ annotations: force }),
    )
    expect(await interval(containers, machine)).toMatchObject({ kind: 'idle', reason: '1 container, none at work' })
    expect(machine.ran).toEqual([])
  })

  it('of one that is gone while it is looked at are no problem', async () => {
    const machine = machineWith()
    machine.remove('/var/lib/docker')
    const host = machine.host()
    const readText: typeof host.readText = async (path, ...rest) => {
      if (path === '/etc/docker/daemon.json') machine.remove('/proc/710')
      return host.readText(path, ...rest)
    }
    const now = await containers.read({ ...host, readText }, new AbortController().signal)
    expect(now.subject).toMatchObject({ known: [] })
    expect(now.subject?.problem).toBeUndefined()
  })

  it('what a shim runs outside of any container is none', async () => {
    const machine = machineWith({ path: '/system.slice/containerd.service' })
    expect(await interval(containers, machine)).toMatchObject({ kind: 'idle', reason: '0 containers, none at work' })
  })
})
