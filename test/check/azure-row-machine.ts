/** A machine in memory on a loopback Azure, checked by the real loop and driver: for the rows of the ownership table. */
import { createAzure } from '../../agent/clouds/azure.ts'
import { type AzureCloud, type AzureOptions, startAzure, type VmSpec } from '../clouds/azure.ts'
import { trust } from '../clouds-drivers/start-azure.ts'
import { HOUR } from '../decide/given.ts'
import { assembleMachine, type BaseMachine, type BaseSpec } from './row-machine.ts'

export interface AzureRowSpec extends BaseSpec {
  readonly vm?: VmSpec
  readonly cloud?: AzureOptions
}

export interface AzureRowMachine extends BaseMachine {
  readonly azure: AzureCloud
  /** What was asked to be deallocated, and what came of it. */
  stops(): readonly string[]
  /** State tags, without prefix. */
  tag(name: string): string | undefined
  [Symbol.asyncDispose](): Promise<void>
}

const stateDir = '/var/lib/idle-agent'

/** A quiet machine, an hour old, on a VM as given; `await using` ends it. */
export async function startAzureRow(spec: AzureRowSpec = {}): Promise<AzureRowMachine> {
  const wallMs = Date.now()
  const azure = await startAzure({ instances: [{ createdAt: wallMs - HOUR, ...spec.vm }], ...spec.cloud })
  trust(azure)
  const { metadataUrl, apiUrl } = azure
  const machine = assembleMachine({ ...spec, wallMs }, (host) => createAzure(host, { metadataUrl, apiUrl, stateDir }))
  return Object.assign(machine, {
    azure,
    stops: () =>
      azure.requests.list({ server: 'api', action: 'VirtualMachines_Deallocate' }).map(({ params, errorCode }) => {
        const method = params['hibernate'] === 'true' ? 'hibernate' : 'stop'
        return `${method} ${errorCode ?? 'accepted'}`
      }),
    tag: (name: string) => azure.instance().tags.get(`T:${name}`),
    [Symbol.asyncDispose]: () => azure.close(),
  })
}
