// Scheduled events of one VM: the first call puts the feature on, and it goes off again after a day without one.

import { isRecord } from '../faults.ts'
import type { CloudAnswer, CloudRequest } from '../http-server.ts'
import type { Vm } from './vm.ts'

export const eventsPath = '/metadata/scheduledevents'

const versions: readonly string[] = ['2017-08-01', '2017-11-01', '2019-01-01', '2019-04-01', '2019-08-01', '2020-07-01']

const dayMs = 24 * 3_600_000

/** Answers GET with the list, and POST, which lets named events begin before their time. */
export function answerEvents(vm: Vm, query: URLSearchParams, request: CloudRequest): CloudAnswer {
  if (!versions.includes(query.get('api-version') ?? '')) {
    return json(400, { error: 'Bad request. api-version is invalid or was not specified in the request.' })
  }
  vm.eventsUntil = request.now + dayMs
  const events = eventsOf(vm)
  if (request.method === 'GET') return json(200, { DocumentIncarnation: vm.eventsIncarnation, Events: events })
  const wanted = approved(request.body)
  if (!wanted) return json(400, { error: 'Bad request. The body names no StartRequests.' })
  const known = wanted.every((id) => events.some((event) => event['EventId'] === id))
  if (!known) return json(400, { error: 'Bad request. There is no such event.' })
  const begun = events.map((event) =>
    wanted.includes(event['EventId']) ? { ...event, EventStatus: 'Started' } : event,
  )
  vm.scheduledEvents = JSON.stringify(begun)
  vm.eventsIncarnation += 1
  return { status: 200, body: '' }
}

function eventsOf(vm: Vm): readonly Readonly<Record<string, unknown>>[] {
  const events: unknown = JSON.parse(vm.scheduledEvents)
  return Array.isArray(events) ? events.filter(isRecord) : []
}

function approved(body: Buffer): readonly unknown[] | undefined {
  try {
    const asked: unknown = JSON.parse(body.toString())
    const list = isRecord(asked) ? asked['StartRequests'] : undefined
    return Array.isArray(list) ? list.filter(isRecord).map((entry) => entry['EventId']) : undefined
  } catch {
    return undefined // not JSON; the caller answers 400
  }
}

function json(status: number, body: unknown): CloudAnswer {
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) }
}
