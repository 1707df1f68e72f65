// The idle episode on Azure with the executable: requests counted, hibernated and deallocated, each refusal with its outcome, and no way to a shutdown from inside.
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { AzureOptions, Fault, VmSpec } from '../../clouds/azure.ts'
import { type AzureMachine, startAzureMachine, startDueAzureMachine } from '../azure-machine.ts'
import { checkNow, timePasses } from '../due.ts'
import { acted, type Checked, fastest, quick } from '../machine.ts'

const slow = { timeout: 90_000 }
const TAGS = 'Tags_UpdateAtScope'
const CALL = 'VirtualMachines_Deallocate'

/** What metadata was asked in a check, by its path. */
function asked(machine: AzureMachine, from: number): readonly string[] {
  return machine.cloud.requests
    .list({ server: 'metadata' })
    .slice(from)
    .map(({ path }) => path.replace(/.*\//, ''))
}

function expectCosts(all: readonly Checked[]): void {
  expect(all.flatMap(({ api }) => api)).toEqual([TAGS, TAGS, TAGS, CALL])
  const unchanged = all.filter(({ check }) => check.actions.length === 0)
  expect(unchanged.length).toBeGreaterThanOrEqual(2)
  for (const { api, metadata } of unchanged) expect([api, metadata]).toEqual([[], 1])
}

for (const { vm, method, state, action } of [
  { vm: {}, method: 'hibernate', state: 'hibernated', action: 'hibernating' },
  { vm: { hibernation: false }, method: 'stop', state: 'deallocated', action: 'stopping' },
] as const) {
  test.concurrent(`from quiet to ${state}, by four calls`, slow, async ({ onTestFinished }) => {
    const machine = await startAzureMachine({ vm, cloud: { throttle: true } })
    onTestFinished(() => machine.close())
    const all = await machine.until(acted)
    await machine.cloud.waitForState(state)
    expectCosts(all)
    for (const { code, stderr } of all) expect([code, stderr]).toEqual([0, ''])
    expect(machine.stops()).toEqual([`${method} accepted`])
    expect(all[0]?.check.host).toMatchObject({ cloud: 'azure', id: machine.cloud.instance().id, region: 'westeurope' })
    expect(machine.tags()).toMatchObject({ IdleStatus: 'idle', IdleAction: action, IdleReason: '' })
    const statuses = machine.cloud.requests.list({}).map(({ status }) => status ?? 0)
    expect(statuses.filter((status) => status === 429)).toEqual([])
    const deed = machine.audit().findLast((line) => line['action'] === method)
    expect(deed).toMatchObject({
      result: 'done',
      detail: expect.stringMatching(/^accepted: deallocating, operation [0-9a-f-]{36}$/),
    })
  })
}

for (const { name, newBootId, vm, action } of [
  { name: 'a new boot', newBootId: true, vm: { hibernation: false }, action: 'stopped' },
  { name: 'a resume', newBootId: false, vm: {}, action: 'hibernated' },
]) {
  test.concurrent(`${name} after our deallocation is a new run in grace`, slow, async ({ onTestFinished }) => {
    const machine = await startDueAzureMachine({ vm })
    onTestFinished(() => machine.close())
    expect((await checkNow(machine)).code).toBe(0)
    await machine.cloud.waitForState(vm.hibernation === false ? 'deallocated' : 'hibernated')
    machine.configure({ ...quick, boot_grace_minutes: 0.5 })
    machine.startAgain({ newBootId })
    // Azure tells no time of the last start: a resume is known by the hook.
    if (!newBootId) {
      const stamp = join(machine.stateDir, 'run/resumed_at')
      mkdirSync(dirname(stamp), { recursive: true })
      machine.write('/run/hibernate/resumed_at', '2026-11-22T18:00:00Z\n')
    }
    const back = await machine.check()
    expect(back.check).toMatchObject({ state: 'grace', idleSince: null, next: { action: 'none' } })
    expect(back.tags).toEqual({ IdleStatus: 'active', IdleSince: '', IdleAction: action, IdleReason: '' })
    expect(machine.audit().findLast((deed) => deed['action'] === 'reconcile')).toMatchObject({ result: 'done' })
    expect(machine.stops()).toHaveLength(1)
  })
}

test.concurrent(
  'a deallocation that left the VM allocated is told at the next start',
  slow,
  async ({ onTestFinished }) => {
    const machine = await startDueAzureMachine({
      vm: { hibernation: false, deallocationFails: 'InternalOperationError' },
    })
    onTestFinished(() => machine.close())
    await checkNow(machine)
    expect(machine.stops()).toEqual(['stop accepted'])
    machine.cloud.instance().deallocationFails = null
    machine.startAgain({ newBootId: true })
    const back = await machine.check()
    expect(back.check.notes).toEqual([
      expect.stringMatching(/^the last stop failed: InternalOperationError: .* stayed allocated/),
    ])
    expect(machine.audit().findLast((deed) => deed['action'] === 'reconcile')).toMatchObject({ result: 'failed' })
    expect(machine.intents().at(-1)).toMatchObject({ phase: 'closed', result: 'failed' })
    expect(back.tags['IdleAction']).toBe('')
    expect(machine.stops()).toHaveLength(1)
  },
)

interface Story {
  readonly row: number | 'none'
  readonly name: string
  readonly vm?: VmSpec
  readonly cloud?: AzureOptions
  readonly files?: Readonly<Record<string, string>>
  readonly links?: Readonly<Record<string, string>>
  readonly allow?: string
  readonly fault?: Fault
}

interface RefusedStory extends Story {
  readonly refusal: string
  /** What Resource Manager was asked; nothing unless said. */
  readonly sent?: readonly string[]
  /** No tag could be written either. */
  readonly untagged?: true
}

const flexible = { scaleSet: 'set', orchestration: 'Flexible' } as const
const disk = '/sys/devices/VMBUS:01/00000000-0001-8899-0000-000000000000/host1/target1:0:1/1:0:1:0/block/sdb'
const temporary = {
  links: { '/sys/block/sdb': disk },
  files: {
    [`${disk}/dev`]: '8:16\n',
    '/proc/self/mountinfo': '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n90 22 8:16 / /mnt rw - ext4 /dev/sdb rw\n',
    '/mnt/DATALOSS_WARNING_README.txt': 'x',
    '/mnt/model.bin': 'weights',
  },
}

function error(code: string, message?: string): Fault {
  return { kind: 'api-error', code, ...(message === undefined ? {} : { message }) }
}

function event(type: string): VmSpec {
  const one = { EventId: '1', EventType: type, EventStatus: 'Scheduled', Resources: ['workstation-1'] }
  return { scheduledEvents: JSON.stringify([one]) }
}

const refused: readonly RefusedStory[] = [
  { row: 13, name: 'data on the temporary disk', ...temporary, refusal: 'TemporaryDiskData (opt-in)' },
  { row: 20, name: 'Uniform', vm: { scaleSet: 'set' }, refusal: 'UniformScaleSet (owned)', untagged: true },
  { row: 21, name: 'Flexible', vm: flexible, refusal: 'FlexibleScaleSet (opt-in)' },
  { row: 21, name: 'AKS', vm: { resourceGroup: 'MC_rg_c_westeurope' }, refusal: 'ManagedByService (owned)' },
  { row: 21, name: 'Databricks', vm: { tags: { Vendor: 'Databricks' } }, refusal: 'ManagedByService (owned)' },
  { row: 22, name: 'a ReadOnly lock', vm: { lock: 'ReadOnly' }, refusal: 'ScopeLocked (protected)', untagged: true },
  { row: 23, name: 'Spot', vm: { priority: 'Spot' }, refusal: 'Spot (opt-in)' },
  {
    row: 24,
    name: 'a failed extension',
    vm: { hibernationExtension: 'failed' },
    refusal: 'OperationNotAllowed (not-ready)',
    sent: ['hibernate OperationNotAllowed'],
  },
  {
    row: 24,
    name: 'an internal failure',
    fault: error('InternalOperationError'),
    refusal: 'InternalOperationError (other)',
    sent: ['hibernate InternalOperationError'],
  },
  {
    row: 24,
    name: 'a failed hibernation',
    fault: error('VMHibernateFailed'),
    refusal: 'VMHibernateFailed (other)',
    sent: ['hibernate VMHibernateFailed'],
  },
  {
    row: 24,
    name: 'no swap, says the machine',
    files: {
      '/usr/lib/systemd/system/hibernation-setup-tool.service': '',
      '/proc/swaps': 'Filename Type Size Used Priority\n',
    },
    refusal: 'HibernationNotReady (not-ready)',
  },
  {
    row: 25,
    name: 'an event, asked for',
    vm: event('Redeploy'),
    allow: '[scheduled-events]',
    refusal: 'ScheduledEvent (wrong-state)',
  },
  { row: 26, name: 'no identity', vm: { identity: false }, refusal: 'no-identity (forbidden)', untagged: true },
  {
    row: 26,
    name: 'no role',
    vm: { role: null },
    refusal: 'AuthorizationFailed (forbidden)',
    sent: ['hibernate AuthorizationFailed'],
    untagged: true,
  },
  { row: 27, name: 'an ephemeral OS disk', vm: { ephemeralOsDisk: true }, refusal: 'EphemeralOsDisk (owned)' },
  {
    row: 'none',
    name: 'an expired token',
    fault: error('ExpiredAuthenticationToken'),
    refusal: 'ExpiredAuthenticationToken (credentials)',
    sent: ['hibernate ExpiredAuthenticationToken'],
  },
  {
    row: 'none',
    name: 'another operation',
    fault: error('Conflict'),
    refusal: 'Conflict (wrong-state)',
    sent: ['hibernate Conflict'],
  },
  {
    row: 'none',
    name: 'throttled',
    fault: error('TooManyRequests'),
    refusal: 'TooManyRequests (throttled)',
    sent: ['hibernate TooManyRequests'],
  },
  {
    row: 'none',
    name: 'a text that nobody has seen',
    fault: error('OperationNotAllowed', 'The moon is in the wrong place.'),
    refusal: 'OperationNotAllowed (other)',
    sent: ['hibernate OperationNotAllowed'],
  },
]

interface AcceptedStory extends Story {
  readonly sent: readonly string[]
  readonly detail?: RegExp
}

const accepted: readonly AcceptedStory[] = [
  {
    row: 13,
    name: 'data on the temporary disk, allowed',
    ...temporary,
    allow: '[instance-store-data]',
    sent: ['hibernate accepted'],
    detail: /given up, as allowed: \/mnt/,
  },
  { row: 21, name: 'Flexible, allowed', vm: flexible, allow: '[flexible-scale-set]', sent: ['hibernate accepted'] },
  { row: 22, name: 'a lock against deletion', vm: { lock: 'CanNotDelete' }, sent: ['hibernate accepted'] },
  { row: 23, name: 'Spot, allowed', vm: { priority: 'Spot' }, allow: '[spot]', sent: ['stop accepted'] },
  { row: 24, name: 'not enabled', vm: { hibernation: false }, sent: ['stop accepted'] },
  {
    row: 24,
    name: 'not supported after all: both calls in one check',
    fault: error('OperationNotAllowed', 'can only be triggered on a VM that is enabled for hibernation.'),
    sent: ['hibernate OperationNotAllowed', 'stop accepted'],
  },
  { row: 25, name: 'an event that nobody asked for', vm: event('Redeploy'), sent: ['hibernate accepted'] },
]

async function begin({ vm, cloud, files = {}, links = {}, allow, fault }: Story): Promise<AzureMachine> {
  const settings = allow === undefined ? fastest : { ...fastest, allow }
  const machine = await startDueAzureMachine({
    settings,
    ...(vm === undefined ? {} : { vm }),
    ...(cloud === undefined ? {} : { cloud }),
  })
  for (const [path, text] of Object.entries(files)) machine.write(path, text)
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(join(machine.root, path)), { recursive: true })
    symlinkSync(`../..${target}`, join(machine.root, path))
  }
  if (fault !== undefined) machine.cloud.faults.add({ server: 'api', action: CALL, times: 1, fault })
  return machine
}

for (const story of refused) {
  test.concurrent(`Azure, row ${story.row}, ${story.name}: ${story.refusal}`, slow, async ({ onTestFinished }) => {
    const machine = await begin(story)
    onTestFinished(() => machine.close())
    const { sent = [], refusal } = story
    const done = await checkNow(machine)
    expect([done.code, done.stderr, machine.stops()]).toEqual([3, '', sent])
    const deed = done.check.actions.find(({ action }) => action === 'hibernate' || action === 'stop')
    expect(deed?.detail.startsWith(`${refusal}: `)).toBe(true)
    const code = refusal.split(' ')[0]
    expect(machine.audit().findLast((line) => line['code'] !== undefined)).toMatchObject({ result: 'refused', code })
    if (story.untagged !== true) {
      const { IdleReason = '', ...tags } = machine.tags()
      expect(tags).toMatchObject({ IdleStatus: 'idle', IdleAction: '' })
      expect(IdleReason.startsWith(`refused: ${refusal}`)).toBe(true)
    }
    const told = (await machine.run('status', ...machine.flags)).stdout
    expect(told).toContain(`refused      ${refusal}`)
    expect(told).toContain('billing      a shutdown from inside leaves this VM allocated, and paid for')
    expect(machine.cloud.instance().state).toBe('running')
    // Tried again in its time, with the idle clock as it was.
    const idleSince = Date.parse(done.check.idleSince ?? '')
    timePasses(machine)
    const again = await checkNow(machine)
    expect(Date.parse(again.check.idleSince ?? '')).toBeLessThan(idleSince + 100)
    expect(again.check.actions.some(({ action }) => action === deed?.action)).toBe(true)
  })
}

for (const story of accepted) {
  test.concurrent(
    `Azure, row ${story.row}, ${story.name}: ${story.sent.join(', ')}`,
    slow,
    async ({ onTestFinished }) => {
      const machine = await begin(story)
      onTestFinished(() => machine.close())
      const from = machine.cloud.requests.counts().metadata
      const done = await checkNow(machine)
      expect([done.code, done.stderr, machine.stops()]).toEqual([0, '', story.sent])
      const line = machine.audit().findLast(({ result }) => result === 'done')
      expect(line).toMatchObject({ action: story.sent.at(-1)?.split(' ')[0] })
      expect(line?.['detail']).toMatch(story.detail ?? /^accepted: deallocating/)
      const state = story.sent.at(-1)?.startsWith('stop') === true ? 'deallocated' : 'hibernated'
      await machine.cloud.waitForState(state)
      expect(machine.tags()).toMatchObject({ IdleReason: '', IdleStatus: 'idle' })
      expect(asked(machine, from)).not.toContain('scheduledevents')
    },
  )
}

test.concurrent('row 26, the role arrives a little later: hibernated', slow, async ({ onTestFinished }) => {
  const machine = await startDueAzureMachine({ vm: { role: null } })
  onTestFinished(() => machine.close())
  expect((await checkNow(machine)).check.next.action).toBe('hibernate')
  machine.cloud.instance().role = 'idle-agent'
  timePasses(machine)
  expect([(await checkNow(machine)).code, machine.stops().at(-1)]).toEqual([0, 'hibernate accepted'])
})

test.concurrent(
  'throttled: what Azure asks to wait is waited, over checks, and the tags are not',
  slow,
  async ({ onTestFinished }) => {
    const machine = await startDueAzureMachine()
    onTestFinished(() => machine.close())
    const fault = { kind: 'api-error', code: 'TooManyRequests', retryAfterSeconds: 3600 } as const
    machine.cloud.faults.add({ server: 'api', action: CALL, times: 1, fault })
    await checkNow(machine)
    timePasses(machine)
    const again = await checkNow(machine)
    expect(machine.stops()).toEqual(['hibernate TooManyRequests'])
    expect(again.check.actions.find(({ action }) => action === 'hibernate')?.detail).toMatch(
      /Azure asked to wait: .* 3\d{3} s/,
    )
  },
)

test.concurrent('an operator’s tag in another case holds', slow, async ({ onTestFinished }) => {
  const machine = await startDueAzureMachine({ vm: { tags: { 'cloudworkstation:PROTECTED': 'yes' } } })
  onTestFinished(() => machine.close())
  const done = await checkNow(machine)
  expect([machine.stops(), done.check.state]).toEqual([[], 'held'])
})

/** What a program would start, or write to, to end or sleep its own machine. */
const ways =
  /['"`](poweroff|halt|reboot|shutdown|init|telinit|kexec|suspend|hybrid-sleep)['"`]|sysrq-trigger|\/sys\/power\/|\/dev\/watchdog|systemctl['"`, ]+(poweroff|halt|reboot|kexec|suspend|hibernate|hybrid|isolate)|powerOff/

/** Where such a word names what somebody else is about to do: the kinds of systemd's inhibitors, and a shutdown that is scheduled. */
const read = [
  /^vetoes\/inhibitors\.ts: .*new Set\(\['shutdown', 'sleep', 'idle'\]\)$/,
  /^vetoes\/scheduled-shutdown\.ts: /,
]

test('nothing in the agent names a way to end its own machine from inside', () => {
  const found = readdirSync('agent', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      readFileSync(join('agent', name), 'utf8')
        .split('\n')
        .filter((line) => ways.test(line) && !/^\s*(\/\/|\*|\/\*\*)/.test(line))
        .map((line) => `${name}: ${line.trim()}`),
    )
  expect(found.filter((line) => !read.some((one) => one.test(line)))).toEqual([])
  for (const planted of [
    "host.run(['poweroff'])",
    "['systemctl', 'hibernate']",
    "store.replace('/sys/power/state', 'disk')",
  ])
    expect(planted).toMatch(ways)
})
