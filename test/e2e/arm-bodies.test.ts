// The resources that `provision` writes for Azure, as the requests that Resource Manager makes of them, by the vendor's validator and specification.
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { provision } from '../../provisioning/main.ts'
import { hasSpecification, installOav, specificationOf, validate } from './oav.ts'

const folder = 'test/provisioning/templates'
const onAzure = readdirSync(folder).filter((name) => name.startsWith('azure'))
const subscription = '11111111-2222-3333-4444-555555555555'
const group = `/subscriptions/${subscription}/resourceGroups/work`

/** What the expressions of the template come to. */
const values: readonly (readonly [RegExp, unknown])[] = [
  [/^\[parameters\('location'\)\]$/, 'westeurope'],
  [/^\[parameters\('vmName'\)\]$/, 'work'],
  [/^\[parameters\('adminUsername'\)\]$/, 'azureuser'],
  [/^\[parameters\('sshPublicKey'\)\]$/, 'ssh-ed25519 AAAA'],
  [/^\[format\('\/home\//, '/home/azureuser/.ssh/authorized_keys'],
  [/^\[parameters\('subnetId'\)\]$/, `${group}/providers/Microsoft.Network/virtualNetworks/a/subnets/b`],
  [
    /^\[resourceId\('Microsoft.Network\/networkInterfaces'/,
    `${group}/providers/Microsoft.Network/networkInterfaces/work-nic`,
  ],
  [/^\[union\(/, { owner: 'alice' }],
]

function evaluated(value: unknown): unknown {
  if (typeof value === 'string') {
    const found = values.find(([expression]) => expression.test(value))
    if (found === undefined && /^\[(?!\[)/.test(value)) throw new Error(`no value for ${value}`)
    return found === undefined ? value : found[1]
  }
  if (Array.isArray(value)) return value.map(evaluated)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, evaluated(one)]))
}

interface Resource {
  readonly type: string
  readonly apiVersion: string
  readonly [key: string]: unknown
}

/** Calls of the resources that the specification knows as PUT of a path. */
function putOf({ type, apiVersion, name: _name, dependsOn: _after, ...body }: Resource) {
  const path = `${group}/providers/${type}/work`
  const text = evaluated({ ...body }) as Readonly<Record<string, unknown>>
  const headers = { 'content-type': 'application/json' }
  return {
    liveRequest: {
      headers,
      method: 'PUT',
      url: `https://management.azure.com${path}?api-version=${apiVersion}`,
      body: text,
    },
    liveResponse: { statusCode: '201', headers, body: text },
  }
}

test.skipIf(!hasSpecification).each(onAzure)(
  'the VM of %s is as the specification says',
  { timeout: 200_000 },
  (name) => {
    const made = provision({ template: `${folder}/${name}`, cloud: undefined, format: 'arm' })
    const { resources } = JSON.parse(made.files[0]?.text.toString() ?? '') as {
      readonly resources: readonly Resource[]
    }
    const vm = resources.find(({ type }) => type === 'Microsoft.Compute/virtualMachines')
    if (vm === undefined) throw new Error('there is no VM')
    const where = specificationOf('compute', vm.apiVersion, 'VirtualMachines_CreateOrUpdate')
    const { passed, errors } = validate(installOav(), where, [putOf(vm)])
    expect(errors).toEqual([])
    expect(passed).toEqual(['VirtualMachines_CreateOrUpdate'])
  },
)

test.skipIf(!hasSpecification)('and a VM that is not as it says is told', { timeout: 200_000 }, () => {
  const vm = { type: 'Microsoft.Compute/virtualMachines', apiVersion: '2024-07-01', location: 'here' }
  const wrong = {
    ...vm,
    properties: { storageProfile: { osDisk: { createOption: 'FromImage', diskSizeGB: 'thirty' } } },
  }
  const where = specificationOf('compute', vm.apiVersion, 'VirtualMachines_CreateOrUpdate')
  const { errors } = validate(installOav(), where, [putOf(wrong)])
  expect(errors.join()).toMatch(/VirtualMachines_CreateOrUpdate request INVALID_TYPE/)
})
