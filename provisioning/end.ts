/** What becomes of a machine when nobody uses it. */
import type { Spec } from './spec.ts'

/** In words; where the agent would never stop it, with what keeps it from that. */
export function endOf({ template, hibernation, config }: Spec): string {
  const settings = new Map<string, unknown>(Object.entries(config.idle_detection))
  const allow = settings.get('allow')
  const never = [
    template.protected === true || settings.get('protected') === true ? 'protected' : undefined,
    settings.get('enabled') === false ? 'enabled: false' : undefined,
    settings.get('action') === 'report' ? 'action: report' : undefined,
    template.spot === true && !(Array.isArray(allow) && allow.includes('spot')) ? 'spot' : undefined,
    template.auto_scaling === true ? 'auto_scaling' : undefined,
    template.ephemeral_os_disk === true ? 'ephemeral_os_disk' : undefined,
  ].filter((one) => one !== undefined)
  if (never.length > 0) return `never stopped by the agent (${never.join(', ')})`
  return hibernation ? 'hibernated when idle' : 'stopped when idle'
}
