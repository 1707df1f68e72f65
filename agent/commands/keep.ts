/** `keep`: a lease for a time, until a time, for a process, or for as long as a command runs. */
import { general } from '../config/options.ts'
import { loadConfig, locateConfig } from '../config.ts'
import { HostError, UsageError } from '../errors.ts'
import { type HeldLease, leaseInWords } from '../leases/lease.ts'
import { createLease, ownLeases, releaseLease } from '../leases.ts'
import { timeInWords } from '../words.ts'
import type { CommandContext } from './context.ts'
import { type KeepRequest, readKeepRequest } from './keep-request.ts'
import { inLeaseFolder, isChecked, prepareLeaseFolder, shownLeases } from './lease-folder.ts'

/** `keep.ceiling_hours`; its default where the caller may not read the configuration, or it is wrong: it is for a message only. */
async function readCeilingMs({ host, flags }: CommandContext): Promise<number> {
  try {
    return (await loadConfig(host, locateConfig(host, flags.config))).config.keepCeilingMs
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof HostError)) throw error
    return general['keep.ceiling_hours'].default * 3_600_000
  }
}

/** When the ceiling ends the lease, if that is before its own end and its owner types nothing more. */
function cutAt({ host }: CommandContext, lease: HeldLease, ceilingMs: number): number | undefined {
  const ceiling = lease.ctimeMs + ceilingMs
  if (host.self.uid === 0 || (lease.endsWallMs ?? Number.POSITIVE_INFINITY) <= ceiling) return undefined
  return ceiling
}

function releaseLine({ flags }: CommandContext, id: string): string {
  const where = flags.stateDir === undefined ? '' : ` --state-dir ${flags.stateDir}`
  return `idle-agent release ${id}${where}`
}

async function announce(context: CommandContext, lease: HeldLease): Promise<void> {
  const now = context.host.clocks()
  const ceilingMs = await readCeilingMs(context)
  const cut = cutAt(context, lease, ceilingMs)
  if (context.flags.json) {
    context.out(JSON.stringify({ schema: 'idle-agent.keep.v1', lease: { ...shown(lease), cutAt: isoTime(cut) } }))
    return
  }
  context.out(`lease ${lease.id}: this machine stays up ${leaseInWords(lease, now)}`)
  if (cut !== undefined) {
    const hours = Number((ceilingMs / 3_600_000).toFixed(2))
    context.out(
      `but at most until ${timeInWords(cut, now.wallMs)}: ${hours} h after your last input in a terminal (keep.ceiling_hours)`,
    )
  }
  if (!(await isChecked(context))) {
    const whose =
      context.flags.stateDir === undefined
        ? 'since boot, so nothing reads it yet: the schedule ("sudo idle-agent install") starts them'
        : 'with this --state-dir, so nothing reads it yet'
    context.out(`no check has run ${whose}`)
  }
  context.out(`to give it back: ${releaseLine(context, lease.id)}`)
}

/** Runs the command under a lease of this very process, which therefore ends with it even if nobody tidies up. */
async function keepCommand(
  context: CommandContext,
  request: KeepRequest & { readonly kind: 'command' },
): Promise<number> {
  const { host } = context
  const until = { kind: 'pid', pid: host.self.pid } as const
  return await inLeaseFolder(context, async (dir) => {
    const lease = await createLease(host, dir, { reason: request.reason, until })
    try {
      return await host.spawnInherited(request.argv)
    } finally {
      // Only if it is still ours: past the ceiling it was removed, and its place may be taken by another.
      const still = (await ownLeases(host, dir)).find(({ id }) => id === lease.id)?.until
      if (still?.kind === 'pid' && still.pid === host.self.pid) await releaseLease(host, dir, lease.id)
    }
  })
}

/** `keep --list`: the caller's own, whether a check has seen them yet or not; for root everybody's. */
async function list(context: CommandContext): Promise<number> {
  const { host, flags, out } = context
  const isRoot = host.self.uid === 0
  const leases = await shownLeases(context)
  if (flags.json) {
    const all = leases.map((lease) => ({ ...shown(lease), owner: lease.owner }))
    out(JSON.stringify({ schema: 'idle-agent.leases.v1', leases: all }))
  } else if (leases.length === 0) out(isRoot ? 'nobody holds a lease' : 'you hold no lease')
  else {
    for (const lease of leases)
      out(`${lease.id}${isRoot ? ` of ${lease.owner}` : ''}  ${leaseInWords(lease, host.clocks())}`)
  }
  return 0
}

const isoTime = (wallMs: number | undefined) => (wallMs === undefined ? null : new Date(wallMs).toISOString())

/** A lease in JSON. */
function shown({ id, reason, until, endsWallMs }: HeldLease): Record<string, unknown> {
  return { id, reason, pid: until.kind === 'pid' ? until.pid : null, until: isoTime(endsWallMs) }
}

/** `idle-agent keep`. Prints the lease, its end and how to give it back; with a command it prints nothing, since stdout is the command's, and resolves to its exit code. Throws UsageError, HostError. */
export async function keep(context: CommandContext): Promise<number> {
  if (context.args.length === 1 && context.args[0] === '--list') return await list(context)
  const request = readKeepRequest(context.args, context.host.clocks())
  await prepareLeaseFolder(context)
  if (request.kind === 'command') return await keepCommand(context, request)
  const lease = await inLeaseFolder(context, async (dir) => await createLease(context.host, dir, request.request))
  await announce(context, lease)
  return 0
}
