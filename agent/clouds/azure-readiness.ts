/** Is the machine itself ready to hibernate? Asked of Azure's own tool for it, where that is installed. */
import type { Host } from '../host/host.ts'
import { preparationProblem } from './readiness.ts'

/** The tool's unit and its swap file (its source); Azure's extension for hibernation installs the same tool. */
export const setupTool = { unit: 'hibernation-setup-tool', swapFiles: ['/hibfile.sys'] }

const folders = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']

/**
 * Why Azure would accept to hibernate and the machine then not do it, or `undefined` where nothing says so. Without the tool
 * nothing is known, and Azure is asked. Throws HostError.
 */
export async function hibernationProblem(host: Host): Promise<string | undefined> {
  const units = await Promise.all(folders.map((folder) => host.stat(`${folder}/${setupTool.unit}.service`)))
  return units.some((unit) => unit !== undefined) ? preparationProblem(host, setupTool) : undefined
}
