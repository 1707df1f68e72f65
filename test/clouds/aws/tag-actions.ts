// CreateTags and DescribeTags, with the vendor's limits on keys and values.

import { type Call, filters, find, list, matches, missing, paged, permit } from './call.ts'
import { Ec2Error } from './errors.ts'
import type { Instance } from './instance.ts'
import type { Xml } from './xml.ts'

const maxTags = 50
const maxKey = 128
const maxValue = 256
const metadataKey = /^[0-9a-zA-Z\-_+=,.@:]{1,255}$/
const reservedInMetadata: readonly string[] = ['.', '..', '_index']

/** CreateTags: all keys on all resources, or nothing. */
export function createTags(call: Call): Xml {
  const ids = list(call.params, 'ResourceId')
  if (ids.length === 0) throw missing('resourceIdSet')
  const tags = requestedTags(call)
  if (tags.size === 0) throw missing('tagSet')
  const foreign = ids.find((id) => !/^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(id))
  if (foreign !== undefined) throw new Ec2Error('InvalidID', `The ID '${foreign}' is not valid`)
  const instances = find(call, ids)
  permit(call, instances, [...tags.keys()])
  for (const [key, value] of tags) checkTag(key, value)
  for (const instance of instances) checkOn(instance, [...tags.keys()])
  for (const instance of instances) for (const [key, value] of tags) instance.tags.set(key, value)
  return { return: true }
}

function requestedTags(call: Call): Map<string, string> {
  const tags = new Map<string, string>()
  for (let index = 1; ; index += 1) {
    const key = call.params.get(`Tag.${String(index)}.Key`)
    if (key === undefined) return tags
    if (tags.has(key)) throw invalid(`Duplicate tag key '${key}' specified.`)
    tags.set(key, call.params.get(`Tag.${String(index)}.Value`) ?? '')
  }
}

function checkTag(key: string, value: string): void {
  if (key === '') throw invalid('Tag key cannot be null or empty')
  if (isReserved(key)) throw invalid("Tag keys starting with 'aws:' are reserved for internal use")
  if (key.length > maxKey) throw invalid(`Tag key exceeds the maximum length of ${String(maxKey)} characters`)
  if (value.length > maxValue) throw invalid(`Tag value exceeds the maximum length of ${String(maxValue)} characters`)
}

function checkOn(instance: Instance, keys: readonly string[]): void {
  const unfit = keys.find((key) => !metadataKey.test(key) || reservedInMetadata.includes(key))
  if (instance.metadataTags && unfit !== undefined) {
    throw invalid(
      `'${unfit}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{1,255}), ` +
        "and must not be a reserved name ('.', '..', '_index')",
    )
  }
  const after = new Set([...instance.tags.keys(), ...keys])
  if ([...after].filter((key) => !isReserved(key)).length > maxTags) {
    throw new Ec2Error('TagLimitExceeded', 'The maximum number of Tags for a resource has been reached.')
  }
}

function isReserved(key: string): boolean {
  return key.toLowerCase().startsWith('aws:')
}

function invalid(message: string): Ec2Error {
  return new Ec2Error('InvalidParameterValue', message)
}

interface TagRow {
  readonly resourceId: string
  readonly resourceType: 'instance'
  readonly key: string
  readonly value: string
}

/** DescribeTags: every tag that fits every filter. */
export function describeTags(call: Call): Xml {
  permit(call, [])
  const wanted = filters(call)
  const rows: TagRow[] = []
  for (const instance of call.account.instances.values()) {
    for (const [key, value] of instance.tags)
      rows.push({ resourceId: instance.id, resourceType: 'instance', key, value })
  }
  const fitting = rows.filter((row) => wanted.every(({ name, values }) => fits(row, name, values)))
  const { page, nextToken } = paged(call, fitting)
  return { nextToken, tagSet: page.map((row) => ({ ...row })) }
}

function fits(row: TagRow, name: string, values: readonly string[]): boolean {
  switch (name) {
    case 'resource-id':
      return matches(row.resourceId, values)
    case 'resource-type':
      return matches(row.resourceType, values)
    case 'key':
      return matches(row.key, values)
    case 'value':
      return matches(row.value, values)
    default:
      if (name.startsWith('tag:')) return row.key === name.slice(4) && matches(row.value, values)
      throw invalid(`The filter '${name}' is invalid`)
  }
}
