/** What the agent reads from EC2's metadata, parsed by hand into the few fields it uses. */
import { CloudError } from '../errors.ts'
import type { Identity, OperatorTags } from './cloud.ts'
import { garbage, type Imds, type Patience } from './imds.ts'
import { operatorTagNames, tagKey } from './tags.ts'

/** An EC2 instance's identity; the region is always told. */
export interface InstanceIdentity extends Identity {
  readonly region: string
}

/** The role's temporary keys. Secrets: never in a message or a log. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  /** Wall milliseconds. */
  readonly expiresMs: number
}

const DOCUMENT = '/latest/dynamic/instance-identity/document'
const ROLE = '/latest/meta-data/iam/security-credentials/'
const TAGS = '/latest/meta-data/tags/instance'

/** Who this instance is, from the identity document. Throws CloudError. */
export async function readIdentity(imds: Imds, patience: Patience): Promise<InstanceIdentity> {
  const fields = jsonFields(DOCUMENT, await imds.get(DOCUMENT, patience))
  const id = fields('instanceId')
  const region = fields('region')
  const startedAt = fields('pendingTime')
  if (!/^i-[0-9a-f]{1,32}$/.test(id)) throw garbage(DOCUMENT, 'no instance id')
  // The region becomes part of a host name, so nothing but a region may pass.
  if (!/^[a-z]{2,8}(-[a-z]{2,12}){1,3}-\d{1,2}$/.test(region)) throw garbage(DOCUMENT, 'no region')
  const told = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(startedAt)
  return { id, region, ...(told ? { startedAt } : {}) }
}

/** The role's keys. Throws CloudError `no-role` where the instance has no profile. */
export async function readCredentials(imds: Imds, patience: Patience): Promise<Credentials> {
  const list = await imds.get(ROLE, patience)
  const role = list?.trim().split('\n')[0]?.trim() ?? ''
  if (role === '') {
    throw new CloudError('this instance has no role; attach an instance profile whose role may stop and tag it', {
      code: 'no-role',
      retryable: false,
    })
  }
  if (!/^[\w+=,.@-]{1,128}$/.test(role)) throw garbage(ROLE, 'not the name of a role')
  return parseCredentials(jsonFields(ROLE, await imds.get(`${ROLE}${role}`, patience)))
}

function parseCredentials(fields: (name: string) => string): Credentials {
  const code = fields('Code')
  if (code !== '' && code !== 'Success') {
    const shown = code.slice(0, 60)
    throw new CloudError(`metadata has no keys for this instance's role: ${shown}`, {
      code: 'credentials',
      retryable: true,
    })
  }
  const accessKeyId = fields('AccessKeyId')
  const secretAccessKey = fields('SecretAccessKey')
  const sessionToken = fields('Token')
  const expiresMs = Date.parse(fields('Expiration'))
  if (accessKeyId === '' || secretAccessKey === '' || sessionToken === '' || Number.isNaN(expiresMs)) {
    throw garbage(ROLE, 'not a set of keys')
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiresMs }
}

/** Was the instance launched with hibernation? The item does not exist everywhere: then it was not. */
export async function readHibernation(imds: Imds, patience: Patience): Promise<boolean> {
  const path = '/latest/meta-data/hibernation/configured'
  const text = (await imds.get(path, patience))?.trim().toLowerCase()
  if (text !== undefined && text !== 'true' && text !== 'false') throw garbage(path, 'neither true nor false')
  return text === 'true'
}

/** The operator's tags; `undefined` where metadata shows none (`InstanceMetadataTags` is off). */
export async function readOperatorTags(
  imds: Imds,
  prefix: string,
  patience: Patience,
): Promise<OperatorTags | undefined> {
  const list = await imds.get(TAGS, patience)
  if (list === undefined || list.trim() === '') return undefined
  const keys = new Set(
    list
      .trim()
      .split('\n')
      .map((line) => line.trim()),
  )
  // The characters that EC2 allows in keys once tags are shown here (cloud.md 1.2).
  if (![...keys].every((key) => /^[\w+=.,:@-]{1,255}$/.test(key))) throw garbage(TAGS, 'not a list of keys')
  const values = new Map<string, string>()
  for (const key of operatorTagNames.map((name) => tagKey(prefix, name))) {
    if (!keys.has(key)) continue
    const value = await imds.get(`${TAGS}/${encodeURIComponent(key)}`, patience)
    if (value !== undefined) values.set(key, value)
  }
  return operatorTagsOf(prefix, { keys, values })
}

/** An operator's tags and the marks of owners, out of all keys of the instance and the values that were read. */
export async function operatorTagsOf(
  prefix: string,
  { keys, values }: { readonly keys: Iterable<string>; readonly values: ReadonlyMap<string, string> },
): Promise<OperatorTags> {
  const { ownerTags } = await import('./aws-services.ts')
  const own = operatorTagNames.map((name) => [name, values.get(tagKey(prefix, name))] as const)
  const owners = ownerTags(keys)
  return {
    ...Object.fromEntries(own.filter(([, value]) => value !== undefined)),
    ...(owners.length === 0 ? {} : { owners }),
  }
}

/** The text fields of a JSON object, '' for each that is absent or something else. */
function jsonFields(path: string, text: string | undefined): (name: string) => string {
  if (text === undefined) throw garbage(path, 'not there')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // biome-ignore lint/style/useErrorCause: the parser's message quotes the text, which may hold keys
    throw garbage(path, 'not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null) throw garbage(path, 'not an object')
  const fields = new Map<string, unknown>(Object.entries(parsed))
  return (name) => {
    const value = fields.get(name)
    return typeof value === 'string' ? value : ''
  }
}
