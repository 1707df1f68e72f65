/** Tags at the launch, and the tags that the agent may write. */
import { laterTags, writtenTags } from '../agent/clouds/tags.ts'
import { shown } from '../agent/config/problems.ts'
import type { CloudName } from './fields.ts'
import type { AwsSpec } from './spec.ts'

/** Every key that this version or a later one writes: the role allows these from the first day. */
export function writtenKeys(prefix: string): readonly string[] {
  return [...writtenTags, ...laterTags].map((name) => `${prefix}:${name}`)
}

/** Whether reading the operator's tags takes a call: metadata shows none, or old ones (cloud.md 1.2). */
export function describesTags({ metadataTags, size }: Pick<AwsSpec, 'metadataTags' | 'size'>): boolean {
  return !metadataTags || size.xen
}

/** What the vendor does not take (cloud.md 1.2, 2.2), one line each. */
export function tagProblems(
  tags: Readonly<Record<string, string>>,
  { cloud, prefix }: { readonly cloud: CloudName; readonly prefix: string },
): readonly string[] {
  const problems: string[] = Object.entries(tags).flatMap(([key, value]) => {
    const of = `${shown(key)}`
    const longest = cloud === 'aws' ? 127 : 512
    const messages: string[] = []
    if (key === '' || key.length > longest || /\p{C}/u.test(key))
      messages.push(`${of}: must be 1 to ${longest} characters`)
    if (cloud === 'aws' && /^aws:/i.test(key)) messages.push(`${of}: EC2 keeps aws: for itself`)
    if (cloud === 'azure' && /[<>%&\\?/]/.test(key))
      messages.push(`${of}: Azure takes none of < > % & \\ ? / in a name`)
    if (cloud === 'azure' && /^(?:microsoft|azure|windows)/i.test(key))
      messages.push(`${of}: Azure keeps that beginning for itself`)
    if (key.toLowerCase().startsWith(`${prefix.toLowerCase()}:`))
      messages.push(`${of}: the agent's own; use protected for Protected`)
    if (value.length > 256 || /\p{Cc}/u.test(value))
      messages.push(`${of}: the value must be at most 256 characters of one line`)
    return messages
  })
  const lower = Object.keys(tags).map((key) => key.toLowerCase())
  const twice = lower.find((key, index) => cloud === 'azure' && lower.indexOf(key) !== index)
  if (twice !== undefined) problems.push(`${shown(twice)}: is there twice; Azure compares names without case`)
  const count = Object.keys(tags).length
  // 50 in all: the agent's six and two of an operator, the name, and one to spare.
  return count > 40
    ? [...problems, `must be at most 40, got ${count}: the cloud takes 50, and the agent has its own`]
    : problems
}
