/** Tells what keeps the agent from its work, where its own state cannot: in the status, and once in a tag. */
import { tagKey } from '../clouds/tags.ts'
import { replaceFile } from '../host/aside.ts'
import type { JsonObject } from '../parse.ts'
import { iso } from '../words.ts'
import { type Fault, faultOf, readStatus } from './fault.ts'
import { type Parts, pathsOf } from './parts.ts'
import { within } from './within.ts'

const TAG_MS = 4_000
const TAG_LIMIT = 120

/**
 * Without a configuration nothing is judged, and without a state that lasts there is no idle time that anybody vouched for, so nothing can be done about the machine;
 * but people can be told: in the status, which lies on another file system, and in the tag IdleReason, once, which only the
 * status can remember. Throws nothing: what it is about is told by the exit code, too.
 */
export async function tellFault(parts: Parts, kind: Fault['kind'], message: string): Promise<void> {
  try {
    const status = await readStatus(parts)
    const before = faultOf(status)
    const reason = withoutFolder(parts, message)
    // A configuration is edited while it is told of; what cannot be saved differs from check to check.
    const isTold = before?.kind === kind && (kind !== 'config' || before.reason === reason)
    if (isTold && before.tagged) return
    const since = before?.kind === kind ? before.since : iso(parts.host.clocks().wallMs)
    const fault = { kind, reason, since, tagged: false }
    await writeFault(parts, status, fault)
    if (!parts.policy.enabled) return
    await writeTag(parts, fault.reason)
    await writeFault(parts, status, { ...fault, tagged: true })
  } catch (error) {
    if (error instanceof Error) return
    throw error
  }
}

/** A state folder of somebody's own may name them. */
function withoutFolder({ paths: { stateDir } }: Parts, message: string): string {
  return stateDir === pathsOf(undefined).stateDir ? message : message.replaceAll(stateDir, 'the state folder')
}

async function writeFault({ host, paths }: Parts, status: JsonObject, fault: Fault): Promise<void> {
  const at = status['at'] ?? iso(host.clocks().wallMs)
  const text = JSON.stringify({ ...status, schema: 'idle-agent.status.v1', at, fault })
  // Gone since the machine started. A folder of somebody's own is made by a check that works.
  if (paths.runDir === pathsOf(undefined).runDir) await host.store.makeDir(paths.runDir, 0o755)
  await replaceFile(host, { path: paths.status, mode: 0o644 }, `${text}\n`)
}

/** That tag alone: what the others say is as true as it was. */
async function writeTag({ host, cloud, settings }: Parts, reason: string): Promise<void> {
  const tags = { [tagKey(settings.tagPrefix, 'IdleReason')]: `fault: ${reason}`.slice(0, TAG_LIMIT) }
  await within(host, { ms: TAG_MS, what: 'tags' }, (signal) => cloud.writeTags(tags, signal))
}
