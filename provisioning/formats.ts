/** The formats that can be asked for, a line each. */
import { UsageError } from '../agent/errors.ts'
import { arm } from './arm.ts'
import { awsCli } from './aws-cli.ts'
import { bicep } from './bicep.ts'
import { bootstrapScript, yaml } from './bootstrap.ts'
import { userData } from './cloud-init.ts'
import { cloudFormation } from './cloudformation.ts'
import type { CloudName } from './fields.ts'
import type { Output } from './output.ts'
import type { Spec } from './spec.ts'
import { terraformAws } from './terraform-aws.ts'
import { terraformAzure } from './terraform-azure.ts'

/** A way to write down the same machines. */
export interface Format {
  readonly about: string
  readonly clouds: readonly CloudName[]
  make(spec: Spec): Output
}

/** By name; the first of a cloud is its default. */
export const formats: Readonly<Record<string, Format>> = {
  'launch-template': {
    about: 'launch template, role and policy as input of the AWS CLI',
    clouds: ['aws'],
    make: of('aws', awsCli),
  },
  cloudformation: {
    about: 'a stack of role, instance profile and launch template',
    clouds: ['aws'],
    make: of('aws', cloudFormation),
  },
  arm: {
    about: 'a template of Azure Resource Manager: VM, role, assignment',
    clouds: ['azure'],
    make: of('azure', arm),
  },
  bicep: { about: 'the same in Bicep', clouds: ['azure'], make: of('azure', bicep) },
  terraform: {
    about: 'the same in the JSON syntax of Terraform',
    clouds: ['aws', 'azure'],
    make: (spec) => withUserData(spec, spec.cloud === 'aws' ? terraformAws(spec) : terraformAzure(spec)),
  },
  'user-data': { about: 'user data (EC2) or custom data (Azure) alone', clouds: ['aws', 'azure'], make: userDataAlone },
  image: { about: 'a script that puts the executable into an image', clouds: ['aws', 'azure'], make: imageScript },
  config: { about: 'the configuration alone, for machines that exist', clouds: ['aws', 'azure'], make: configAlone },
}

/** For machines of one cloud. */
function of<C extends CloudName>(
  cloud: C,
  make: (spec: Extract<Spec, { cloud: C }>) => Output,
): (spec: Spec) => Output {
  return (spec) => {
    if (spec.cloud !== cloud) throw new Error(`no format of ${spec.cloud}`)
    return withUserData(spec, make(spec as Extract<Spec, { cloud: C }>))
  }
}

/** With the user data, which is in there in base64, beside it for people to read. */
function withUserData(spec: Spec, { files, next }: Output): Output {
  // On Azure the configuration is also what can be changed later, by itself.
  const config = spec.cloud === 'azure' ? configAlone(spec).files : []
  return { files: [...files, ...userDataAlone(spec).files, ...config], next }
}

function userDataAlone(spec: Spec): Output {
  return { files: [{ name: spec.cloud === 'aws' ? 'user-data' : 'custom-data', text: userData(spec) }], next: [] }
}

function imageScript({ agent, template }: Spec): Output {
  if (agent.download === undefined)
    throw new UsageError('agent_url: is missing, with agent_sha256: what is put into the image is fetched from there')
  const text = bootstrapScript({
    about: ['Puts idle-agent into an image; run it as root while the image is made. Made by "idle-agent provision".'],
    downloads: [agent.download],
    config: undefined,
    proxy: template.proxy,
  })
  return { files: [{ name: 'image.sh', text }], next: ['on a machine that the image is made of: sudo sh image.sh'] }
}

function configAlone({ config }: Spec): Output {
  return {
    files: [{ name: 'idle-agent.yaml', text: yaml(config) }],
    next: ['on the machine: sudo idle-agent install --config idle-agent.yaml'],
  }
}
