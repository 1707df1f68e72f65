/** Tags of an Azure resource: names are compared without case, so that they are kept in lower case. */
import { isObject } from '../parse.ts'
import type { OperatorTags } from './cloud.ts'
import { operatorTagNames, tagKey } from './tags.ts'

/** The tags in an answer of `Microsoft.Resources/tags`. Throws Error where it holds none: that must not pass for "no tags". */
export function tagsIn({ body }: { readonly body: unknown }): ReadonlyMap<string, string> {
  const properties = isObject(body) ? body['properties'] : undefined
  const tags = isObject(properties) ? properties['tags'] : undefined
  if (!isObject(tags)) throw new Error('the answer does not tell all tags')
  return new Map(
    Object.entries(tags).map(([name, value]) => [name.toLowerCase(), typeof value === 'string' ? value : '']),
  )
}

/** An operator's tags among those of a VM. */
export function operatorTagsOf(prefix: string, tags: ReadonlyMap<string, string>): OperatorTags {
  const own = operatorTagNames.map((name) => [name, tags.get(tagKey(prefix, name).toLowerCase())] as const)
  return Object.fromEntries(own.filter(([, value]) => value !== undefined))
}
