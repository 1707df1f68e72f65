// A machine for the built executable on a loopback Azure VM.
import { type AzureCloud, type AzureOptions, startAzure, type VmSpec } from '../clouds/azure.ts'
import { checkNow, timePasses } from './due.ts'
import { type BaseSpec, fastest, type Machine, machineIn } from './machine.ts'

export interface AzureSpec extends BaseSpec {
  readonly vm?: VmSpec
  readonly cloud?: AzureOptions
}

export type AzureMachine = Machine<AzureCloud>

/** A VM that was started an hour ago. */
export async function startAzureMachine(spec: AzureSpec = {}): Promise<AzureMachine> {
  const createdAt = Date.now() - 3_600_000
  const cloud = await startAzure({ instances: [{ createdAt, ...spec.vm }], ...spec.cloud })
  return machineIn(spec, {
    cloud,
    tags: () => cloud.instance().tags,
    stops: () =>
      cloud.requests
        .list({ server: 'api', action: 'VirtualMachines_Deallocate' })
        .map(({ params, status, errorCode }) => {
          const method = params['hibernate'] === 'true' ? 'hibernate' : 'stop'
          return `${method} ${errorCode ?? (status === 202 ? 'accepted' : 'unanswered')}`
        }),
    start: () => cloud.power.start(cloud.instance()),
  })
}

/** One that was looked at once and has been idle since; the next check acts, or says what keeps it from acting. */
export async function startDueAzureMachine(spec: AzureSpec = {}): Promise<AzureMachine> {
  const machine = await startAzureMachine({ settings: fastest, ...spec })
  await checkNow(machine)
  timePasses(machine)
  return machine
}
