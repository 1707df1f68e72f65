/** The services sensor: clients on the ports that an operator has declared to serve somebody. */
import type { Host } from '../host/host.ts'
import { booleanAt, type JsonObject, listAt, numberAt, optional, textAt } from '../parse.ts'
import type { ListOption } from '../types/options.ts'
import type { Instant, Reading } from '../types.ts'
import { isWithin, parseRange, type Range, rangePattern } from './addresses.ts'
import { readServed, type Served } from './connections.ts'
import { secondsOf } from './counts.ts'
import type { Sensor, Span } from './sensor.ts'
import { counted, duration, rate } from './words.ts'

export const servicesOption = {
  type: 'blocks',
  most: 16,
  about:
    'Services of this machine that somebody needs while a client is connected (TCP; UDP has no connections to look at). ' +
    'Bytes that pass are activity, from min_bytes_per_minute on; a client that is silent, or has gone since the last check, holds the machine',
  fields: {
    port: {
      type: 'number',
      required: true,
      whole: true,
      min: 1,
      max: 65_535,
      unit: '',
      about: 'The TCP port that clients connect to, on this machine; 2049 for NFS',
    },
    name: {
      type: 'text',
      pattern: '^[!-~]([ -~]{0,38}[!-~])?$',
      rule: '1 to 40 printable characters',
      about: 'What to call it in reasons',
    },
    hold_minutes: {
      type: 'number',
      default: 60,
      min: 0,
      max: 10_080,
      unit: 'minutes',
      about: 'Longest hold by a client that is only connected, from the last activity',
    },
    min_bytes_per_minute: {
      type: 'number',
      default: 500,
      min: 1,
      max: 1_000_000_000,
      unit: 'bytes a minute',
      about:
        'Less than this over one connection, both ways together, is as good as silent: keep-alives of its protocol',
    },
    ignore_clients: {
      type: 'texts',
      most: 32,
      pattern: rangePattern,
      rule: 'an IP address, or a range such as 10.0.0.0/8',
      about: 'Clients that do not count: health checkers, scrapers',
    },
    loopback: {
      type: 'boolean',
      default: false,
      about: 'Whether clients on this machine itself count, too',
    },
  },
} as const satisfies ListOption

interface Service {
  readonly port: number
  readonly label: string
  readonly holdMinutes: number
  readonly minBytes: number
  readonly ignored: readonly Range[]
  readonly loopback: boolean
}

/** An open connection; -1 where its bytes cannot be told. No client's address is kept. */
type Client = readonly [id: string, bytes: number, quietMs: number]

interface Clients {
  readonly open: readonly Client[]
  /** Connections that were over within the last minute. */
  readonly over: number
  /** Those of the open ones over which something had passed since the sample before. */
  readonly used?: readonly string[]
}

interface ServicesSample {
  readonly at?: Instant
  /** By port. */
  readonly clients: Readonly<Record<string, Clients>>
}

const none: Clients = { open: [], over: 0 }

/** Most connections that are kept for a port, those with the most bytes. */
const mostKept = 500

function rangeOf(value: unknown): Range {
  if (typeof value !== 'string') throw new Error('an address is no text')
  return parseRange(value)
}

function serviceOf(entry: JsonObject): Service {
  const { fields } = servicesOption
  const port = numberAt(entry, 'port')
  const { name } = optional(entry, 'name', textAt)
  const { hold_minutes: holdMinutes = fields.hold_minutes.default } = optional(entry, 'hold_minutes', numberAt)
  const { min_bytes_per_minute: minBytes = fields.min_bytes_per_minute.default } = optional(
    entry,
    'min_bytes_per_minute',
    numberAt,
  )
  const { loopback = fields.loopback.default } = optional(entry, 'loopback', booleanAt)
  const ignored = entry['ignore_clients'] === undefined ? [] : listAt(entry, 'ignore_clients', rangeOf)
  const label = name === undefined ? `port ${port}` : `port ${port} (${name})`
  return { port, label, holdMinutes, minBytes, ignored, loopback }
}

/** The clients of a service that count. */
function clientsOf({ port, ignored, loopback }: Service, served: readonly Served[]): Clients {
  const own = served.filter(
    (one) => one.port === port && (loopback || !one.local) && !ignored.some((range) => isWithin(one.client, range)),
  )
  const open = own
    .filter(({ state }) => state === 'open')
    .map(({ id, bytes = -1, quietMs = 0 }): Client => [id, bytes, quietMs])
    .sort((a, b) => (a[1] < 0 ? -1 : b[1] < 0 ? 1 : b[1] - a[1]))
  return { open: open.slice(0, mostKept), over: own.length - open.length }
}

/** What passed over each in the interval. One that is new, or was not kept, counts whole: in doubt it was used. */
function passed(now: readonly Client[], before: readonly Client[] = []): readonly Client[] {
  const earlier = new Map(before.map(([id, bytes]) => [id, bytes]))
  return now.map(([id, bytes, quietMs]) => [id, Math.max(0, bytes - Math.max(0, earlier.get(id) ?? 0)), quietMs])
}

/** Is it more than keep-alives? */
function isUse(bytes: number, ms: number, { minBytes }: Service): boolean {
  return bytes > 0 && ms > 0 && (bytes / secondsOf(ms)) * 60 >= minBytes
}

/** With who was used: what passes after this sample, and before a connection is closed, is not seen any more. */
function withUsed(service: Service, now: ServicesSample, before: ServicesSample | undefined): Clients {
  const { open, over } = now.clients[service.port] ?? none
  if (now.at === undefined || before?.at === undefined) return { open, over }
  const ms = now.at - before.at
  const all = passed(open, before.clients[service.port]?.open).filter(([, bytes]) => isUse(bytes, ms, service))
  return all.length === 0 ? { open, over } : { open, over, used: all.map(([id]) => id) }
}

const silent: Client = ['', 0, 0]

function judgeOne(
  service: Service,
  now: Clients,
  { before, span }: { before: Clients | undefined; span: Span },
): Reading {
  const { label, holdMinutes } = service
  const { open } = now
  // The kernel remembers those alone that this side has closed.
  const over = now.over + (before?.open ?? []).filter(([id]) => !open.some(([one]) => one === id)).length
  if (open.some(([, bytes]) => bytes < 0)) {
    const reason = `${counted(open.length, 'client')} on ${label}, and without ss nobody can tell whether anything passes`
    return { kind: 'unknown', reason }
  }
  const [, bytes, quietMs] = passed(open, before?.open).reduce((most, one) => (one[1] > most[1] ? one : most), silent)
  const closed = before?.used?.some((used) => open.every(([id]) => id !== used)) === true
  if (closed) return { kind: 'active', reason: `a client on ${label}, in use until it closed`, at: span.now.monoMs }
  if (isUse(bytes, span.ms, service)) {
    const at = Math.max(span.now.monoMs - quietMs, span.now.monoMs - span.ms + 1)
    return { kind: 'active', reason: `a client on ${label}: ${rate(bytes / secondsOf(span.ms))}`, at }
  }
  if (open.length + over === 0) return { kind: 'idle', reason: `no client on ${label}` }
  const what =
    open.length === 0 ? `a client was on ${label} a moment ago` : `${counted(open.length, 'silent client')} on ${label}`
  if (holdMinutes === 0) return { kind: 'idle', reason: `${what}, which does not count` }
  const most = `, for ${duration(holdMinutes * 60_000)} at most`
  return { kind: 'hold', reason: `${what}${most}`, evidence: 'client', limitMinutes: holdMinutes }
}

/** Pure: the strongest of what the services say, the latest of those that are used. */
function judge(
  services: readonly Service[],
  now: ServicesSample,
  { before, span }: { before: ServicesSample; span: Span },
) {
  const readings = services.map((service) =>
    judgeOne(service, now.clients[service.port] ?? none, { before: before.clients[service.port], span }),
  )
  const active = readings.filter((one) => one.kind === 'active').toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0))[0]
  const unknown = readings.find(({ kind }) => kind === 'unknown')
  const hold = readings.filter((one) => one.kind === 'hold').toSorted((a, b) => b.limitMinutes - a.limitMinutes)[0]
  const there = readings.map(({ reason }) => reason).filter((reason) => !reason.startsWith('no client'))
  const nobody = `no client on ${services.map(({ label }) => label).join(', ')}`
  return active ?? unknown ?? hold ?? { kind: 'idle', reason: there.length === 0 ? nobody : there.join(', ') }
}

/** The sensor for these entries of the configuration. */
export function listedServices(entries: readonly JsonObject[]): Sensor<ServicesSample> {
  const services = entries.map(serviceOf)
  const ports = [...new Set(services.map(({ port }) => port))]
  return {
    name: 'services',
    sampleVersion: 1,
    options: {},
    async read(host: Host, signal, before) {
      signal.throwIfAborted()
      const at = host.clocks().monoMs
      const served = await readServed(host, ports, signal)
      const of = (clients: (one: Service) => Clients): ServicesSample['clients'] =>
        Object.fromEntries(services.map((one) => [String(one.port), clients(one)]))
      const now = { at, clients: of((one) => clientsOf(one, served)) }
      return { at, clients: of((one) => withUsed(one, now, before)) }
    },
    judge: (now, before, { span }) => judge(services, now, { before, span }),
  }
}
