/** May this Azure VM be deallocated at all? Rows 13 and 20 to 27 of the table in cloud.md 6, from metadata and the machine itself, without any permission. */
import { CloudError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { OptIn, Refused } from '../types/outcome.ts'
import { pendingEvent } from './azure-events.ts'
import type { AzureImds } from './azure-imds.ts'
import type { Vm } from './azure-metadata.ts'
import { hibernationProblem } from './azure-readiness.ts'
import { dataOnTemporaryDisk } from './azure-temporary-disk.ts'
import type { Ownership, OwnershipQuestion } from './cloud.ts'
import type { Patience } from './imds.ts'
import { servicesAboard } from './services-aboard.ts'

/** Everything that the judgement below needs. */
export interface OwnershipFacts {
  readonly vm: Pick<Vm, 'scaleSet' | 'spot' | 'ephemeral' | 'group' | 'tags'>
  /** Services whose agent runs here. */
  readonly aboard: readonly string[]
  /** What lies on temporary disks. */
  readonly data: readonly string[]
  /** Why hibernation would fail here; only where it was asked. */
  readonly unready: string | undefined
  /** What Azure has announced; asked only where the operator allows it. */
  readonly event: string | undefined
  /** Scheduled events were asked for and not told: the first question in a day may take two minutes (cloud.md 2.1). */
  readonly eventsUntold?: true
}

interface Sources {
  readonly host: Host
  readonly imds: AzureImds
  readonly patience: Patience
}

/** Reads the facts. Throws CloudError and HostError where one cannot be told: then nobody knows, and nothing may be sent. */
export async function readOwnership(sources: Sources, vm: Vm, asked: OwnershipQuestion): Promise<OwnershipFacts> {
  const { host } = sources
  const events = asked.allow.includes('scheduled-events') ? await readEvents(sources, vm) : { event: undefined }
  return {
    vm,
    aboard: await servicesAboard(host),
    data: await dataOnTemporaryDisk(host),
    unready: asked.hibernate && !vm.spot ? await hibernationProblem(host) : undefined,
    ...events,
  }
}

/** They never stand between an unused machine and its end: untold, they are none, and the audit log says so. */
async function readEvents(
  { imds, patience }: Sources,
  vm: Vm,
): Promise<Pick<OwnershipFacts, 'event' | 'eventsUntold'>> {
  try {
    return { event: await pendingEvent(imds, vm.name, patience) }
  } catch (error) {
    if (error instanceof CloudError) return { event: undefined, eventsUntold: true }
    throw error
  }
}

/** Judges them, in the order of the table: the first reason to refuse wins. Pure. */
export function judgeOwnership(facts: OwnershipFacts, { allow }: OwnershipQuestion): Ownership {
  const refusal =
    uniform(facts) ??
    managed(facts) ??
    flexible(facts, allow) ??
    spot(facts, allow) ??
    ephemeral(facts) ??
    temporary(facts, allow) ??
    announced(facts) ??
    unready(facts)
  const notes = [
    ...(facts.data.length === 0 ? [] : [`given up, as allowed: ${facts.data.join(', ')}`]),
    ...(facts.eventsUntold === true ? ['scheduled events were not told'] : []),
  ]
  return {
    stopOnly: facts.vm.spot,
    ...(refusal === undefined ? {} : { refusal }),
    ...(notes.length === 0 ? {} : { note: notes.join('; ') }),
  }
}

type Words = Readonly<Record<'message' | 'advice', string>>

function refused(code: string, why: Refused['why'], words: Words): Refused {
  return { result: 'refused', why, code, ...words }
}

/** Row 20. Its members are no VMs of their own, and the set makes new ones for those that stop. */
function uniform({ vm }: OwnershipFacts): Refused | undefined {
  if (vm.scaleSet !== 'uniform') return undefined
  return refused('UniformScaleSet', 'owned', {
    message: 'a member of a Uniform scale set, which replaces what does not run',
    advice: 'in a Uniform scale set, which replaces it; scale the set down',
  })
}

/** Row 21: the resource groups of AKS and Databricks, their tags, and their agents. */
function managed({ vm: { group, tags }, aboard }: OwnershipFacts): Refused | undefined {
  const names = [...tags.keys()]
  const aks = /^mc_/i.test(group) || names.some((name) => name.startsWith('aks-managed-'))
  const databricks = /^databricks-rg-/i.test(group) || /^databricks$/i.test(tags.get('vendor') ?? '')
  const services = [...(aks ? ['AKS'] : []), ...(databricks ? ['Databricks'] : []), ...aboard]
  const [service] = services
  if (service === undefined) return undefined
  return refused('ManagedByService', 'owned', {
    message: `managed by ${service}, which does not expect it to stop`,
    advice: `managed by ${service}; scale it down there`,
  })
}

/** Row 21. Its members are VMs like others, and nothing on them tells whether the set, or who scales it, wants them back. */
function flexible({ vm }: OwnershipFacts, allow: readonly OptIn[]): Refused | undefined {
  if (vm.scaleSet !== 'flexible' || allow.includes('flexible-scale-set')) return undefined
  return refused('FlexibleScaleSet', 'opt-in', {
    message: 'a member of a Flexible scale set, which may miss it',
    advice: 'in a Flexible scale set; allow: [flexible-scale-set] lets it be stopped',
  })
}

/** Row 23. It cannot hibernate, and there may be no room for it when it is wanted again. */
function spot({ vm }: OwnershipFacts, allow: readonly OptIn[]): Refused | undefined {
  if (!vm.spot || allow.includes('spot')) return undefined
  return refused('Spot', 'opt-in', {
    message: 'a Spot VM cannot be hibernated, and may not find room again',
    advice: 'a Spot VM; allow: [spot] lets it be deallocated',
  })
}

/** Row 27. */
function ephemeral({ vm }: OwnershipFacts): Refused | undefined {
  if (!vm.ephemeral) return undefined
  return refused('EphemeralOsDisk', 'owned', {
    message: 'its OS disk lies on the host that it would leave: Azure cannot deallocate it',
    advice: 'ephemeral OS disk; Azure could only delete it',
  })
}

/** Row 13. */
function temporary({ data }: OwnershipFacts, allow: readonly OptIn[]): Refused | undefined {
  if (data.length === 0 || allow.includes('instance-store-data')) return undefined
  return refused('TemporaryDiskData', 'opt-in', {
    message: `what is on the temporary disk would be lost: ${data.slice(0, 5).join(', ')}`,
    advice: 'data on the temporary disk; allow: [instance-store-data] accepts the loss',
  })
}

/** Row 25. */
function announced({ event }: OwnershipFacts): Refused | undefined {
  if (event === undefined) return undefined
  return refused('ScheduledEvent', 'wrong-state', {
    message: `Azure is about to do something with this VM itself: ${event}`,
    advice: `Azure has announced: ${event}`,
  })
}

/** Row 24, as far as the machine can tell. */
function unready(facts: OwnershipFacts): Refused | undefined {
  if (facts.unready === undefined) return undefined
  return refused('HibernationNotReady', 'not-ready', {
    message: `not ready to hibernate: ${facts.unready}`,
    advice: 'hibernation is not set up on the machine; see "sudo idle-agent doctor"',
  })
}
