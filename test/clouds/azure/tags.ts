// Tags of a VM by Microsoft.Resources/tags: read, merged, replaced and deleted, with the vendor's limits.

import { isRecord } from '../faults.ts'
import type { CloudAnswer } from '../http-server.ts'
import type { Call } from './call.ts'
import { ArmError, jsonAnswer } from './errors.ts'
import type { Vm } from './vm.ts'

const maxTags = 50
const maxName = 512
const maxValue = 256
/** Those of the tagging page, and control characters. */
const reserved = /[<>%&\\?/\p{Cc}]/u

/** GET: all tags. */
export function getTags({ vm, vmPath }: Call): CloudAnswer {
  return tagsAnswer(vm, vmPath)
}

/** PUT: these tags and no others. */
export function putTags({ vm, vmPath, body }: Call): CloudAnswer {
  const tags = requested(parsed(body))
  check(tags)
  store(vm, merged(new Map(), tags))
  return tagsAnswer(vm, vmPath)
}

/** PATCH: Merge, Replace or Delete, all of it or nothing. */
export function patchTags({ vm, vmPath, body }: Call): CloudAnswer {
  const asked = parsed(body)
  const operation = asked['operation']
  const tags = requested(asked)
  if (operation === 'Merge' || operation === 'Replace') {
    check(tags)
    store(vm, merged(operation === 'Merge' ? vm.tags : new Map(), tags))
  } else if (operation === 'Delete') {
    store(vm, without(vm.tags, tags))
  } else {
    throw invalid(`The tags patch operation '${String(operation)}' is not one of Merge, Replace, Delete.`)
  }
  return tagsAnswer(vm, vmPath)
}

/** DELETE: no tags. */
export function deleteTags({ vm }: Call): CloudAnswer {
  vm.tags.clear()
  return jsonAnswer(200, undefined)
}

function tagsAnswer(vm: Vm, vmPath: string): CloudAnswer {
  return jsonAnswer(200, {
    id: `${vmPath}/providers/Microsoft.Resources/tags/default`,
    name: 'default',
    type: 'Microsoft.Resources/tags',
    properties: { tags: Object.fromEntries(vm.tags) },
  })
}

/** What the log shows of a body: the operation, and each tag. */
export function describeTags(body: Buffer): Record<string, string> {
  try {
    const asked = parsed(body)
    const operation = typeof asked['operation'] === 'string' ? { operation: asked['operation'] } : {}
    const named = Object.entries(requested(asked)).map(([name, value]) => [`tag:${name}`, value])
    return { ...operation, ...Object.fromEntries(named) }
  } catch {
    return {} // the operation itself says what is wrong with it
  }
}

function parsed(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString())
    if (isRecord(value)) return value
  } catch {
    // told below
  }
  throw invalid('The request content was invalid and could not be deserialized.')
}

function requested(asked: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const { properties } = asked
  const tags = isRecord(properties) ? properties['tags'] : undefined
  if (!isRecord(tags)) throw invalid("The request content was invalid: 'properties.tags' is missing.")
  const texts = Object.entries(tags).map(([name, value]): [string, string] => {
    if (typeof value !== 'string') throw invalid(`The value of the tag '${name}' is not a string.`)
    return [name, value]
  })
  const names = texts.map(([name]) => name.toLowerCase())
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw invalid(`The tag name '${twice}' is given more than once.`)
  return Object.fromEntries(texts)
}

function check(tags: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(tags)) {
    if (name === '') throw new ArmError('InvalidTagName', 'The tag name must not be empty.')
    if (reserved.test(name)) {
      throw new ArmError(
        'InvalidTagNameCharacters',
        `The tag names '${name}' have reserved characters '<,>,%,&,\\,?,/' or control characters.`,
      )
    }
    if (name.length > maxName) throw new ArmError('InvalidTagName', tooLarge('name', name, maxName))
    if (value.length > maxValue) throw new ArmError('InvalidTagValueLength', tooLarge('value', value, maxValue))
    if (/^(?:microsoft|azure|windows)/i.test(name)) {
      throw new ArmError('ReservedTagName', `The tag name '${name}' begins with a reserved prefix.`)
    }
  }
}

function tooLarge(what: string, text: string, most: number): string {
  return (
    `Tag ${what} too large. Following tag ${what} '${text}' exceeded the maximum length. Maximum allowed length for ` +
    `tag ${what} - '${String(most)}' characters.`
  )
}

/** Names are compared without case; the one that is there keeps its spelling. */
function merged(before: ReadonlyMap<string, string>, tags: Readonly<Record<string, string>>): Map<string, string> {
  const after = new Map(before)
  for (const [name, value] of Object.entries(tags)) after.set(spelled(after, name) ?? name, value)
  if (after.size > maxTags) {
    throw new ArmError('TagLimitExceeded', `A resource can have at most ${String(maxTags)} tags.`, { status: 400 })
  }
  return after
}

/** Only a tag that has the value, too, is deleted. */
function without(before: ReadonlyMap<string, string>, tags: Readonly<Record<string, string>>): Map<string, string> {
  const after = new Map(before)
  for (const [name, value] of Object.entries(tags)) {
    const there = spelled(after, name)
    if (there !== undefined && after.get(there) === value) after.delete(there)
  }
  return after
}

function spelled(tags: ReadonlyMap<string, string>, name: string): string | undefined {
  return [...tags.keys()].find((there) => there.toLowerCase() === name.toLowerCase())
}

function store(vm: Vm, tags: ReadonlyMap<string, string>): void {
  vm.tags.clear()
  for (const [name, value] of tags) vm.tags.set(name, value)
}

function invalid(message: string): ArmError {
  return new ArmError('InvalidRequestContent', message)
}
