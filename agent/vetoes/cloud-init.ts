/** Veto: cloud-init is at work although the boot is over, as when somebody runs it again by hand. */
import { objectAt, parseObject } from '../parse.ts'
import { changedAt, untilWords } from './ends.ts'
import type { VetoSource } from './veto.ts'

/** A link to cloud-init's own status, rewritten when a stage begins and when it ends (cloudinit/cmd/main.py, status_wrapper). */
const path = '/run/cloud-init/status.json'

/** A stage may hang, or be killed: after this long it is no longer waited for, as at the boot. */
const longestMs = 2 * 3_600_000

/** Name of the stage at work, or `undefined`. Throws Error where the status is not understood. */
export function parseStage(text: string): string | undefined {
  const { stage } = objectAt(parseObject(text), 'v1')
  if (stage === null || stage === undefined) return undefined
  if (typeof stage !== 'string') throw new Error('the stage of cloud-init is no text')
  return stage
}

/** What cloud-init does at a boot prolongs the grace; this is about the time after it. */
export const cloudInitVeto: VetoSource = {
  name: 'cloud-init',
  onlyWhenDue: true,
  async read(host, { now }) {
    const stat = await host.stat(path)
    if (stat === undefined) return []
    const until = changedAt(stat.mtimeMs, now) + longestMs
    if (until <= now.monoMs) return []
    const veto = (what: string) => [{ name: 'cloud-init', reason: `${what}, ${untilWords(until, now)} at most`, until }]
    let stage: string | undefined
    try {
      stage = parseStage((await host.readText(path)) ?? '')
    } catch {
      return veto('it cannot be told whether cloud-init is at work')
    }
    return stage === undefined ? [] : veto(`cloud-init is at work (${stage.slice(0, 20)})`)
  },
}
