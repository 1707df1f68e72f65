/** From a template to what is generated from it: one cloud, everything decided, everything that is wrong said at once. */
import { general } from '../agent/config/options.ts'
import { UsageError } from '../agent/errors.ts'
import { cronFields } from '../agent/install/files.ts'
import {
  type Advice,
  awsObstacles,
  azureObstacles,
  metadataTagAdvice,
  type Obstacles,
  ownershipAdvice,
} from './advice.ts'
import { type Agent, agentOf } from './agent-source.ts'
import { settingsBlock } from './config-block.ts'
import type { CloudName } from './fields.ts'
import { type AwsImage, type AzureImage, awsImage, azureImage, systemOf, systemsOn } from './images.ts'
import { partsProblem } from './own-data.ts'
import { type Size, sizeOf } from './sizes.ts'
import { tagProblems } from './tags.ts'
import type { Read, Template } from './template.ts'

/** What both clouds' machines have. */
interface Common {
  /** The name in lower-case letters, digits and hyphens, for what is created. */
  readonly slug: string
  readonly template: Template
  readonly size: Size
  readonly hibernation: boolean
  /** `undefined`: as large as the image. */
  readonly diskGib: number | undefined
  readonly agent: Agent
  readonly tagPrefix: string
  /** All tags of the machine at its launch. */
  readonly tags: Readonly<Record<string, string>>
  /** The configuration of the agent, as the file that it reads. */
  readonly config: { readonly idle_detection: object }
  /** Where cron cannot express the interval; else the default of `install` does. */
  readonly schedule: 'timer' | undefined
  readonly advice: readonly Advice[]
}

export interface AwsSpec extends Common {
  readonly cloud: 'aws'
  readonly image: AwsImage & { readonly rootDevice: string }
  /** The instance's metadata shows its tags, so that reading them takes no permission. */
  readonly metadataTags: boolean
}

export interface AzureSpec extends Common {
  readonly cloud: 'azure'
  readonly image: AzureImage
}

export type Spec = AwsSpec | AzureSpec

/** Collects what is wrong, by the key that it is about. */
type Wrong = (key: string, message: string) => undefined

/** Decides everything. Throws UsageError with all problems. */
export function specOf(read: Read, given: CloudName | undefined): Spec {
  const problems: string[] = []
  const wrong: Wrong = (key, message) => void problems.push(read.problem(key, message))
  const cloud = given ?? read.template.cloud
  if (cloud === undefined) wrong('cloud', 'is missing: aws or azure; or give --cloud')
  const spec = cloud === undefined ? undefined : decide(read, cloud, wrong)
  if (spec === undefined || problems.length > 0) throw new UsageError(problems)
  return spec
}

function decide(read: Read, cloud: CloudName, wrong: Wrong): Spec | undefined {
  const { template, settings } = read
  const size = sizeOf(cloud, template.size)
  if (size === undefined) wrong('size', sizeMessage(cloud, template.size))
  const tags = allTags(read, cloud, wrong)
  const agent = agentOf(template, size?.architecture ?? 'x64', wrong)
  const own = partsProblem(template.user_data)
  if (own !== undefined) wrong('user_data', own)
  userProblems(template, wrong)
  if (size !== undefined) architectureProblem(template, size, wrong)
  if (template.agent_in_image === true && systemOf(template.base) !== undefined)
    wrong('base', `must be the id of your own image: ${template.base} by its name does not hold the agent`)
  pairProblems(template, cloud, wrong)
  if (size === undefined) return undefined
  const intervalMs = Number(settings.get('check_interval_minutes') ?? general.check_interval_minutes.default) * 60_000
  const obstacles = cloud === 'aws' ? awsObstacles(read, size) : azureObstacles(read, size)
  const { hibernation, advice } = hibernationOf(read, obstacles)
  const diskGib = diskOf({ template, cloud, size, hibernation }, wrong)
  const shown = cloud === 'aws' ? metadataTagAdvice(Object.keys(tags)) : []
  const common = {
    slug: slugOf(template.name),
    template,
    size,
    hibernation,
    diskGib,
    agent,
    tagPrefix: prefixOf(read),
    schedule: cronFields(intervalMs) === undefined ? ('timer' as const) : undefined,
    tags,
    config: { idle_detection: settingsBlock(settings, template.imds_root_only === true) },
    advice: [...advice, ...ownershipAdvice(read, cloud), ...shown],
  }
  if (cloud === 'azure') {
    const image = azureImage(template.base, size.architecture)
    if (image === undefined) return wrong('base', baseMessage(cloud, size))
    return { ...common, cloud, image }
  }
  const image = awsImage(template.base, size.architecture)
  if (image === undefined) return wrong('base', baseMessage(cloud, size))
  const rootDevice = template.root_device ?? image.rootDevice
  if (rootDevice === undefined) return wrong('root_device', deviceMessage(template.base))
  return { ...common, cloud, image: { ...image, rootDevice }, metadataTags: shown.length === 0 }
}

/** An address that names the other architecture would be found out at the first boot. */
function architectureProblem({ agent_url: url = '' }: Template, { architecture, name }: Size, wrong: Wrong): void {
  const named = [/x64|x86_64|amd64/.test(url) ? 'x64' : undefined, /arm64|aarch64/.test(url) ? 'arm64' : undefined]
  const others = named.filter((one) => one !== undefined && one !== architecture)
  if (others.length === 1 && !named.includes(architecture))
    wrong(
      'agent_url',
      `names the executable for ${others[0]}, and ${name} is ${architecture}; {arch} in it stands for either`,
    )
}

/** What cannot be together, or on this cloud. */
function pairProblems(template: Template, cloud: CloudName, wrong: Wrong): void {
  if (cloud === 'aws' && template.ephemeral_os_disk === true)
    wrong('ephemeral_os_disk', 'is of Azure; leave it out on EC2')
  if (template.spot === true && template.ephemeral_os_disk === true)
    wrong('spot', 'cannot be together with ephemeral_os_disk: such a VM is deleted when it is taken back')
  if (cloud === 'aws' && template.spot === true && template.auto_scaling === true)
    wrong(
      'spot',
      'cannot be together with auto_scaling: there the group asks for Spot, in its own mixed instances policy',
    )
}

function sizeMessage(cloud: CloudName, size: string): string {
  const example =
    cloud === 'aws' ? 'an instance type of EC2, such as m7g.large' : 'a size of Azure, such as Standard_D2s_v5'
  return `must be ${example}, got "${size}"`
}

function baseMessage(cloud: CloudName, { architecture }: Size): string {
  const ids =
    cloud === 'aws'
      ? 'the id of an image (ami-…)'
      : 'publisher:offer:sku:version, or the id of an image (/subscriptions/…)'
  return `must be ${systemsOn(cloud, architecture).join(', ')} or ${ids} on ${architecture} machines of ${cloud}`
}

function deviceMessage(image: string): string {
  return (
    'is missing: the root device of the image, as it names it ' +
    `(aws ec2 describe-images --image-ids ${image} --query Images[0].RootDeviceName)`
  )
}

/** At least three characters, the fewest of a launch template's name; a stack's begins with a letter. */
function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 50)
    .replace(/-$/, '')
  return slug.length < 3 || /^\d/.test(slug) ? `vm-${slug}` : slug
}

function prefixOf({ settings }: Read): string {
  return String(settings.get('tag_prefix') ?? general.tag_prefix.default)
}

function allTags(read: Read, cloud: CloudName, wrong: Wrong): Readonly<Record<string, string>> {
  const { name, tags = {}, protected: isProtected } = read.template
  for (const message of tagProblems(tags, { cloud, prefix: prefixOf(read) })) wrong('tags', message)
  return {
    ...(cloud === 'aws' ? { Name: name } : {}),
    ...tags,
    ...(isProtected === true ? { [`${prefixOf(read)}:Protected`]: 'true' } : {}),
  }
}

function userProblems({ users = [] }: Template, wrong: Wrong): void {
  const names = users.map(({ name }) => name)
  const twice = names.filter((name, index) => names.indexOf(name) !== index)
  for (const name of new Set(twice)) wrong('users', `${name} is there twice`)
}

/** Whether it is launched for hibernation, and what is said about that. */
function hibernationOf(
  { template, settings }: Read,
  { refused, unlisted }: Obstacles,
): { hibernation: boolean; advice: readonly Advice[] } {
  const stops = ['stop', 'report'].includes(String(settings.get('action')))
  if (template.hibernation === false || (template.hibernation === undefined && (stops || template.spot === true)))
    return { hibernation: false, advice: [] }
  // What the vendor does not list may work, and is tried where the template says so.
  if (template.hibernation === true && refused.length === 0) return { hibernation: true, advice: unlisted }
  const advice = [...refused, ...unlisted].map((one) => ({
    ...one,
    message: `${one.message}: launched without hibernation`,
  }))
  return { hibernation: advice.length === 0, advice }
}

/** EC2's agent makes a swap file of the size of the memory, at least 4000 MB (cloud.md 1.3); on Azure the disk has to exceed the memory. An image by its id has a size that we do not know. */
function diskOf(
  {
    template,
    cloud,
    size,
    hibernation,
  }: Pick<Common, 'template' | 'size' | 'hibernation'> & { readonly cloud: CloudName },
  wrong: Wrong,
): number | undefined {
  const system = systemOf(template.base) === undefined ? undefined : systemGib(cloud, template.base)
  const given = template.disk_gib
  if (cloud === 'azure' && given !== undefined && (given > 4095 || given < (system ?? 0)))
    wrong(
      'disk_gib',
      `must be ${system ?? 8} to 4095 on Azure: no smaller than the image, and no larger than an OS disk can be`,
    )
  if (!hibernation) return template.disk_gib ?? system
  const memory = template.memory_gib ?? size.memoryGib
  if (memory === undefined)
    wrong('memory_gib', `is missing: the memory of ${size.name} in GiB, which hibernation needs on the disk`)
  const needed = Math.max(4, Math.ceil(memory ?? 4))
  const least = needed + 8
  if (template.disk_gib !== undefined && template.disk_gib < least)
    wrong('disk_gib', `must be at least ${least} for hibernation: ${needed} GiB of memory and 8 for the system`)
  if (template.disk_gib === undefined && system === undefined)
    wrong('disk_gib', `is missing: the size of the image and ${needed} GiB of memory, for hibernation`)
  return template.disk_gib ?? (system ?? 0) + needed
}

/** No disk may be smaller than its image: those of RHEL on Azure have 64 GiB, the others at most 30. */
function systemGib(cloud: CloudName, base: string): number {
  if (cloud === 'aws') return 20
  return base.startsWith('rhel') ? 64 : 30
}
