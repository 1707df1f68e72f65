// The command line of `make cloud`.

import { parseArgs } from 'node:util'
import type { AwsOptions, InstanceSpec } from './aws.ts'
import type { AzureOptions, VmSpec } from './azure.ts'

export const usage = `usage: node test/clouds/main.ts [flags]

Runs a simulated AWS and a simulated Azure on loopback until it is interrupted.

  --metadata-port N    port of EC2's metadata service (default: a free one, as for all)
  --api-port N         port of the EC2 API
  --control-port N     port of EC2's control server
  --azure-metadata-port N     port of Azure's metadata service and identity endpoint
  --azure-api-port N          port of Azure Resource Manager
  --azure-control-port N      port of Azure's control server
  --bind ADDRESS       where all but the control servers listen (default: 127.0.0.1)
  --metadata-tags on|off      whether EC2's metadata shows the instance's tags (default: on)
  --tokens required|optional  whether IMDSv1 is off (default: required)
Of the machines in both clouds:
  --hibernation on|off        whether they were made for hibernation (default: on)
  --role on|off               whether they have a role (default: on)
  --not-ready-seconds N       hibernation is refused so long after boot (default: 0)
  --hibernate-ms N     how long hibernating takes (default: 1500)
  --stop-ms N          how long stopping or deallocating takes (default: 1500)
  --start-ms N         how long starting takes (default: 1500)
  --throttle           calls cost tokens from the vendor's buckets
  --help               this text
`

/** A command line that cannot be followed. */
export class FlagError extends Error {}

export type Flags =
  | { readonly help: true }
  | { readonly help: false; readonly aws: AwsOptions; readonly azure: AzureOptions }

const flagOptions = {
  'metadata-port': { type: 'string' },
  'api-port': { type: 'string' },
  'control-port': { type: 'string' },
  'azure-metadata-port': { type: 'string' },
  'azure-api-port': { type: 'string' },
  'azure-control-port': { type: 'string' },
  bind: { type: 'string' },
  hibernation: { type: 'string' },
  'metadata-tags': { type: 'string' },
  tokens: { type: 'string' },
  role: { type: 'string' },
  'not-ready-seconds': { type: 'string' },
  'hibernate-ms': { type: 'string' },
  'stop-ms': { type: 'string' },
  'start-ms': { type: 'string' },
  throttle: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

type Values = Readonly<Partial<Record<keyof typeof flagOptions, string | boolean>>>

/** Reads the flags; throws a FlagError of one line. */
export function parseFlags(args: readonly string[]): Flags {
  const values = rawValues(args)
  if (values.help) return { help: true }
  const both = {
    ...(typeof values.bind === 'string' ? { bind: values.bind } : {}),
    delays: {
      hibernateMs: whole(values, 'hibernate-ms', { fallback: 1500, max: 3_600_000 }),
      stopMs: whole(values, 'stop-ms', { fallback: 1500, max: 3_600_000 }),
      startMs: whole(values, 'start-ms', { fallback: 1500, max: 3_600_000 }),
    },
    throttle: values.throttle === true,
  }
  const aws: AwsOptions = {
    ...both,
    metadata: { port: port(values, 'metadata-port') },
    api: { port: port(values, 'api-port') },
    control: { port: port(values, 'control-port') },
    instances: [instanceSpec(values)],
  }
  const azure: AzureOptions = {
    ...both,
    metadata: { port: port(values, 'azure-metadata-port') },
    api: { port: port(values, 'azure-api-port') },
    control: { port: port(values, 'azure-control-port') },
    instances: [machine(values)],
  }
  return { help: false, aws, azure }
}

function rawValues(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options: flagOptions, strict: true, allowPositionals: false }).values
  } catch (error) {
    const [line = 'bad flags'] = (error instanceof Error ? error.message : String(error)).split(
      /\.? To specify|\. Did you|\n/,
    )
    throw new FlagError(`${line}; --help lists the flags`, { cause: error })
  }
}

function instanceSpec(values: Values): InstanceSpec {
  return {
    ...machine(values),
    metadataTags: choice(values, 'metadata-tags', ['on', 'off']) === 'on',
    metadataTokens: choice(values, 'tokens', ['required', 'optional']),
  }
}

/** What machines of both clouds have. */
function machine(values: Values): InstanceSpec & VmSpec {
  return {
    hibernation: choice(values, 'hibernation', ['on', 'off']) === 'on',
    role: choice(values, 'role', ['on', 'off']) === 'on' ? 'idle-agent' : null,
    hibernationReadySeconds: whole(values, 'not-ready-seconds', { fallback: 0, max: 86_400 }),
  }
}

function port(values: Values, name: keyof Values): number {
  return whole(values, name, { fallback: 0, max: 65_535 })
}

/** One of the words; the first unless given. */
function choice<Word extends string>(values: Values, name: keyof Values, words: readonly [Word, ...Word[]]): Word {
  const value = values[name]
  if (value === undefined) return words[0]
  const found = words.find((word) => word === value)
  if (found === undefined) throw new FlagError(`--${name} is ${words.join(' or ')}, not '${String(value)}'`)
  return found
}

function whole(values: Values, name: keyof Values, { fallback, max }: { fallback: number; max: number }): number {
  const value = values[name]
  if (value === undefined) return fallback
  const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (!(number <= max))
    throw new FlagError(`--${name} is a whole number from 0 to ${String(max)}, not '${String(value)}'`)
  return number
}
