/** The file behind `status`, left by each check that records. */
import type { Deed } from '../audit.ts'
import { HostError } from '../errors.ts'
import { replaceFile } from '../host/aside.ts'
import type { Decision } from '../types.ts'
import type { Look } from './observe.ts'
import type { Parts } from './parts.ts'
import { statusOf } from './report.ts'

/** Others lose sight of the verdict without it, and nothing more: it must not keep a check from acting. */
export async function writeStatus(parts: Parts, seen: Look, decision: Decision): Promise<readonly Deed[]> {
  try {
    const text = `${JSON.stringify(statusOf(parts, seen, decision))}\n`
    await replaceFile(parts.host, { path: parts.paths.status, mode: 0o644 }, text)
    return []
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return [{ action: 'status', result: 'failed', detail: error.message, unrecorded: error.message }]
  }
}
