/** Is anybody's process there? Asked only before something is learned of this machine, at most every ten minutes. */
import type { Host } from '../host/host.ts'
import { bearers, waiters } from './bearers.ts'
import { agentNames, housekeepingUnit, isSystemUser } from './known-agents.ts'
import { groupPath, placeOf } from './place.ts'
import { breathe, ownProcess, type Process, type ProcessTable, processTable, uidOf, whileItLives } from './processes.ts'

/** On a crowded machine nobody asks, since somebody is there: each process costs 0.2 ms. */
const mostProcesses = 1000

/** What daemons run as that have no account of their own. */
const nobody = 65_534

/** Who is there. */
interface Presence {
  /** One process that is somebody's, and why; `undefined` if there is none. */
  readonly somebody?: string
  /** Units of which all processes are the system's own, and counted as nobody else's: paths as in the cpu sample, with the CPU time of these processes so far in milliseconds. */
  readonly units: readonly (readonly [path: string, ms: number])[]
  /** Units of which that is not true. */
  readonly mixed: readonly string[]
}

const service = /^\/system\.slice\/(?:system-[^/]+\.slice\/)?([^/]+)\.service(\/.+)?$/

/** What one process says of its unit: `nobody's`, of a unit whose noise is not learned, or somebody's. */
type Kind = 'system' | 'left out' | 'somebody'

function kindOf({ comm }: Process, path: string, uid: number): Kind {
  if (path === '/init.scope') return isSystemUser(uid) ? 'left out' : 'somebody'
  // The manager of a user's units is there as long as anything of the user's was, and for a moment after.
  if (/\/user@\d+\.service\/init\.scope$/.test(path))
    return /^(systemd|\(sd-pam\))$/.test(comm) ? 'left out' : 'somebody'
  const [, name, below] = service.exec(path) ?? []
  if (name === undefined || placeOf(path)?.startsWith('container') === true) return 'somebody'
  if (bearers.test(name)) return waiters.has(comm) && isSystemUser(uid) ? 'left out' : 'somebody'
  if (!isSystemUser(uid) && uid !== nobody) return 'somebody'
  if (below !== undefined || agentNames.has(comm) || housekeepingUnit.test(`${name}.service`)) return 'left out'
  return 'system'
}

/** This agent, and what started it. */
function ourselves(table: ProcessTable, own: number | undefined): ReadonlySet<number> {
  const pids = new Set<number>()
  for (
    let one = own === undefined ? undefined : table.get(own);
    one !== undefined && one.pid > 1 && !pids.has(one.pid);
  ) {
    pids.add(one.pid)
    one = table.get(one.ppid)
  }
  return pids
}

/** Looks at every process. Throws what the host throws, and where no control group tells whose a process is. */
export async function presence(host: Host, signal: AbortSignal): Promise<Presence> {
  const table = await processTable(host, signal)
  if (table.size > mostProcesses) return { somebody: `${table.size} processes`, units: [], mixed: [] }
  const own = ourselves(table, (await ownProcess(host))?.pid)
  const units = new Map<string, number>()
  for (const [step, process] of [...table.values()].entries()) {
    const { pid, ppid, comm, state } = process
    if (pid === 2 || ppid === 2 || own.has(pid) || state === 'Z') continue
    await breathe(host, step, signal)
    const text = await whileItLives(host, pid, () => host.readText(`/proc/${pid}/cgroup`))
    const uid = await uidOf(host, pid)
    if (text === undefined || uid === undefined) continue
    const path = groupPath(text)
    if (path === undefined) throw new Error(`no control group tells whose process ${pid} is`)
    const kind = kindOf(process, path, uid)
    if (kind === 'somebody')
      return { somebody: `uid ${uid}, ${placeOf(path) ?? 'no unit'}, ${comm} (pid ${pid})`, units: [], mixed: [] }
    const ticks = process.utime + process.stime + process.cutime + process.cstime
    units.set(path.slice(1), kind === 'system' ? (units.get(path.slice(1)) ?? 0) + ticks * 10 : Number.NaN)
  }
  const mixed = [...units].filter(([, ms]) => Number.isNaN(ms)).map(([path]) => path)
  return { units: [...units].filter(([, ms]) => !Number.isNaN(ms)), mixed }
}
