/** One look at the machine: who it is, what every sensor reads and judges, and what forbids acting. */
import { classify } from '../decide/clock.ts'
import { HostError, messageOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { type ChainMoment, type Limited, limitLeases } from '../leases/chain.ts'
import type { Stored, StoredSample } from '../state.ts'
import type { Clocks, Instant, Intent, Moment, NamedReading, RunIdentity, State, Veto } from '../types.ts'
import { iso } from '../words.ts'
import { intervalOf, judgeOne, plain, type Raw, toStore } from './judge.ts'
import type { ConfiguredSensor, Parts } from './parts.ts'
import { within } from './within.ts'

const SENSOR_MS = 4_000
const VETO_MS = 3_000
const IDENTIFY_MS = 3_000

/** Everything one look found. */
export interface Look {
  readonly moment: Moment
  readonly readings: readonly NamedReading[]
  readonly vetoes: readonly Veto[]
  /** The ceilings of leases: what is to be remembered of them, and whose have ended. */
  readonly leases: Omit<Limited, 'vetoes'>
  readonly samples: Readonly<Record<string, StoredSample>>
  readonly sampledAt: Clocks
  readonly region?: string
  /** As the state keeps it. */
  readonly blind: NonNullable<Stored['blind']>
  /** Milliseconds that the readings cover; 0 without an earlier sample. */
  readonly coveredMs: number
}

/** What a look is for. */
export interface Asked {
  readonly intent: Intent | undefined
  /** An action is due, or a person asks: vetoes that are too costly for every check are read, too. */
  readonly due: boolean
}

/** Looks at the machine; readings cover the time since `base`'s samples. Throws nothing that a sensor, veto or cloud throws. */
export async function look(parts: Parts, base: Stored | undefined, asked: Asked): Promise<Look> {
  // A Host object of its own: by it the sensors find what they read once for all of them in this look.
  const host = { ...parts.host }
  const sampledAt = host.clocks()
  // Side by side: each may have to wait for something that hangs.
  const [raw, { before, found, region, ...known }] = await Promise.all([
    readAll(parts.sensors, host, base?.samples),
    lookBesides(parts, host, { base, asked }),
  ])
  const moment: Moment = { ...known.moment, clocks: host.clocks() }
  const ms = before === undefined ? 0 : Math.max(1, sampledAt.monoMs - before.sampledAt.monoMs)
  const fixed = parts.settings.learnFloor === false
  const interval = { ...intervalOf(before, sampledAt, parts.policy.checkIntervalMs), fixed }
  const judged = await Promise.all(raw.map((one) => judgeOne(host, one, interval)))
  const readings = judged.map(({ reading }) => reading)
  const { vetoes, ...leases } = limitLeases([...known.vetoes, ...found], before?.leases ?? [], {
    now: moment.clocks,
    passedMs: ms,
    ceilingMs: parts.settings.keepCeilingMs,
    ...typists(readings, moment.clocks),
  })
  return {
    moment,
    readings,
    vetoes,
    leases,
    samples: Object.fromEntries(judged.flatMap((one) => toStore(one, interval))),
    sampledAt,
    ...(region === undefined ? {} : { region }),
    blind: blindIn(readings, before, sampledAt),
    coveredMs: ms,
  }
}

function blindIn(readings: readonly NamedReading[], before: Stored | undefined, now: Clocks): Look['blind'] {
  const last = iso((before?.sampledAt ?? now).wallMs)
  const blind = readings.filter(({ kind }) => kind === 'unknown')
  return Object.fromEntries(blind.map(({ sensor }) => [sensor, before?.blind?.[sensor] ?? last]))
}

/** What is not read by sensors: who the machine is, what of `base` belongs to this run of it, and what forbids acting. */
async function lookBesides(
  parts: Parts,
  host: Host,
  { base, asked }: { readonly base: Stored | undefined; readonly asked: Asked },
): Promise<Known & { readonly before: Stored | undefined; readonly found: readonly Veto[] }> {
  const known = await identify(parts, host, asked.intent)
  const newRun = base === undefined || classify(base.state, known.moment, parts.policy.checkIntervalMs).newRun
  const before = newRun ? undefined : base
  const which = asked.due ? 'all' : 'cheap'
  return { ...known, before, found: await readVetoes(parts, host, { now: known.moment.clocks, before, which }) }
}

/** Who typed, and when; somebody else may have where something could not be read. */
function typists(readings: readonly NamedReading[], now: Clocks): Pick<ChainMoment, 'typed' | 'inDoubt'> {
  const typed = new Map<number, Instant>()
  for (const reading of readings) {
    if (reading.kind !== 'active') continue
    for (const uid of reading.uids ?? []) typed.set(uid, reading.at ?? now.monoMs)
  }
  return { typed, inDoubt: readings.some(({ kind }) => kind === 'unknown') }
}

async function readAll(
  sensors: readonly ConfiguredSensor[],
  host: Host,
  samples: Stored['samples'] = {},
): Promise<readonly Raw[]> {
  return Promise.all(
    sensors.map(async (part): Promise<Raw> => {
      const { name, sampleVersion, readMs } = part.sensor
      const last = samples[name]
      const before = last?.version === sampleVersion ? last.sample : undefined
      try {
        const limit = { ms: readMs ?? SENSOR_MS, what: name }
        const value = await within(host, limit, (signal) => part.sensor.read(host, signal, before))
        return { part, sample: { value } }
      } catch (error) {
        return { part, problem: messageOf(error) }
      }
    }),
  )
}

interface Known {
  readonly moment: Moment
  readonly region?: string
  readonly vetoes: readonly Veto[]
}

/** Who the machine is, as far as it is told, and when that was. */
async function identify(parts: Parts, host: Host, intent: Intent | undefined): Promise<Known> {
  const { run, ...rest } = await askIdentity(parts, host)
  const cloudInitRunning = await cloudInitRuns(host)
  const given = intent === undefined ? {} : { intent }
  return { moment: { clocks: host.clocks(), identity: run, cloudInitRunning, ...given }, ...rest }
}

async function askIdentity(parts: Parts, host: Host): Promise<Omit<Known, 'moment'> & { readonly run: RunIdentity }> {
  const local = await localIdentity(parts, host)
  try {
    const found = await within(host, { ms: IDENTIFY_MS, what: 'metadata' }, (signal) => parts.cloud.identify(signal))
    const started = found.startedAt === undefined ? {} : { startedAt: found.startedAt }
    const run = { ...local, instanceId: found.id, ...started }
    const blind = parts.cloud.tellsStart && found.startedAt === undefined
    const vetoes = blind ? [{ name: 'metadata', reason: 'metadata does not tell when this machine was started' }] : []
    return { run, vetoes, ...(found.region === undefined ? {} : { region: found.region }) }
  } catch (error) {
    const reason = plain(`no cloud action: ${messageOf(error)}; see "sudo idle-agent doctor"`)
    return { run: local, vetoes: [{ name: 'metadata', reason }] }
  }
}

/** Who the machine is by local signs alone: boot id and the stamps of the resume hooks, ours and the one of EC2's own hibernation agent. */
export async function localIdentity(parts: Parts, host: Host): Promise<RunIdentity> {
  const bootId = (await host.readText('/proc/sys/kernel/random/boot_id'))?.trim() || host.self.bootId
  const stamps = [
    await stampOf(() => host.store.read(parts.paths.resumed)),
    await stampOf(() => host.readText('/run/hibernate/resumed_at')),
  ]
  const known = stamps.filter((stamp) => stamp !== undefined).map((stamp) => stamp.trim())
  return { bootId, ...(known.length === 0 ? {} : { resumeStamp: known.join('|') }) }
}

/** A stamp that cannot be read is one of its own: whether there was a resume before it is not known. */
async function stampOf(read: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof HostError) return 'unreadable'
    throw error
  }
}

/** cloud-init was started in this boot and has left neither a result nor a sign that it is switched off; or nobody can tell. */
async function cloudInitRuns(host: Host): Promise<boolean> {
  let names: readonly string[] | undefined
  try {
    names = await host.list('/run/cloud-init')
  } catch (error) {
    if (error instanceof HostError) return true
    throw error
  }
  return names !== undefined && names.length > 0 && !names.includes('result.json') && !names.includes('disabled')
}

/** What forbids acting and is too costly for every check; for one that found an action or a warning due. Throws nothing that a veto throws. */
export function costlyVetoes(parts: Parts, state: State, now: Clocks): Promise<readonly Veto[]> {
  return readVetoes(parts, { ...parts.host }, { now, before: { state }, which: 'costly' })
}

async function readVetoes(
  parts: Parts,
  host: Host,
  asked: {
    readonly now: Clocks
    readonly before: { readonly state: State } | undefined
    readonly which: 'all' | 'cheap' | 'costly'
  },
): Promise<readonly Veto[]> {
  const { settings, paths } = parts
  const { now, before, which } = asked
  const context = {
    now,
    leaseDir: paths.leases,
    keepCeilingMs: settings.keepCeilingMs,
    horizonMs: settings.horizonMs,
    intervalMs: parts.policy.checkIntervalMs,
    protected: settings.protected,
    ...(settings.ignoredUnits === undefined ? {} : { ignoredUnits: settings.ignoredUnits }),
    ...(before === undefined ? {} : { idleSince: before.state.idleSince }),
  }
  const found = await Promise.all(
    parts.vetoes.map(async (source): Promise<readonly Veto[]> => {
      if (which === (source.onlyWhenDue === true ? 'cheap' : 'costly')) return []
      try {
        return await within(host, { ms: VETO_MS, what: source.name }, (signal) => source.read(host, context, signal))
      } catch (error) {
        return [{ name: source.name, reason: plain(`${source.name} cannot be read: ${messageOf(error)}`) }]
      }
    }),
  )
  return found.flat().map((veto) => ({
    ...veto,
    reason: plain(veto.reason),
    ...(veto.detail === undefined ? {} : { detail: plain(veto.detail) }),
  }))
}
