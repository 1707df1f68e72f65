/** `release`: gives a lease back. */
import { UsageError } from '../errors.ts'
import { leaseInWords } from '../leases/lease.ts'
import { ownLeases, releaseLease } from '../leases.ts'
import type { CommandContext } from './context.ts'
import { leaseFolder } from './lease-folder.ts'

/** Without an id: the only one there is. Throws UsageError where there is a choice. */
async function releaseOnly({ host }: CommandContext, dir: string): Promise<readonly string[]> {
  const own = await ownLeases(host, dir)
  const [only] = own
  if (only === undefined) return []
  if (own.length === 1) return await releaseLease(host, dir, only.id)
  const now = host.clocks()
  throw new UsageError([
    `you hold ${own.length} leases; say which one, or release --all:`,
    ...own.map((lease) => `  ${lease.id}  ${leaseInWords(lease, now)}`),
  ])
}

/** `idle-agent release [ID | --all]`. Throws UsageError, HostError. */
export async function release(context: CommandContext): Promise<number> {
  const { host, args, out, flags } = context
  const all = args.includes('--all')
  const ids = args.filter((word) => word !== '--all')
  const unknown = ids.filter((word) => word.startsWith('-'))
  const problems = unknown.map((word) => `there is no option ${word}: release, release ID or release --all`)
  if (ids.length - unknown.length > 1) problems.push('give one lease, or --all')
  if (all && ids.length - unknown.length > 0) problems.push('give a lease or --all, not both')
  if (problems.length > 0) throw new UsageError(problems)
  const dir = leaseFolder(context)
  const [id] = ids
  const released = all || id !== undefined ? await releaseLease(host, dir, id) : await releaseOnly(context, dir)
  if (flags.json) out(JSON.stringify({ schema: 'idle-agent.release.v1', released }))
  else if (released.length === 0) out('there is no lease to give back')
  for (const one of flags.json ? [] : released) out(`lease ${one} is given back`)
  return 0
}
