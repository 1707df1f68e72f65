/** The network sensor: bytes per second in and out on the interfaces that lead out of this machine. */
import type { Host } from '../host/host.ts'
import type { Options } from '../types/options.ts'
import type { Reading } from '../types.ts'
import { grown, linesOf, parseCount, secondsOf } from './counts.ts'
import type { Flows } from './flows.ts'
import { fetcher, unitRuns } from './housekeeping.ts'
import type { Context, Sensor } from './sensor.ts'
import { rate, shown } from './words.ts'

export const networkOptions = {
  in_bytes_per_second: {
    type: 'number',
    default: 10_000,
    min: 0,
    max: 1_000_000_000,
    unit: 'bytes per second',
    about: 'receiving more than this is activity',
  },
  out_bytes_per_second: {
    type: 'number',
    default: 5000,
    min: 0,
    max: 1_000_000_000,
    unit: 'bytes per second',
    about: 'sending more than this is activity',
  },
} as const satisfies Options

/** One interface; `index` tells it from another one of the same name later. */
export interface Interface {
  readonly name: string
  readonly index: number
  readonly received: number
  readonly sent: number
}

type Counters = Pick<Interface, 'name' | 'received' | 'sent'>

export interface NetworkSample {
  readonly interfaces: readonly Interface[]
  /** A unit of the distribution that fetched something between the sample before and this one, as far as it was asked for. */
  readonly fetcher?: string
  /** Whose connections carried the bytes, where there were so many that it was asked. */
  readonly found?: Flows
}

interface Facts extends Interface {
  /** Has a device of its own: not a bridge, veth, tunnel or bond, which repeat the bytes of others. */
  readonly device: boolean
  readonly bridge: boolean
  readonly down: boolean
  /** Interface that this one is a part of. */
  readonly master: string | undefined
}

/** Parses /proc/net/dev (kernel net/core/net-procfs.c: two heading lines, 16 columns, bytes in 1st and 9th). Throws if a line is not understood. */
export function parseInterfaces(text: string): readonly Counters[] {
  const [, second, ...lines] = text.startsWith('Inter-|') ? linesOf(text, '/proc/net/dev') : []
  if (second === undefined) throw new Error('/proc/net/dev does not begin with its heading')
  const found: Counters[] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    const columns = line
      .slice(colon + 1)
      .trim()
      .split(/ +/)
    const name = line.slice(0, Math.max(0, colon)).trim()
    if (name === '' || columns.length < 16) throw new Error('/proc/net/dev has a line that is cut off')
    const received = parseCount(columns[0], `bytes received by ${shown(name)}`)
    found.push({ name, received, sent: parseCount(columns[8], `bytes sent by ${shown(name)}`) })
  }
  return found
}

/** What /proc/net/dev shows. Throws if it is absent, or not understood. */
async function readCounters(host: Host): Promise<readonly Counters[]> {
  const text = await host.readText('/proc/net/dev')
  if (text === undefined) throw new Error('/proc/net/dev is absent')
  return parseInterfaces(text)
}

/** One listing tells most: a look for each file that is not there would cost more. */
async function factsOf(host: Host, one: Counters, listed: readonly string[] | undefined): Promise<Facts> {
  const folder = `/sys/class/net/${one.name}`
  const files = listed ?? []
  // Where /sys shows nothing of it, or is that of another network, it may be as real as any.
  const device = listed === undefined || files.includes('device')
  // Where /sys is not there, the name alone is the identity.
  const index = files.includes('ifindex') ? await host.readText(`${folder}/ifindex`) : '0'
  const master = files.includes('master') ? await host.readLink(`${folder}/master`) : undefined
  const state = device || !files.includes('operstate') ? undefined : await host.readText(`${folder}/operstate`)
  return {
    ...one,
    index: parseCount(index?.trim(), `index of ${shown(one.name)}`),
    device,
    bridge: files.includes('bridge'),
    down: state?.trim() === 'down',
    master: master?.split('/').at(-1),
  }
}

/**
 * Facts of an interface; `undefined` if it is gone. A container's comes and goes: then its folder is not there, a file of it
 * is missing, or reading one fails (EINVAL, ENODEV), and only then /proc/net/dev is asked again.
 */
async function ifItStays(host: Host, one: Counters): Promise<Facts | undefined> {
  const stays = async () => (await readCounters(host)).some(({ name }) => name === one.name)
  try {
    const listed = await host.list(`/sys/class/net/${one.name}`)
    if (listed?.includes('ifindex') !== true && !(await stays())) return undefined
    return await factsOf(host, one, listed)
  } catch (error) {
    if (await stays()) throw error
    return undefined
  }
}

/**
 * The interfaces whose bytes count, each byte once. Real devices where there are any, without one that is a part of
 * another real device (Azure's accelerated networking shows both). In a container there are none: all that are up, less
 * the parts of others and bridges; bridges if nothing else is left.
 */
function outward(all: readonly Facts[]): readonly Facts[] {
  const devices = all.filter(({ device }) => device)
  const names = new Set(devices.map(({ name }) => name))
  if (devices.length > 0) return devices.filter(({ master }) => master === undefined || !names.has(master))
  const up = all.filter(({ down, master }) => !down && master === undefined)
  const ends = up.filter(({ bridge }) => !bridge)
  return ends.length > 0 ? ends : up
}

async function read(host: Host, signal: AbortSignal): Promise<NetworkSample> {
  const all: Facts[] = []
  for (const one of await readCounters(host)) {
    signal.throwIfAborted()
    const facts = one.name === 'lo' ? undefined : await ifItStays(host, one)
    if (facts !== undefined) all.push(facts)
  }
  return { interfaces: outward(all).map(({ name, index, received, sent }) => ({ name, index, received, sent })) }
}

interface Flow {
  readonly verb: 'received' | 'sent'
  readonly limit: number
  readonly total: number
  /** Interface with the largest part. */
  readonly name: string
}

function flow(
  verb: Flow['verb'],
  limit: number,
  parts: readonly { readonly name: string; readonly rate: number }[],
): Flow {
  const most = parts.reduce((a, b) => (b.rate > a.rate ? b : a), { name: '', rate: -1 })
  return { verb, limit, total: parts.reduce((sum, part) => sum + part.rate, 0), name: most.name }
}

/** Growth in bytes per second by interface. One that is new since the earlier sample counts whole, one that vanished not at all. */
function growth(now: NetworkSample, before: NetworkSample, { verb, seconds }: { verb: Flow['verb']; seconds: number }) {
  return now.interfaces.map((one) => {
    const old = before.interfaces.find(({ name, index }) => name === one.name && index === one.index)
    return { name: one.name, rate: grown(one[verb], old?.[verb] ?? 0, `bytes ${verb} by ${shown(one.name)}`) / seconds }
  })
}

/** Bytes sent for each one received, to acknowledge it: a frame of 66 (IPv6: 86) for every two full ones of 1514 at most (RFC 1122 4.2.3.2). */
const acknowledged = 0.03

/** A day: longer than any update, and still an end. */
const fetchHoldMinutes = 1440

function judge(now: NetworkSample, before: NetworkSample, { span, limits }: Context<typeof networkOptions>): Reading {
  if (now.interfaces.length === 0) {
    if (before.interfaces.length > 0) return { kind: 'unknown', reason: 'no network interface is left' }
    return { kind: 'absent', reason: 'no network interface but the loopback' }
  }
  const seconds = secondsOf(span.ms)
  const received = flow('received', limits.in_bytes_per_second, growth(now, before, { verb: 'received', seconds }))
  const sent = flow('sent', limits.out_bytes_per_second, growth(now, before, { verb: 'sent', seconds }))
  const over = [received, sent].find(({ total, limit }) => !(total <= limit))
  const { verb, total, limit, name } = over ?? received
  const measure = { value: Math.round(total), unit: 'bytes per second', limit }
  if (over === undefined) {
    const reason = `${rate(received.total)} in, ${rate(sent.total)} out; limits ${rate(received.limit)} and ${rate(sent.limit)}`
    return { kind: 'idle', reason, ...measure }
  }
  const reason = `${shown(name)} ${verb} ${rate(total)}, limit ${rate(limit)}`
  // Whose bytes they were cannot be told: the clock runs on, but nothing is done while it lasts.
  if (now.fetcher !== undefined && sent.total - acknowledged * received.total <= sent.limit) {
    const weak = { evidence: 'housekeeping', limitMinutes: fetchHoldMinutes } as const
    return { kind: 'hold', reason: `${reason}, while ${now.fetcher} ran`, ...weak, ...measure }
  }
  const { owner, problem } = now.found ?? {}
  if (owner !== undefined) return { kind: 'active', reason, ...measure, by: owner }
  return {
    kind: 'active',
    reason: problem === undefined ? reason : `${reason}; whose is not told: ${problem}`,
    ...measure,
  }
}

/** Asks whose connections they were, and systemd whether the distribution itself was fetching something. */
async function excuse(
  host: Host,
  {
    now,
    before,
    span,
  }: Context<typeof networkOptions> & { readonly now: NetworkSample; readonly before: NetworkSample },
  signal: AbortSignal,
): Promise<NetworkSample> {
  const { readFlows } = await import('./flows.ts')
  const bytes = (['received', 'sent'] as const).map((verb) => growth(now, before, { verb, seconds: 1 }))
  const sum = bytes.flat().reduce((total, one) => total + one.rate, 0)
  const found = await readFlows(host, { bytes: sum, ms: span.ms, before: before.found?.flows ?? [] }, signal)
  const name = fetcher(await unitRuns(host, signal), span.now.monoMs - span.ms, span.now.monoMs)
  return { ...now, found, ...(name === undefined ? {} : { fetcher: name }) }
}

/** Traffic over the whole interval. Loopback does not count, and no byte counts twice. */
export const network: Sensor<NetworkSample, typeof networkOptions> = {
  name: 'network',
  sampleVersion: 1,
  options: networkOptions,
  learns: true,
  read,
  judge,
  excuse,
}
