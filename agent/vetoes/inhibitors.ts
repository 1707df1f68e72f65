/** Veto: somebody holds a systemd inhibitor that blocks shutting down, sleeping or idling. */
import type { Host } from '../host/host.ts'
import type { Veto } from '../types.ts'
import { ceiling, changedAt, fewest, inDoubt, untilWords } from './ends.ts'
import type { VetoContext, VetoSource } from './veto.ts'

/** Where logind keeps one file for each inhibitor, root's and readable for all; D-Bus would tell the same for a process more. */
const folder = '/run/systemd/inhibit'

/** A file is larger only where somebody gave a very long reason. */
const maxBytes = 65_536

/** Files looked at in one check (0.1 ms each); logind allows 8192 (InhibitorsMax, logind.conf(5)). */
const mostExamined = 500

/** What an idle agent does is none of the others: `handle-power-key` and its like are about buttons. */
const against: ReadonlySet<string> = new Set(['shutdown', 'sleep', 'idle'])

/** One inhibitor, as far as it matters. */
export interface Inhibitor {
  /** Those of shutdown, sleep and idle that it forbids. */
  readonly what: readonly string[]
  /** `false` for one that only delays. */
  readonly blocks: boolean
  readonly uid: number | undefined
  /** Who asked; newer versions leave it out where it has ended. */
  readonly pid: number | undefined
  /** Texts of its owner. */
  readonly who: string
  readonly why: string
}

/** Parses a file of logind (logind-inhibit.c: KEY=VALUE lines; since 254 values may be quoted). Throws where one of WHAT and MODE is missing. */
export function parseInhibitor(text: string): Inhibitor {
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.replace(/^"(.*)"$/, '$1')
  const [what, mode] = [value('WHAT'), value('MODE')]
  if (what === undefined || mode === undefined || mode === '') throw new Error('an inhibitor is not understood')
  return {
    what: what.split(':').filter((word) => against.has(word)),
    // `block`, since 257 also `block-weak`; in doubt it blocks.
    blocks: mode !== 'delay',
    uid: number(value('UID')),
    pid: number(value('PID')),
    who: value('WHO') ?? '',
    why: value('WHY') ?? '',
  }
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

async function examine(host: Host, name: string, context: VetoContext): Promise<readonly Veto[]> {
  const path = `${folder}/${name}`
  const stat = await host.stat(path)
  if (stat === undefined) return []
  const madeAt = changedAt(stat.mtimeMs, context.now)
  const doubt = { name: 'inhibitor', reason: `the systemd inhibitor ${name} cannot be understood`, madeAt }
  const text = stat.kind === 'file' && stat.size <= maxBytes ? await host.readText(path) : ''
  if (text === undefined) return []
  let inhibitor: Inhibitor
  try {
    inhibitor = parseInhibitor(text)
  } catch {
    return inDoubt(context, doubt) // any user can make one as large and as strange as logind lets them
  }
  if (!inhibitor.blocks || inhibitor.what.length === 0) return []
  const owner = await ownerOf(host, inhibitor.pid)
  return owner === undefined ? [] : toVeto(inhibitor, owner, { context, madeAt })
}

/** The name of the process, or `undefined` once it has ended: then logind would have removed the inhibitor. */
async function ownerOf(host: Host, pid: number | undefined): Promise<string | undefined> {
  if (pid === undefined) return 'an unknown process'
  if ((await host.stat(`/proc/${pid}`)) === undefined) return undefined
  const comm = (await host.readText(`/proc/${pid}/comm`))?.trim() ?? 'unknown'
  return `${comm.slice(0, 15)} (pid ${pid})`
}

function toVeto(
  { what, uid, who, why }: Inhibitor,
  owner: string,
  { context, madeAt }: { readonly context: VetoContext; readonly madeAt: number },
): readonly Veto[] {
  const reason = `systemd inhibitor of ${owner} against ${what.join(', ')}`
  const detail = `${who.slice(0, 60)}: ${why.slice(0, 100)}`
  if (uid === 0) return [{ name: 'inhibitor', reason: `${reason}, until root gives it back`, detail }]
  const until = ceiling(context, madeAt)
  if (until <= context.now.monoMs) return []
  const end = `${untilWords(until, context.now)} at the latest`
  return [{ name: 'inhibitor', reason: `${reason}, ${end}`, detail, until }]
}

/** Root's stand as long as their process lives; a user's at most `keep.ceiling_hours`, as a lease does. */
export const inhibitorsVeto: VetoSource = {
  name: 'inhibitor',
  async read(host, context, signal) {
    const names = ((await host.list(folder)) ?? []).filter((name) => /^\d+$/.test(name))
    const vetoes: Veto[] = []
    for (const name of names.slice(0, mostExamined)) {
      signal.throwIfAborted()
      vetoes.push(...(await examine(host, name, context)))
    }
    const rest = names.length - mostExamined
    const reason = `${rest} more systemd inhibitors than are looked at`
    if (rest > 0) vetoes.push(...inDoubt(context, { name: 'inhibitor', reason, madeAt: context.now.monoMs }))
    return fewest(vetoes)
  },
}
