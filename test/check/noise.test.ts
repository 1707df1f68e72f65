/** A machine that makes noise while nobody is there: what is learned of it within days, and what never is. */
import { expect, it } from 'vitest'
import { checkAndAct } from '../../agent/agent.ts'
import { type Parts, pathsOf, type Settings } from '../../agent/check/parts.ts'
import { createLocal } from '../../agent/clouds/local.ts'
import { decide } from '../../agent/decide/state.ts'
import { parseObject } from '../../agent/parse.ts'
import { cpu } from '../../agent/sensors/cpu.ts'
import type { Policy } from '../../agent/types.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'
import { defaults } from '../sensors/machine.ts'

const minute = 60_000
const policy: Policy = {
  ...{ enabled: true, action: 'report', idleThresholdMs: 5 * minute, hibernateThresholdMs: 10 * minute },
  ...{ checkIntervalMs: 10 * minute, bootGraceMs: 0, notReadyMs: 0, unknownCeilingMs: 600 * minute },
}
const settings: Settings = {
  ...{ tagPrefix: 'x', protected: false, operatorTags: 'optional', allow: [], keepCeilingMs: minute },
  horizonMs: minute,
}

/** One process with a group of its own, and how many cores it uses. */
interface Worker {
  readonly comm: string
  readonly group: string
  readonly uid?: number
  readonly cores: number
}

const quiet: readonly Worker[] = [
  { comm: 'systemd', group: 'init.scope', cores: 0 },
  { comm: 'cron', group: 'system.slice/cron.service', cores: 0 },
]
const noise: Worker = { comm: 'python3', group: 'system.slice/noise.service', cores: 0.14 }

/** SOURCE: written from proc_pid_stat(5), proc_stat(5), cgroup-v2.rst. */
function createWorld(more: { learnFloor?: boolean } = {}) {
  const host = createMemoryHost({ clocks: { wallMs: Date.UTC(2026, 0, 5), bootMs: 60_000, monoMs: 60_000 } })
  const paths = pathsOf(undefined)
  const local = createLocal(host, { name: 'local', stateDir: paths.stateDir })
  const machine = { id: 'i-1' }
  const cloud = { ...local, identify: async () => ({ id: machine.id }) }
  const sensors = [{ sensor: cpu, limits: defaults(cpu.options) }]
  const parts: Parts = { host, cloud, sensors, vetoes: [], policy, settings: { ...settings, ...more }, paths, decide }
  const used = new Map<string, number>()
  const { files } = host
  files.write('/proc/sys/kernel/random/boot_id', `${host.self.bootId}\n`)
  files.write('/proc/self/mountinfo', '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n')
  const add = (path: string, ticks: number) => used.set(path, (used.get(path) ?? 0) + ticks)
  /** Ten minutes by these workers, and a check. */
  async function check(workers: readonly Worker[]) {
    host.clock.advance(10 * minute)
    for (const [index, { comm, group, uid = 0, cores }] of workers.entries()) {
      const pid = index === 0 ? 1 : 500 + index
      add('', cores * 60_000)
      add(`pid ${pid}`, cores * 60_000)
      for (let path = group; path !== '.' && path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('/'))))
        add(path, cores * 60_000)
      const ticks = Math.round(used.get(`pid ${pid}`) ?? 0)
      const zeros = Array.from({ length: 30 }, () => '0').join(' ')
      files.write(
        `/proc/${pid}/stat`,
        `${pid} (${comm}) S 1 ${pid} ${pid} 0 -1 0 0 0 0 0 ${ticks} 0 0 0 20 0 1 0 3 ${zeros}\n`,
      )
      files.write(`/proc/${pid}/status`, `Name:\t${comm}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
      files.write(`/proc/${pid}/cgroup`, `0::/${group}\n`)
    }
    files.write('/proc/stat', `cpu  ${Math.round(used.get('') ?? 0)} 0 0 0 0 0 0 0 0 0\ncpu0 0\ncpu1 0\n`)
    for (const [path, ticks] of used)
      if (path !== '' && !path.startsWith('pid'))
        files.write(`/sys/fs/cgroup/${path}/cpu.stat`, `usage_usec ${Math.round(ticks * 10_000)}\n`)
    const { look } = await checkAndAct(parts)
    return look.readings[0]
  }
  async function days(count: number, workers: readonly Worker[]) {
    let last: Awaited<ReturnType<typeof check>>
    for (let index = 0; index < count * 144; index += 1) last = await check(workers)
    return last
  }
  return { host, parts, machine, check, days }
}

/** What the state holds, changed by `edit`. */
async function editState(
  host: MemoryHost,
  path: string,
  edit: (state: Record<string, unknown>) => void,
): Promise<void> {
  const state = { ...parseObject((await host.store.read(path)) ?? '') }
  edit(state)
  await host.store.replace(path, JSON.stringify(state), 0o600)
}

it('is idle once three days of the noise are known, and says what is usual; what else there is counts as ever', async () => {
  const { host, parts, check, days } = createWorld()
  const workers = [...quiet, noise]
  expect(await days(3, workers)).toMatchObject({
    kind: 'active',
    reason: expect.stringMatching(/^uid 0, noise\.service, python3 \(pid 502\): 0\.14 cores for \d+ h, limit 0\.10$/),
  })
  expect(await days(1, workers)).toEqual({
    sensor: 'cpu',
    kind: 'idle',
    reason: '0.14 cores busy, limit 0.18 (0.13 is usual for noise.service here)',
    ...{ value: 0.14, unit: 'cores', limit: expect.closeTo(0.178, 3) },
  })
  const job = { comm: 'sh', group: 'user.slice/user-1000.slice/session-3.scope', uid: 1000, cores: 0.06 }
  expect(await check([...workers, job])).toMatchObject({ kind: 'active', value: 0.2, limit: expect.closeTo(0.178, 3) })
  expect(await check([...workers, { ...job, cores: 0 }])).toMatchObject({ kind: 'idle' })
  // The noise has stopped: nobody's work is left out in its place.
  const other = { ...job, cores: 0.14 }
  expect(await check([...quiet, { ...noise, cores: 0 }, other])).toMatchObject({ kind: 'active', limit: 0.1 })
  expect(await check(workers)).toMatchObject({ kind: 'idle' })
  await editState(host, parts.paths.state, (state) => {
    state['floors'] = { quietMs: 0, known: { cpu: { 'system.slice/noise.service': 'much' } }, memory: 7 }
  })
  expect(await check(workers)).toMatchObject({ kind: 'active', limit: 0.1 })
})

it('knows nothing of the noise of the machine that it is a copy of', async () => {
  const { machine, check, days } = createWorld()
  const workers = [...quiet, noise]
  expect(await days(4, workers)).toMatchObject({ kind: 'idle' })
  machine.id = 'i-2'
  expect(await check(workers)).toMatchObject({ kind: 'unknown' })
  expect(await check(workers)).toMatchObject({ kind: 'active', limit: 0.1 })
})

it('is never idle with more noise than the ceiling, however long it lasts', async () => {
  const { days } = createWorld()
  expect(await days(10, [...quiet, { ...noise, cores: 0.36 }])).toMatchObject({ kind: 'active', limit: 0.35 })
})

it.each<[what: string, workers: readonly Worker[], more?: { learnFloor: boolean }]>([
  [
    "a user's job in a session",
    [...quiet, { ...noise, group: 'user.slice/user-1000.slice/session-2.scope', uid: 1000 }],
  ],
  ["root's job in a session", [...quiet, { ...noise, group: 'user.slice/user-0.slice/session-2.scope' }]],
  [
    "a user's service of their own",
    [...quiet, { ...noise, group: 'user.slice/user-1000.slice/user@1000.service/app.slice/a.service', uid: 1000 }],
  ],
  ['a service that runs as a user', [...quiet, { ...noise, uid: 1000 }]],
  ['a job of cron', [...quiet, { ...noise, group: 'system.slice/cron.service' }]],
  ['a shell of a cloud agent', [...quiet, { ...noise, comm: 'bash', group: 'system.slice/amazon-ssm-agent.service' }]],
  ['a container', [...quiet, { ...noise, group: `system.slice/docker-${'3f'.repeat(32)}.scope` }]],
  ['a scope of systemd-run', [...quiet, { ...noise, group: 'system.slice/run-r1.scope' }]],
  ['a machine', [...quiet, { ...noise, group: 'machine.slice/machine-a.scope' }]],
  ['a notebook server', [...quiet, { ...noise, group: 'system.slice/jupyterhub.service' }]],
  ['a group of its own', [...quiet, { ...noise, group: 'work' }]],
  [
    'noise beside somebody who sleeps',
    [...quiet, noise, { comm: 'bash', group: 'user.slice/user-1000.slice/session-2.scope', uid: 1000, cores: 0 }],
  ],
  ['noise, where nothing is to be learned', [...quiet, noise], { learnFloor: false }],
])('never learns %s', async (_, workers, more) => {
  const { days } = createWorld(more)
  expect(await days(5, workers)).toMatchObject({ kind: 'active', limit: 0.1 })
})
