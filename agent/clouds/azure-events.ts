/** What Azure has announced for this VM. Asking switches the announcements on for a day, and slows restarts down: only for operators who want it. */
import { isObject, parseObject } from '../parse.ts'
import { type AzureImds, garbage } from './azure-imds.ts'
import type { Patience } from './imds.ts'

const PATH = '/metadata/scheduledevents?api-version=2020-07-01'

/** Events that end what runs, whenever they begin; the others only once they have. */
const ending = new Set(['Preempt', 'Redeploy', 'Terminate'])

/** The first announced event that takes this VM down, such as `Redeploy`; `undefined` where there is none. Throws CloudError. */
export async function pendingEvent(imds: AzureImds, name: string, patience: Patience): Promise<string | undefined> {
  const text = await imds.get(PATH, patience)
  try {
    const events = parseObject(text)['Events']
    if (!Array.isArray(events)) throw new Error('no list of events')
    return events.map((event: unknown) => typeOf(event, name)).find((type) => type !== undefined)
  } catch (error) {
    throw garbage(PATH, 'not a list of events', error)
  }
}

function typeOf(event: unknown, name: string): string | undefined {
  if (!isObject(event)) throw new Error('an event is no object')
  const { EventType: type, EventStatus: status, Resources: resources } = event
  // Those of the other members of a set are told, too.
  const own = Array.isArray(resources) && resources.some((one) => typeof one === 'string' && sameName(one, name))
  if (typeof type !== 'string' || !own) return undefined
  return ending.has(type) || (type === 'Reboot' && status === 'Started') ? type : undefined
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
