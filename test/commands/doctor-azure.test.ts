/** What `doctor` says on an Azure VM: metadata, identity, each permission without making a call, hibernation on the machine, and what a shutdown costs. */
import { describe, expect, it } from 'vitest'
import { help } from '../../agent/clouds/azure-help.ts'
import { permissions } from '../../agent/clouds/azure-send.ts'
import { askCloud } from '../../agent/commands/doctor-cloud.ts'
import { extensionProblem } from '../../agent/commands/doctor-extension.ts'
import type { MachineFacts } from '../../agent/doctor/facts.ts'
import type { Finding } from '../../agent/doctor/finding.ts'
import { hibernationFinding } from '../../agent/doctor/hibernation.ts'
import { type AzureRowMachine, type AzureRowSpec, startAzureRow } from '../check/azure-row-machine.ts'
import type { FaultOrder } from '../clouds/azure.ts'
import { createMemoryHost } from '../host/memory.ts'

const agentRole = { actions: permissions.map(({ action }) => action) }

async function ask(machine: AzureRowMachine): Promise<readonly Finding[]> {
  const { findings } = await askCloud(machine.parts(), 'the test says so')
  const asked = machine.azure.requests.list({ server: 'api' }).map(({ action }) => action)
  expect(asked.filter((action) => !/^(Permissions_ListForResource|Tags_GetAtScope)$/.test(action ?? ''))).toEqual([])
  return findings
}

async function faults(spec: AzureRowSpec, order?: FaultOrder): Promise<readonly string[]> {
  await using machine = await startAzureRow({ cloud: { roles: { 'idle-agent': agentRole } }, ...spec })
  if (order !== undefined) machine.azure.faults.add(order)
  const found = (await ask(machine)).filter(({ level }) => level !== 'ok')
  return found.map(({ name, level, text, remedy }) => `${name} ${level}: ${text} → ${remedy ?? ''}`)
}

describe('of the cloud', () => {
  it('has nothing to mend where all is well, and says what a shutdown from inside means', async () => {
    await using machine = await startAzureRow({ cloud: { roles: { 'idle-agent': agentRole } } })
    const found = await ask(machine)
    expect(found.filter(({ level }) => level !== 'ok')).toEqual([])
    const texts = found.map(({ name, text }) => `${name}: ${text}`)
    expect(texts).toEqual([
      'cloud: azure: the test says so',
      `metadata: ${machine.azure.instance().id} in westeurope`,
      ...permissions.map(({ action }) => `permission: ${action}: allowed`),
      'operator tags: T:KeepAwakeUntil and T:Protected can be read',
      'owner: nobody else owns this instance',
      expect.stringMatching(/^billing: a VM that is shut down from inside .* stays allocated, and is paid for/),
    ])
  })

  it.each<[string, AzureRowSpec, readonly RegExp[], FaultOrder?]>([
    [
      'no identity',
      { vm: { identity: false } },
      [/^role fault: this VM has no identity .*→ switch on the system-assigned/],
    ],
    [
      'no role',
      { vm: { role: null } },
      [
        /^permission fault: \S+\/deallocate\/action \(to .*\): no role is assigned .*→ allow \S+ in a role that is assigned/,
        /^permission fault: \S+\/tags\/write/,
        /^permission worry: \S+\/tags\/read .*; a VM that is in no scale set does without$/,
        /^permission worry: \S+\/permissions\/read .*; only doctor needs it$/,
      ],
    ],
    [
      'a role without tags',
      {
        cloud: {
          roles: { 'idle-agent': { actions: ['Microsoft.Compute/virtualMachines/deallocate/action', '*/read'] } },
        },
      },
      [/^permission fault: Microsoft.Resources\/tags\/write .*: no role that is assigned here allows it/],
    ],
    [
      'permissions that may not be asked for',
      {},
      [/^permission worry: its identity may not ask what it may do \(AuthorizationFailed\)/],
      {
        server: 'api',
        action: 'Permissions_ListForResource',
        fault: { kind: 'api-error', code: 'AuthorizationFailed' },
      },
    ],
    [
      'an API that cannot be reached',
      {},
      [/^api fault: Azure cannot be reached: .*→ let this machine reach Azure Resource Manager/],
      { server: 'api', fault: { kind: 'refuse' } },
    ],
    [
      'metadata that does not answer',
      {},
      [/^metadata fault: .*answered 403.*→ no firewall and no proxy/],
      { server: 'metadata', fault: { kind: 'status', status: 403 } },
    ],
    ['a Spot VM', { vm: { priority: 'Spot' } }, [/^owner fault: .*→ a Spot VM; allow: \[spot\]/]],
    [
      'a member of a scale set whose tags it may not read',
      {
        vm: { scaleSet: 'set', orchestration: 'Flexible' },
        settings: { allow: ['flexible-scale-set'], operatorTags: 'required' },
        cloud: {
          roles: { 'idle-agent': { actions: ['Microsoft.Compute/*/action', 'Microsoft.Resources/tags/write'] } },
        },
      },
      [
        /^permission worry: \S+\/tags\/read/,
        /^permission worry: \S+\/permissions\/read/,
        /^operator tags fault: .*operator_tags: required forbids every action → allow Microsoft.Resources\/tags\/read/,
      ],
    ],
  ])('names %s', async (_what, spec, expected, order) => {
    const found = await faults(spec, order)
    expect(found).toEqual(expected.map((one) => expect.stringMatching(one)))
  })
})

describe('of hibernation on the machine', () => {
  const ready = {
    memoryKb: 1_000_000,
    swapKb: 1_100_000,
    swapFileKb: 0,
    preparer: 'there',
    extensionProblem: undefined,
  } as MachineFacts
  const words = help.hibernation

  it.each<[string, Partial<MachineFacts>, boolean, string, RegExp, RegExp | undefined]>([
    ['ready', {}, true, 'ok', /configured, 1074 MiB of swap/, undefined],
    ['not enabled', {}, false, 'worry', /deallocated without its memory/, /additionalCapabilities.hibernationEnabled/],
    ['no tool, no swap', { preparer: 'missing', swapKb: 0 }, true, 'fault', /0 MiB/, /LinuxHibernateExtension/],
    [
      'no tool',
      { preparer: 'missing' },
      true,
      'worry',
      /no unit hibernation-setup-tool.* Azure asks, .*without its memory$/,
      /action: stop$/,
    ],
    ['a tool that failed', { preparer: 'failed' }, true, 'fault', /hibernation-setup-tool failed/, /journalctl/],
    ['an extension that failed', { extensionProblem: 'no space' }, true, 'fault', /its extension failed/, /no space/],
  ])('%s', (_what, change, configured, level, text, remedy) => {
    const found = hibernationFinding({ ...ready, ...change }, { wanted: 'hibernate', configured, words })
    expect(found).toMatchObject({ level, text: expect.stringMatching(text) })
    if (remedy === undefined) expect(found.remedy).toBeUndefined()
    else expect(found.remedy).toMatch(remedy)
  })
})

describe('of the extension', () => {
  const NAME = 'Microsoft.CPlat.Core.LinuxHibernateExtension'
  const status = (kind: string, message: string): string =>
    JSON.stringify([{ version: '1.0', status: { status: kind, formattedMessage: { lang: 'en', message } } }])

  it.each<[string, Readonly<Record<string, string>>, string | undefined]>([
    ['none', {}, undefined],
    ['another one', { '/var/lib/waagent/Other-1.0/status/0.status': status('error', 'x') }, undefined],
    ['success', { [`/var/lib/waagent/${NAME}-1.0.4/status/0.status`]: status('success', 'fine') }, undefined],
    ['an error', { [`/var/lib/waagent/${NAME}-1.0.4/status/0.status`]: status('error', 'No\n space') }, 'No space'],
    [
      'the last of its states',
      {
        [`/var/lib/waagent/${NAME}-1.0.4/status/9.status`]: status('error', 'x'),
        [`/var/lib/waagent/${NAME}-1.0.4/status/10.status`]: status('success', 'y'),
      },
      undefined,
    ],
    [
      'the last of its versions',
      {
        [`/var/lib/waagent/${NAME}-1.0.9/status/0.status`]: status('success', 'x'),
        [`/var/lib/waagent/${NAME}-1.0.10/status/0.status`]: status('error', 'y'),
      },
      'y',
    ],
    ['a torn file', { [`/var/lib/waagent/${NAME}-1.0.4/status/0.status`]: '[{' }, undefined],
    [
      'an error without a word',
      { [`/var/lib/waagent/${NAME}-1.0.4/status/0.status`]: '[{"status":{"status":"error"}}]' },
      'nothing more',
    ],
  ])('%s', async (_what, files, expected) => {
    expect(await extensionProblem(createMemoryHost({ files }), NAME)).toBe(expected)
  })
})
