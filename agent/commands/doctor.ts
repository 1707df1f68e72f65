/** `doctor`: everything that could make the agent fail later, and what to do about it. Changes nothing. */
import { within } from '../check/observe.ts'
import type { Parts } from '../check/parts.ts'
import { type Finding, fault, ok, worry } from '../doctor/finding.ts'
import { hibernationFinding, type MachineFacts, machineFindings } from '../doctor/machine.ts'
import { messageOf, UsageError } from '../errors.ts'
import { type Assembled, assemble } from './assemble.ts'
import type { CommandContext } from './context.ts'
import { readFacts } from './doctor-facts.ts'
import { needRoot } from './installation.ts'

const CLOUD_MS = 15_000

/** Exit code 0 without faults, 3 if one is of the cloud, else 5. Throws UsageError for a wrong configuration. */
export async function doctor(context: CommandContext): Promise<number> {
  if (context.args.length > 0) throw new UsageError(`doctor takes no arguments, got ${context.args.join(' ')}`)
  needRoot(context, 'doctor')
  const assembled = await assemble(context)
  const { parts } = assembled
  const facts = await readFacts(context, parts)
  const cloud = await cloudFindings(assembled, facts)
  const findings = [
    ok('config', assembled.config.source === 'defaults' ? 'no file: the defaults apply' : assembled.config.source),
    ...cloud,
    ...machineFindings(facts),
  ]
  const inventory = await readInventory(context)
  if (context.flags.json) context.out(JSON.stringify({ schema: 'idle-agent.doctor.v1', findings, inventory }))
  else print(context, findings, inventory)
  if (!findings.some(({ level }) => level === 'fault')) return 0
  return cloud.some(({ level }) => level === 'fault') ? 3 : 5
}

async function cloudFindings({ parts, because }: Assembled, facts: MachineFacts): Promise<readonly Finding[]> {
  const { cloud, policy } = parts
  const first = ok('cloud', `${cloud.name}: ${because}`)
  if (cloud.defaultAction === 'report') {
    return [first, worry('action', 'this machine is only watched: no driver to stop it through', 'run it on EC2')]
  }
  const identity = await identityFinding(parts)
  if (identity.level === 'fault') return [first, identity]
  const configured = await ask(parts, 'hibernation flag', (signal) => cloud.canHibernate(signal))
  const found = [first, identity, ...(await permissionFindings(parts)), await operatorFinding(parts)]
  return [...found, hibernationFinding(facts, policy.action, typeof configured === 'boolean' ? configured : undefined)]
}

async function identityFinding(parts: Parts): Promise<Finding> {
  const found = await ask(parts, 'metadata', (signal) => parts.cloud.identify(signal))
  if (found instanceof Error) {
    return fault(
      'metadata',
      found.message,
      'HttpEndpoint must be enabled, and HttpPutResponseHopLimit 2 in a container',
    )
  }
  return ok(
    'metadata',
    `${found.id}${found.region === undefined ? '' : ` in ${found.region}`}, started ${found.startedAt ?? 'at a time it does not tell'}`,
  )
}

async function permissionFindings(parts: Parts): Promise<readonly Finding[]> {
  const { permissions } = parts.cloud
  if (permissions === undefined) return []
  const answers = await ask(parts, 'permissions', (signal) => permissions(parts.settings.tagPrefix, signal))
  if (answers instanceof Error) {
    return [
      fault(
        'role',
        answers.message,
        'attach an instance profile whose role allows ec2:StopInstances and ec2:CreateTags on this instance',
      ),
    ]
  }
  return answers.map(({ action, reason, problem }) => {
    if (problem === undefined) return ok('permission', `${action}: allowed`)
    const text = `${action} (to ${reason}): ${problem}`
    const remedy = `allow ${action} in the role of this instance`
    return action === 'ec2:DescribeTags'
      ? worry('permission', text, `${remedy}, or switch on tags in metadata`)
      : fault('permission', text, remedy)
  })
}

async function operatorFinding(parts: Parts): Promise<Finding> {
  const { tagPrefix, operatorTags } = parts.settings
  const tags = await ask(parts, 'operator tags', (signal) => parts.cloud.operatorTags(tagPrefix, signal))
  if (!(tags instanceof Error))
    return ok('operator tags', `${tagPrefix}:KeepAwakeUntil and ${tagPrefix}:Protected can be read`)
  const remedy = 'switch on InstanceMetadataTags, or allow ec2:DescribeTags'
  if (operatorTags === 'required')
    return fault('operator tags', `${tags.message}; operator_tags: required forbids every action`, remedy)
  return worry('operator tags', `${tags.message}; it acts without them`, remedy)
}

/** The answer, or the error it failed with. */
async function ask<T>(parts: Parts, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T | Error> {
  try {
    return await within(parts.host, { ms: CLOUD_MS, what }, work)
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error))
  }
}

/** What machine this is, in a line. */
async function readInventory({ host }: CommandContext): Promise<string> {
  if (host.root !== '/') return ''
  const si = await import('systeminformation')
  const [os, cpu, memory, system] = await Promise.all([si.osInfo(), si.cpu(), si.mem(), si.system()])
  const gib = Math.round(memory.total / 1024 ** 3)
  const maker = [system.manufacturer, system.model].filter((part) => part !== '' && part !== '-').join(' ')
  return [
    `${os.distro} ${os.release}`,
    `kernel ${os.kernel}`,
    `${cpu.cores} × ${cpu.brand || 'CPU'}`,
    `${gib} GiB`,
    maker,
  ]
    .filter((part) => part.trim() !== '')
    .join(', ')
}

const marks = { ok: ['✓', 32], worry: ['!', 33], fault: ['✗', 31] } as const

function print({ out, colour }: CommandContext, findings: readonly Finding[], inventory: string): void {
  if (inventory !== '') out(inventory)
  for (const { name, level, text, remedy } of findings) {
    const [mark, code] = marks[level]
    out(`${colour ? `\u001b[${code}m${mark}\u001b[0m` : mark} ${name.padEnd(14)} ${text}`)
    if (remedy !== undefined) out(`  ${''.padEnd(14)} → ${remedy}`)
  }
  const count = (level: Finding['level']) => findings.filter((one) => one.level === level).length
  out(`${count('ok')} in order, ${count('worry')} to look at, ${count('fault')} to mend`)
}
