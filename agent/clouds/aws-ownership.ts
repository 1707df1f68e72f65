/** May this EC2 instance be stopped at all? Rows 9 to 18 of the table in cloud.md 6, from metadata and the machine itself, without any permission. */
import { CloudError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { OptIn, Refused } from '../types/outcome.ts'
import { dataOnInstanceStore } from './aws-instance-store.ts'
import { hibernationProblem } from './aws-readiness.ts'
import { GROUP_TAG, isFleetTag, serviceOfTag } from './aws-services.ts'
import type { Ownership, OwnershipQuestion } from './cloud.ts'
import { garbage, type Imds, type Patience } from './imds.ts'
import { servicesAboard } from './services-aboard.ts'

/** Everything that the judgement below needs. */
export interface OwnershipFacts {
  /** `spot`, `on-demand`, …; `undefined` on instances that are older than the item. */
  readonly lifeCycle: string | undefined
  /** EC2 has announced that it takes this Spot instance away. */
  readonly interrupted: boolean
  /** State that Auto Scaling moves it to; `undefined` for no member, and on instances older than March 2022. */
  readonly target: string | undefined
  /** True where the root volume is on instance store. */
  readonly storeRoot: boolean
  /** Tag keys of owners. */
  readonly owners: readonly string[]
  /** Services whose agent runs here. */
  readonly aboard: readonly string[]
  /** What lies on instance store volumes. */
  readonly data: readonly string[]
  /** Why hibernation would fail here; only where it was asked. */
  readonly unready: string | undefined
  /** Maintenance that EC2 has announced. */
  readonly maintenance: string | undefined
}

const META = '/latest/meta-data'

/** Reads the facts. Throws CloudError and HostError where one cannot be told: then nobody knows, and nothing may be sent. */
export async function readOwnership(
  sources: { readonly host: Host; readonly imds: Imds; readonly patience: Patience },
  asked: OwnershipQuestion,
): Promise<OwnershipFacts> {
  const { host, imds, patience } = sources
  // One after the other: metadata has a cap on connections at the same time (cloud.md 1.1).
  const item = (path: string): Promise<string | undefined> => word(imds, `${META}/${path}`, patience)
  const target = await item('autoscaling/target-lifecycle-state')
  const lifeCycle = await item('instance-life-cycle')
  const spot = lifeCycle === 'spot'
  const interrupted =
    spot && ((await announced(imds, patience, 'instance-action')) || (await announced(imds, patience)))
  const manifest = (await imds.get(`${META}/ami-manifest-path`, patience))?.trim() ?? ''
  const ephemerals = await readEphemerals(imds, patience)
  return {
    target,
    lifeCycle,
    interrupted,
    // "(unknown)" for every image that is on EBS (user guide, instance metadata categories).
    storeRoot: manifest !== '' && !/^\(?unknown\)?$/i.test(manifest),
    owners: asked.owners ?? [],
    aboard: await servicesAboard(host),
    data: await dataOnInstanceStore(host, ephemerals),
    unready: asked.hibernate && !spot ? await hibernationProblem(host) : undefined,
    maintenance: await readMaintenance(imds, patience),
  }
}

/** One word of metadata, or `undefined` where the item does not exist. */
async function word(imds: Imds, path: string, patience: Patience): Promise<string | undefined> {
  const text = (await imds.get(path, patience))?.trim()
  if (text === undefined) return undefined
  if (!/^[A-Za-z][A-Za-z:-]{0,40}$/.test(text)) throw garbage(path, 'not a state')
  return text
}

async function announced(imds: Imds, patience: Patience, name = 'termination-time'): Promise<boolean> {
  return (await imds.get(`${META}/spot/${name}`, patience)) !== undefined
}

/** Devices of instance store volumes that are not NVMe, such as `sdb`. */
async function readEphemerals(imds: Imds, patience: Patience): Promise<readonly string[]> {
  const path = `${META}/block-device-mapping`
  const names = ((await imds.get(path, patience)) ?? '').split('\n').map((line) => line.trim())
  const devices: string[] = []
  for (const name of names.filter((one) => /^ephemeral\d{1,2}$/.test(one))) {
    const device = (await imds.get(`${path}/${name}`, patience))?.trim().replace(/^\/dev\//, '')
    if (device !== undefined) devices.push(device)
  }
  return devices
}

/** It never forbids anything, so what cannot be read or understood is left out. */
async function readMaintenance(imds: Imds, patience: Patience): Promise<string | undefined> {
  try {
    const events: unknown = JSON.parse((await imds.get(`${META}/events/maintenance/scheduled`, patience)) ?? '[]')
    if (!Array.isArray(events)) return undefined
    const texts = events.map((event: unknown) => maintenanceText(event)).filter((text) => text !== undefined)
    return texts.length === 0 ? undefined : texts.join(', ')
  } catch (error) {
    if (error instanceof CloudError || error instanceof SyntaxError) return undefined
    throw error
  }
}

function maintenanceText(event: unknown): string | undefined {
  if (typeof event !== 'object' || event === null) return undefined
  const [code, state, from] = ['Code', 'State', 'NotBefore'].map((name): unknown => Reflect.get(event, name))
  if (state !== 'active' || typeof code !== 'string' || !/^[a-z-]{1,40}$/.test(code)) return undefined
  return typeof from === 'string' && /^[\w :,-]{1,40}$/.test(from) ? `${code} from ${from}` : code
}

/** Judges them, in the order of the table: the first reason to refuse wins. Pure. */
export function judgeOwnership(facts: OwnershipFacts, asked: OwnershipQuestion): Ownership {
  const { allow } = asked
  const refusal =
    autoScaling(facts, allow) ??
    spot(facts, allow) ??
    fleet(facts) ??
    managed(facts) ??
    storeRoot(facts) ??
    storeData(facts, allow) ??
    unready(facts)
  const notes = [
    ...(facts.maintenance === undefined ? [] : [`EC2 has announced ${facts.maintenance}`]),
    ...(facts.data.length === 0 ? [] : [`given up, as allowed: ${facts.data.join(', ')}`]),
  ]
  return {
    stopOnly: facts.lifeCycle === 'spot',
    ...(refusal === undefined ? {} : { refusal }),
    ...(notes.length === 0 ? {} : { note: notes.join('; ') }),
  }
}

/** What is so, and the way out of it, neither saying the other. */
type Words = Readonly<Record<'message' | 'advice', string>>

function refused(code: string, why: Refused['why'], words: Words): Refused {
  return { result: 'refused', why, code, ...words }
}

/** Row 9. Any state but running is taken for a failure, whatever its protections; Standby and Detached are out of the group's care. */
function autoScaling({ target, owners }: OwnershipFacts, allow: readonly OptIn[]): Refused | undefined {
  if (target === undefined ? !owners.includes(GROUP_TAG) : target === 'Detached') return undefined
  if (target === 'Standby' && allow.includes('standby')) return undefined
  return refused('AutoScaling', 'opt-in', {
    message: `a member of an Auto Scaling group (${target ?? 'its state is not told'}) that is stopped is replaced`,
    advice: 'set it to Standby and allow: [standby], or detach it',
  })
}

/** Row 10. Whether the request is persistent is told by nothing on the instance, so the operator says it. */
function spot(facts: OwnershipFacts, allow: readonly OptIn[]): Refused | undefined {
  if (facts.lifeCycle !== 'spot') return undefined
  if (facts.interrupted) {
    return refused('SpotInterruption', 'wrong-state', {
      message: 'EC2 has announced that it takes this Spot instance away',
      advice: 'nothing to do: EC2 does it by itself',
    })
  }
  const member = fleet(facts)
  if (member !== undefined || allow.includes('spot')) return member
  return refused('Spot', 'opt-in', {
    message: 'a Spot instance can be stopped only if its request is persistent, which the instance cannot tell',
    advice: 'with a persistent request, allow: [spot] lets it be stopped',
  })
}

/** Row 10. Refused by EC2 for Spot; for others nothing on the instance tells whether the fleet would replace it. */
function fleet({ owners }: OwnershipFacts): Refused | undefined {
  if (!owners.some(isFleetTag)) return undefined
  return refused('Fleet', 'owned', {
    message: `launched by a fleet (${owners.filter(isFleetTag).join(', ')}), which does not support stop`,
    advice: 'launch it by itself',
  })
}

/** Row 11. */
function managed({ owners, aboard }: OwnershipFacts): Refused | undefined {
  const tagged = owners.flatMap((key) => serviceOfTag(key) ?? [])
  const [service] = [...tagged, ...aboard]
  if (service === undefined) return undefined
  const signs = [...owners.filter((key) => serviceOfTag(key) !== undefined), ...aboard.map((name) => `${name} agent`)]
  return refused('ManagedByService', 'owned', {
    message: `managed by ${service}, which does not expect it to stop (${signs.slice(0, 3).join(', ')})`,
    advice: `scale it down in ${service}`,
  })
}

/** Row 12. */
function storeRoot(facts: OwnershipFacts): Refused | undefined {
  if (!facts.storeRoot) return undefined
  return refused('InstanceStoreRoot', 'owned', {
    message: 'its root volume is on instance store: EC2 cannot stop it, only terminate it',
    advice: 'launch it from an image whose root volume is on EBS',
  })
}

/** Row 13. */
function storeData({ data }: OwnershipFacts, allow: readonly OptIn[]): Refused | undefined {
  if (data.length === 0 || allow.includes('instance-store-data')) return undefined
  return refused('InstanceStoreData', 'opt-in', {
    message: `what is on instance store would be lost: ${data.slice(0, 5).join(', ')}`,
    advice: 'allow: [instance-store-data] accepts that',
  })
}

/** Row 18. */
function unready(facts: OwnershipFacts): Refused | undefined {
  if (facts.unready === undefined) return undefined
  return refused('HibernationNotReady', 'not-ready', {
    message: `not ready to hibernate: ${facts.unready}`,
    advice: '"sudo idle-agent doctor" tells how to set it up',
  })
}
