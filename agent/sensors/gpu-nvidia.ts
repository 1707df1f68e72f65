/** NVIDIA's GPUs by nvidia-smi: how busy at this look, who is on them, and what was accounted since. */
import { messageOf } from '../errors.ts'
import { type Asking, ask } from './gpu-ask.ts'
import type { GpuDevice } from './gpu-devices.ts'
import type { Accounts, Gpu } from './gpu-sample.ts'
import {
  busAddress,
  complaint,
  enabled,
  figure,
  parseAccounts,
  parseAverages,
  parseTable,
  percentage,
  type Row,
  type Table,
  unknownField,
} from './gpu-text.ts'

const needed = ['uuid', 'pci.bus_id', 'utilization.gpu', 'memory.used']

/** Not known to every driver. Leaves out utilization.memory, which idle desktops show at 9 to 23 %. */
const wanted = [
  'index',
  'utilization.encoder',
  'utilization.decoder',
  'encoder.stats.sessionCount',
  'mig.mode.current',
  'accounting.mode',
  'accounting.buffer_size',
  'persistence_mode',
]

/** A context takes more; a GPU that nobody uses shows 0 to 5 MiB. */
const UNUSED_MIB = 16

/** 4000 accounted programs on each of 16 GPUs, 80 bytes each. */
const MAX_BYTES = 6_000_000

/** nvidia-smi ends so after a warning of damaged inventory data; all that was asked is printed (NVML_ERROR_CORRUPTED_INFOROM). */
const WARNED = 14

type Draft = Omit<Gpu, 'peaks'>

/** A GPU as the first table shows it. */
interface Listed {
  readonly uuid: string
  readonly draft: Draft
  /** How many programs the driver can account. */
  readonly size: number
}

interface Answer extends Table {
  readonly complete: boolean
}

/** Runs nvidia-smi. Throws if it is not there, hangs, or prints no table of `fields`; leaves out those that an older driver does not know. */
async function query(asking: Asking, what: string, fields: readonly string[]): Promise<Answer> {
  const argv = ['nvidia-smi', `--query-${what}=${fields.join(',')}`, '--format=csv,nounits']
  const result = await ask(asking, argv, MAX_BYTES)
  if (result === undefined) throw new Error('nvidia-smi is not in /usr/bin, although its driver is loaded')
  const { status, stdout, stderr } = result
  const strange = unknownField(`${stdout}\n${stderr}`)
  if (status !== 0 && strange !== undefined && wanted.includes(strange) && fields.includes(strange)) {
    const known = fields.filter((field) => field !== strange)
    return query(asking, what, known)
  }
  return { ...parseTable(`${stderr}\n${stdout}`, fields), complete: status === 0 || status === WARNED }
}

/** As `query`, for a list whose length nobody knows. Throws as well if nvidia-smi failed in the middle. */
async function list(asking: Asking, what: string, fields: readonly string[]): Promise<readonly Row[]> {
  const { rows, rest, complete } = await query(asking, what, fields)
  if (!complete) throw new Error(`nvidia-smi ${complaint(rest) ?? 'failed'}`)
  return rows
}

function listed(row: Row): Listed | undefined {
  const id = busAddress(row.get('pci.bus_id'))
  const uuid = row.get('uuid')
  if (id === undefined || uuid === undefined) return undefined
  const index = row.get('index') ?? ''
  const name = `GPU ${/^\d{1,3}$/.test(index) ? index : id}`
  try {
    return { uuid, draft: { id, name, ...figures(row) }, size: figure(row, 'accounting.buffer_size') ?? 0 }
  } catch (error) {
    return { uuid, draft: { id, name, problem: messageOf(error) }, size: 0 }
  }
}

function figures(row: Row): Omit<Draft, 'id' | 'name'> {
  const engines = ['utilization.gpu', 'utilization.encoder', 'utilization.decoder'].map((name) => percentage(row, name))
  const told = engines.filter((percent) => percent !== undefined)
  const mig = enabled(row, 'mig.mode.current') === true
  const memoryMib = figure(row, 'memory.used')
  const encoders = figure(row, 'encoder.stats.sessionCount')
  const accounting = enabled(row, 'accounting.mode')
  const persistent = enabled(row, 'persistence_mode')
  return {
    ...(engines[0] === undefined && !mig ? { problem: 'it does not tell how busy it is' } : {}),
    ...(told.length === 0 ? {} : { busy: Math.max(...told) }),
    ...(mig ? { mig } : {}),
    ...(memoryMib === undefined ? {} : { memoryMib }),
    ...(encoders === undefined ? {} : { encoders }),
    ...(accounting === undefined || mig ? {} : { accounting: accounting ? 'on' : 'off' }),
    ...(persistent === undefined ? {} : { persistent }),
  }
}

/** Nobody can be on it: not worth another question. */
function isUnused({ draft }: Listed): boolean {
  const { busy, mig, memoryMib, encoders } = draft
  return busy === 0 && mig !== true && (encoders ?? 0) === 0 && memoryMib !== undefined && memoryMib <= UNUSED_MIB
}

/** How many programs are on each GPU, and which if it is one. A program of an instance, or of a GPU that is not listed, counts for all. */
async function programsOf(
  asking: Asking,
  gpus: readonly Listed[],
): Promise<(gpu: Listed) => Pick<Draft, 'programs' | 'pid'>> {
  if (gpus.every(isUnused)) return () => ({ programs: 0 })
  const rows = await list(asking, 'compute-apps', ['gpu_uuid', 'pid'])
  const known = new Set(gpus.map(({ uuid }) => uuid))
  return ({ uuid }) => {
    const own = rows.filter((row) => row.get('gpu_uuid') === uuid || !known.has(row.get('gpu_uuid') ?? ''))
    const pids = own.map((row) => figure(row, 'pid'))
    if (pids.includes(undefined)) return {}
    const [pid, ...more] = pids
    return { programs: pids.length, ...(pid === undefined || more.length > 0 ? {} : { pid }) }
  }
}

async function accountsOf(
  asking: Asking,
  gpus: readonly Listed[],
): Promise<(gpu: Listed) => { readonly accounts?: Accounts }> {
  if (!gpus.some(({ draft }) => draft.accounting === 'on')) return () => ({})
  const fields = ['gpu_uuid', 'pid', 'gpu_utilization', 'max_memory_usage', 'time']
  const rows = Map.groupBy(await list(asking, 'accounted-apps', fields), (row) => row.get('gpu_uuid'))
  return ({ uuid, draft, size }) => {
    const accounts = draft.accounting === 'on' ? parseAccounts(rows.get(uuid) ?? [], size) : undefined
    return accounts === undefined ? {} : { accounts }
  }
}

/** The driver's averages over some 16 s: a sixteenth of the chance to miss work that comes in bursts. Evidence of work only, so it may be missing. */
async function averagesOf(asking: Asking): Promise<ReadonlyMap<string, number>> {
  const result = await ask(asking, ['nvidia-smi', '-q', '-d', 'UTILIZATION'])
  return result?.status === 0 ? parseAverages(result.stdout) : new Map()
}

/** A GPU that is not kept ready is woken by our own question, and says 100 % of that moment; nobody being on it, nothing runs. */
function withoutOurOwn(draft: Draft): Draft {
  const { busy, ...rest } = draft
  const woken = rest.persistent === false && rest.programs === 0 && (rest.encoders ?? 0) === 0
  return busy === undefined || !woken || (rest.memoryMib ?? UNUSED_MIB + 1) > UNUSED_MIB ? draft : { ...rest, busy: 0 }
}

/** What goes beyond the first table. Throws as soon as one question is not answered. */
async function completed(asking: Asking, gpus: readonly Listed[]): Promise<readonly Draft[]> {
  const programs = await programsOf(asking, gpus)
  const accounts = await accountsOf(asking, gpus)
  const counted = gpus.map((gpu) => {
    return { ...gpu.draft, ...programs(gpu), ...accounts(gpu) }
  })
  const averages = counted.some((one) => one.programs !== 0 && one.mig !== true) ? await averagesOf(asking) : undefined
  return counted.map((draft) => {
    const busy = Math.max(draft.busy ?? -1, averages?.get(draft.id) ?? -1)
    return withoutOurOwn(busy < 0 || draft.mig === true ? draft : { ...draft, busy })
  })
}

/** Reads all GPUs of NVIDIA that have its driver. A GPU that could not be read has a problem instead; throws nothing. */
export async function readNvidia(asking: Asking, devices: readonly GpuDevice[]): Promise<readonly Draft[]> {
  let found: readonly Listed[] = []
  let missing = 'nvidia-smi does not list it: it may have fallen off the bus'
  try {
    const { rows, rest } = await query(asking, 'gpu', [...needed, ...wanted])
    found = rows.flatMap((row) => listed(row) ?? [])
    const said = complaint(rest)
    if (said !== undefined) missing = `nvidia-smi ${said}`
    const drafts = await completed(asking, found)
    return [...drafts, ...lost(devices, drafts, missing)]
  } catch (error) {
    const problem = messageOf(error)
    const drafts = found.map(({ draft }) => ({ ...draft, problem: draft.problem ?? problem }))
    return [...drafts, ...lost(devices, drafts, found.length === 0 ? problem : missing)]
  }
}

/** GPUs that the bus has and nvidia-smi does not show. */
function lost(devices: readonly GpuDevice[], drafts: readonly Draft[], problem: string): readonly Draft[] {
  const known = new Set(drafts.map(({ id }) => id))
  const gone = devices.filter(({ id }) => !known.has(id) && (id.includes(':') || drafts.length === 0))
  return gone.map(({ id }) => ({ id, name: `GPU ${id}`, problem }))
}
