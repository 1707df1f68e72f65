/** What will not work as it is asked for, with the vendor's word for it. */
import { systemOf } from './images.ts'
import type { Size } from './sizes.ts'
import type { Read } from './template.ts'

/** One thing that an operator should know before the launch. */
export interface Advice {
  /** The key of the template that it is about. */
  readonly key: string
  readonly message: string
  /** Where the vendor says so. */
  readonly source: string
}

const ec2 = 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide'
const azure = 'https://learn.microsoft.com/en-us/azure'
const prerequisites = `${ec2}/hibernating-prerequisites.html`
const hibernatesOnAzure = `${azure}/virtual-machines/hibernate-resume`
const linuxOnAzure = `${azure}/virtual-machines/linux/hibernate-resume-linux`

/** What stands in the way of hibernation: what the cloud refuses, and what it only does not promise. */
export interface Obstacles {
  readonly refused: readonly Advice[]
  readonly unlisted: readonly Advice[]
}

type Wanted = Pick<Read, 'template' | 'settings'>

/** On EC2 (cloud.md 1.3). */
export function awsObstacles({ template }: Wanted, size: Size): Obstacles {
  const refused: Advice[] = []
  const unlisted: Advice[] = []
  const about = (key: string, message: string) => ({ key, message, source: prerequisites })
  if (size.gpu) refused.push(about('size', `EC2 hibernates no instance with an accelerator, such as ${size.name}`))
  else if (size.metal) refused.push(about('size', `EC2 hibernates no bare metal, such as ${size.name}`))
  else if (!size.hibernates)
    unlisted.push(about('size', `EC2 does not list the family of ${size.name} for hibernation`))
  const memory = template.memory_gib ?? size.memoryGib
  if (memory !== undefined && memory >= 150)
    refused.push(about('size', `EC2 hibernates Linux with less than 150 GiB of memory, and ${size.name} has ${memory}`))
  if (template.auto_scaling === true)
    refused.push(about('auto_scaling', 'EC2 hibernates no member of an Auto Scaling group'))
  if (!['ubuntu-22.04', 'amazon-linux-2023'].includes(template.base))
    unlisted.push(about('base', `EC2 ${unknownSystem(template.base)}`))
  return { refused, unlisted }
}

/** On Azure (cloud.md 2.3). */
export function azureObstacles({ template }: Wanted, size: Size): Obstacles {
  const refused: Advice[] = []
  const unlisted: Advice[] = []
  const about = (key: string, message: string) => ({ key, message, source: hibernatesOnAzure })
  if (!size.hibernates)
    unlisted.push(about('size', `Azure does not list ${size.name} among the sizes that can be hibernated`))
  const [memory, most] = [template.memory_gib ?? size.memoryGib, size.gpu ? 112 : 64]
  if (memory !== undefined && memory > most)
    refused.push(
      about('size', `Azure hibernates such a VM with at most ${most} GiB of memory, and ${size.name} has ${memory}`),
    )
  if (template.spot === true) refused.push(about('spot', 'Azure hibernates no Spot VM'))
  if (template.auto_scaling === true)
    refused.push(about('auto_scaling', 'Azure hibernates no member of a Uniform scale set'))
  if (template.ephemeral_os_disk === true)
    refused.push(about('ephemeral_os_disk', 'Azure hibernates no VM with an ephemeral OS disk'))
  if (!['ubuntu-22.04', 'rhel-9'].includes(template.base))
    unlisted.push({ key: 'base', message: `Azure ${unknownSystem(template.base)}`, source: linuxOnAzure })
  return { refused, unlisted }
}

function unknownSystem(base: string): string {
  if (systemOf(base) !== undefined) return `does not list ${base} among the systems that can be hibernated`
  return `does not tell from ${base} alone whether its system can be hibernated`
}

/** What the agent will refuse to do with such machines, unless it is allowed to. */
export function ownershipAdvice({ template, settings }: Wanted, cloud: 'aws' | 'azure'): readonly Advice[] {
  const advice: Advice[] = []
  const listed = settings.get('allow')
  const allows = (one: string) => Array.isArray(listed) && listed.includes(one)
  if (template.spot === true && !allows('spot')) {
    advice.push({
      key: 'spot',
      message: 'the agent stops no Spot machine unless idle_detection.allow has spot in it',
      source: cloud === 'aws' ? `${ec2}/stop-spot-instances.html` : `${azure}/virtual-machines/spot-vms`,
    })
  }
  if (template.auto_scaling === true) {
    const ways =
      cloud === 'aws'
        ? 'it would be replaced at once'
        : 'in a Uniform one it would be replaced; allow: [flexible-scale-set] is for the other kind'
    advice.push({
      key: 'auto_scaling',
      message: `the agent stops no member of ${cloud === 'aws' ? 'an Auto Scaling group' : 'a scale set'}: ${ways}`,
      source:
        cloud === 'aws'
          ? 'https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html'
          : `${azure}/virtual-machine-scale-sets/virtual-machine-scale-sets-orchestration-modes`,
    })
  }
  if (template.ephemeral_os_disk === true) {
    advice.push({
      key: 'ephemeral_os_disk',
      message: 'a VM with an ephemeral OS disk cannot be deallocated, so the agent cannot stop it',
      source: `${azure}/virtual-machines/ephemeral-os-disks`,
    })
  }
  return advice
}

/** A tag that EC2's metadata service cannot show keeps the instance from being launched while it shows any (cloud.md 1.2). */
export function metadataTagAdvice(keys: readonly string[]): readonly Advice[] {
  return keys
    .filter((key) => !/^[0-9A-Za-z+=.,_:@-]{1,255}$/.test(key) || ['.', '..', '_index'].includes(key))
    .map((key) => ({
      key: 'tags',
      message: `"${key}" cannot be shown by the metadata service, so it shows none: the role may ask EC2 for them instead (ec2:DescribeTags)`,
      source: `${ec2}/using-instance-tags-in-instance-metadata.html`,
    }))
}
