/** What the agent reads from Azure's metadata, parsed by hand into the few fields it uses: one document, one request. */
import { CloudError } from '../errors.ts'
import { isObject, type JsonObject, parseObject } from '../parse.ts'
import { type AzureImds, garbage } from './azure-imds.ts'
import type { Identity } from './cloud.ts'
import type { Patience } from './imds.ts'

/** One VM, as its metadata tells it. */
export interface Vm extends Identity {
  readonly region: string
  readonly name: string
  /** Where it is in Azure Resource Manager; see `placeOf`. */
  readonly resourceId: string
  readonly group: string
  /** Which of Azure's clouds it is in, such as `AzurePublicCloud`. */
  readonly environment: string
  /** `additionalCapabilities.hibernationEnabled`. */
  readonly hibernation: boolean
  readonly spot: boolean
  /** Of a Uniform set its members are no VMs of their own, of a Flexible one they are. */
  readonly scaleSet: 'none' | 'uniform' | 'flexible'
  /** The OS disk lies on the host, and is lost with it. */
  readonly ephemeral: boolean
  /** Tags by their names in lower case: Azure compares them without case. */
  readonly tags: ReadonlyMap<string, string>
  /** User data in base64; '' without any. */
  readonly userData: string
}

/** What a resource id is made of. */
export interface Place {
  readonly subscription: string
  readonly group: string
  readonly name: string
}

/** The oldest version that has everything; sovereign clouds get the new ones later. */
const PATH = '/metadata/instance/compute?api-version=2021-12-13'

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Who this VM is and what it can do. Throws CloudError. */
export async function readVm(imds: AzureImds, patience: Patience): Promise<Vm> {
  const text = await imds.get(PATH, patience)
  let compute: JsonObject
  try {
    compute = parseObject(text)
  } catch (error) {
    throw garbage(PATH, 'not a JSON object', error)
  }
  const id = textOf(compute['vmId']).toLowerCase()
  if (!GUID.test(id)) throw garbage(PATH, 'no vmId')
  const region = textOf(compute['location'])
  if (!/^[\w-]{1,64}$/.test(region)) throw garbage(PATH, 'no location')
  return {
    id,
    region,
    name: textOf(compute['name']),
    resourceId: textOf(compute['resourceId']),
    group: textOf(compute['resourceGroupName']),
    environment: textOf(compute['azEnvironment']),
    hibernation: flagOf(compute['additionalCapabilities'], 'hibernationEnabled'),
    spot: textOf(compute['priority']).toLowerCase() === 'spot',
    scaleSet: scaleSetOf(compute),
    ephemeral: diskIsLocal(compute['storageProfile']),
    tags: tagsOf(compute),
    userData: textOf(compute['userData']),
  }
}

function scaleSetOf(compute: JsonObject): Vm['scaleSet'] {
  if (textOf(memberOf(compute['virtualMachineScaleSet'], 'id')) !== '') return 'flexible'
  return textOf(compute['vmScaleSetName']) === '' ? 'none' : 'uniform'
}

/** Absent in versions of the platform that cannot hibernate. */
function flagOf(value: unknown, name: string): boolean {
  const text = textOf(memberOf(value, name)).toLowerCase()
  if (text !== '' && text !== 'true' && text !== 'false') throw garbage(PATH, `${name} is neither true nor false`)
  return text === 'true'
}

function diskIsLocal(storage: unknown): boolean {
  return textOf(memberOf(memberOf(memberOf(storage, 'osDisk'), 'diffDiskSettings'), 'option')) !== ''
}

/** A list that cannot be read must not pass for "no tags": an operator's Protected may be in it. */
function tagsOf({ tagsList: list, tags }: JsonObject): ReadonlyMap<string, string> {
  if (list === undefined && tags === '') return new Map()
  if (!Array.isArray(list)) throw garbage(PATH, 'no tagsList')
  return new Map(
    list.map((tag: unknown) => {
      const [name, value] = [memberOf(tag, 'name'), memberOf(tag, 'value')]
      if (typeof name !== 'string' || typeof value !== 'string') throw garbage(PATH, 'tagsList is no list of tags')
      return [name.toLowerCase(), value]
    }),
  )
}

function memberOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined
}

/** Every primitive is a text here, and an empty one where it does not apply (cloud.md 2.1). */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

const SUBSCRIPTION = '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'
/** Letters of any script, and never a dot at the end, so that no part of a path can lead upwards. */
const GROUP = '([-\\p{L}\\p{N}_.()]{0,89}[-\\p{L}\\p{N}_()])'
const NAME = '([\\p{L}\\p{N}_.-]{0,63}[\\p{L}\\p{N}_-])'
const RESOURCE_ID = new RegExp(
  `^/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft\\.Compute/virtualMachines/${NAME}$`,
  'iu',
)

/** Where the VM is in Azure Resource Manager; it becomes part of an address, so nothing else may pass. Throws CloudError. */
export function placeOf({ resourceId }: Vm): Place {
  const [, subscription = '', group = '', name = ''] = RESOURCE_ID.exec(resourceId) ?? []
  if (name !== '') return { subscription, group, name }
  throw new CloudError('metadata gives no resource id of a VM, so there is nothing that could be stopped', {
    code: 'not-a-vm',
    retryable: false,
  })
}

/** Azure Resource Manager in each of Azure's clouds. */
const managers: ReadonlyMap<string, string> = new Map([
  ['azurepubliccloud', 'https://management.azure.com'],
  ['azureusgovernmentcloud', 'https://management.usgovcloudapi.net'],
  ['azurechinacloud', 'https://management.chinacloudapi.cn'],
])

/** The address of the API that is the VM's, which is what a token for it is asked for, too. Throws CloudError. */
export function managerOf({ environment }: Vm): string {
  const found = managers.get(environment.toLowerCase())
  if (found !== undefined) return found
  const shown = environment.replace(/[^\w .-]/g, '?').slice(0, 40)
  throw new CloudError(`metadata says that this VM is in '${shown}', a cloud that this version does not know`, {
    code: 'unknown-cloud',
    retryable: false,
  })
}
