// One call of the EC2 API: its parameters, its caller, and the checks that every action begins with.

import type { CloudClock } from '../clock.ts'
import type { Principal } from './credentials.ts'
import { Ec2Error } from './errors.ts'
import { authorize, type RolePolicy } from './iam.ts'
import type { Instance } from './instance.ts'
import type { Power } from './power.ts'

/** What the actions act on. */
export interface Account {
  readonly id: string
  readonly region: string
  readonly instances: ReadonlyMap<string, Instance>
  readonly policies: ReadonlyMap<string, RolePolicy>
  readonly power: Power
  readonly clock: CloudClock
}

export interface Call {
  readonly action: string
  readonly params: ReadonlyMap<string, string>
  readonly principal: Principal
  readonly account: Account
}

export interface Filter {
  readonly name: string
  readonly values: readonly string[]
}

/** A parameter that must be there. */
export function required(call: Call, name: string): string {
  const value = call.params.get(name)
  if (value === undefined || value === '') throw missing(name)
  return value
}

/** The error for a parameter that is not there. */
export function missing(name: string): Ec2Error {
  return new Ec2Error('MissingParameter', `The request must contain the parameter ${name}`)
}

/** A boolean parameter, false when absent. */
export function flag(call: Call, name: string): boolean {
  const value = call.params.get(name)
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  throw new Ec2Error('InvalidParameterValue', `Invalid value '${value}' for ${name}. Must be true or false`)
}

/** `Name.1`, `Name.2`, … in order. */
export function list(params: ReadonlyMap<string, string>, name: string): string[] {
  const values: string[] = []
  for (let index = 1; ; index += 1) {
    const value = params.get(`${name}.${String(index)}`)
    if (value === undefined) return values
    values.push(value)
  }
}

/** `Filter.1.Name`, `Filter.1.Value.1`, … in order. */
export function filters(call: Call): Filter[] {
  const found: Filter[] = []
  for (let index = 1; ; index += 1) {
    const name = call.params.get(`Filter.${String(index)}.Name`)
    if (name === undefined) return found
    found.push({ name, values: list(call.params, `Filter.${String(index)}.Value`) })
  }
}

/** Whether a value fits a filter's pattern: `*` is any run of characters, `?` any one, a backslash quotes. */
export function matches(value: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.match(/\\.|[^\\]|\\$/gs) ?? []
    const source = parts.map((part) => (part === '*' ? '.*' : part === '?' ? '.' : literal(part))).join('')
    return new RegExp(`^${source}$`, 's').test(value)
  })
}

function literal(part: string): string {
  const character = part.length > 1 ? part.slice(1) : part
  return character.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

/** Allowed, or UnauthorizedOperation; a dry run ends here with DryRunOperation. */
export function permit(call: Call, instances: readonly Instance[], tagKeys: readonly string[] = []): void {
  const { action, principal, account } = call
  const instanceIds = instances.map((instance) => instance.id)
  authorize(
    { principal, action, region: account.region, accountId: account.id, instanceIds, tagKeys },
    account.policies,
  )
  if (flag(call, 'DryRun')) {
    throw new Ec2Error('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.')
  }
}

const wellFormed = /^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/

/** The instances of these ids, all of which must exist. */
export function find(call: Call, ids: readonly string[]): Instance[] {
  const malformed = ids.find((id) => !wellFormed.test(id))
  if (malformed !== undefined) {
    throw new Ec2Error('InvalidInstanceID.Malformed', `Invalid id: "${malformed}"`)
  }
  const absent = ids.filter((id) => !call.account.instances.has(id))
  if (absent.length > 1) {
    throw new Ec2Error('InvalidInstanceID.NotFound', `The instance IDs '${absent.join(', ')}' do not exist`)
  }
  if (absent[0] !== undefined) {
    throw new Ec2Error('InvalidInstanceID.NotFound', `The instance ID '${absent[0]}' does not exist`)
  }
  return [...new Set(ids)].flatMap((id) => call.account.instances.get(id) ?? [])
}

/** One page of a describe's results, by `MaxResults` and `NextToken`. */
export function paged<T>(
  call: Call,
  items: readonly T[],
): { readonly page: readonly T[]; readonly nextToken?: string } {
  const text = call.params.get('MaxResults')
  const token = call.params.get('NextToken')
  const from = token === undefined ? 0 : Number(Buffer.from(token, 'base64url').toString())
  if (!Number.isInteger(from) || from < 0)
    throw new Ec2Error('InvalidPaginationToken', 'The specified token is invalid.')
  if (text === undefined) return { page: items.slice(from) }
  const size = Number(text)
  if (!Number.isInteger(size) || size < 5 || size > 1000) {
    throw new Ec2Error(
      'InvalidParameterValue',
      `Value ( ${text} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.`,
    )
  }
  const page = items.slice(from, from + size)
  if (from + size >= items.length) return { page }
  return { page, nextToken: Buffer.from(String(from + size)).toString('base64url') }
}
