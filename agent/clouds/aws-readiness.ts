/** Is the machine itself ready to hibernate? Asked of EC2's own hibernation agent, where that has set the machine up for it. */
import type { Host } from '../host/host.ts'
import { preparationProblem } from './readiness.ts'

/** Left by the agent once it has seen that the instance was launched with hibernation (its source, agent/hibinit-agent). */
const ENABLED = '/var/lib/hibinit-agent/hibernation-enabled'

/** Its swap file: Amazon Linux and Red Hat, Ubuntu. */
const hibinit = { unit: 'hibinit-agent', swapFiles: ['/swap', '/swap-hibinit'] }

/**
 * Why EC2 would accept to hibernate and the machine then silently shut down, or `undefined` where nothing says so. Without
 * EC2's agent nothing is known, and EC2 is asked. Throws HostError.
 */
export async function hibernationProblem(host: Host): Promise<string | undefined> {
  return (await host.stat(ENABLED)) === undefined ? undefined : preparationProblem(host, hibinit)
}
