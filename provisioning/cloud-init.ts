/** What cloud-init is given at the first boot: its own configuration, our script, and the operator's user data as it is. */
import { gzipSync } from 'node:zlib'
import { UsageError } from '../agent/errors.ts'
import { bootstrapScript, yaml } from './bootstrap.ts'
import type { CloudName } from './fields.ts'
import { partType } from './own-data.ts'
import type { Spec } from './spec.ts'
import type { Template, User } from './template.ts'

/** One part as cloud-init takes it. */
export interface Part {
  readonly name: string
  readonly type: string
  readonly text: string
}

/** Bytes that the vendors take before base64 (cloud.md 1.8, 2.7). */
const mostBytes: Readonly<Record<CloudName, number>> = { aws: 16_384, azure: 65_535 }

/** User data (EC2) or custom data (Azure). Throws UsageError where it is more than the vendor takes. */
export function userData(spec: Spec): Buffer {
  const parts = partsOf(spec)
  const plain = Buffer.from(assembled(parts))
  const most = mostBytes[spec.cloud]
  if (plain.length <= most) return plain
  const packed = gzipSync(plain, { level: 9 }) // cloud-init takes it as it is, and the vendors count its bytes
  if (packed.length <= most) return packed
  const sizes = parts.map(({ name, text }) => `${name} ${Buffer.byteLength(text)}`).join(', ')
  throw new UsageError(
    `user_data: ${packed.length} bytes compressed, and ${spec.cloud} takes ${most} (${sizes}); fetch the larger part from the machine`,
  )
}

/**
 * The parts in the order in which they take effect; scripts are run in the order of their names. Our script comes before the operator's, which may reboot or never end;
 * our cloud-config after theirs, to which it is added.
 */
export function partsOf(spec: Spec): readonly Part[] {
  const { template } = spec
  const own = template.user_data
  const parts: Part[] = [{ name: '01-idle-agent.sh', type: 'text/x-shellscript', text: scriptOf(spec) }]
  if (own !== undefined) parts.push({ name: '02-user-data', type: partType(own) ?? 'text/plain', text: own })
  const config = cloudConfig(template)
  if (config === undefined) return parts
  return [...parts, { name: '03-template.yaml', type: 'text/cloud-config', text: `#cloud-config\n${yaml(config)}` }]
}

function scriptOf({ agent, config, template, schedule, slug }: Spec): string {
  return bootstrapScript({
    about: [`Installs idle-agent on ${slug}; made by "idle-agent provision".`],
    downloads: agent.inImage || agent.download === undefined ? [] : [agent.download],
    config,
    schedule,
    proxy: template.proxy,
  })
}

/** Added to what came before: lists are joined, and what the operator's part says stays. */
const added = [
  { name: 'list', settings: ['append'] },
  { name: 'dict', settings: ['no_replace', 'recurse_list'] },
]

/** Packages, accounts and time zone; `undefined` where the template has none of them. */
function cloudConfig({ packages = [], users, time_zone, proxy, base, imds_root_only }: Template): object | undefined {
  // What metadata is guarded with (docs/security.md).
  const needed = imds_root_only === true ? [...new Set([...packages, 'nftables'])] : packages
  const config = {
    ...(time_zone === undefined ? {} : { timezone: time_zone }),
    ...(proxy === undefined ? {} : proxyConfig(base, proxy)),
    ...(needed.length === 0 ? {} : { package_update: true, packages: needed }),
    ...(users === undefined ? {} : { users: ['default', ...users.map(account)] }),
  }
  return Object.keys(config).length === 0 ? undefined : { ...config, merge_how: added }
}

/** Where the system's own package manager finds its proxy. */
function proxyConfig(base: string, proxy: string): object {
  if (!/^(?:amazon-linux|rhel)/.test(base)) return { apt: { proxy } }
  return { write_files: [{ path: '/etc/dnf/dnf.conf', content: `proxy=${proxy}\n`, append: true }] }
}

function account({ name, ssh_keys, groups, shell, sudo }: User): object {
  return {
    name,
    lock_passwd: true,
    shell: shell ?? '/bin/bash',
    ...(groups === undefined ? {} : { groups: groups.join(', ') }),
    ...(ssh_keys === undefined ? {} : { ssh_authorized_keys: ssh_keys }),
    ...(sudo === true ? { sudo: 'ALL=(ALL) NOPASSWD:ALL' } : {}),
  }
}

/** All as a MIME archive, one part too: so its script always has the same name on the machine. */
function assembled(parts: readonly Part[]): string {
  const bodies = parts.map(mimePart)
  const boundary = boundaryOf(bodies)
  const inner = bodies.map((body) => `--${boundary}\n${body}\n`).join('')
  return `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n${inner}--${boundary}--\n`
}

/** A line that no part holds; the same as long as that can be, so that `--diff` shows what changed. */
function boundaryOf(bodies: readonly string[]): string {
  let number = 0
  while (bodies.some((body) => body.includes(`==idle-agent-${number}==`))) number += 1
  return `==idle-agent-${number}==`
}

/** Text of one line a line in ASCII is written as it is, so that people can read it; anything else would not arrive as it is. */
function mimePart({ name, type, text }: Part): string {
  const readable = /^[\t\n -~]*$/.test(text)
  const head = [
    `Content-Type: ${type}; charset="utf-8"`,
    'MIME-Version: 1.0',
    `Content-Transfer-Encoding: ${readable ? '7bit' : 'base64'}`,
    `Content-Disposition: attachment; filename="${name}"`,
  ]
  const body = readable
    ? text
    : (
        Buffer.from(text)
          .toString('base64')
          .match(/.{1,76}/g) ?? []
      ).join('\n')
  return `${head.join('\n')}\n\n${body}`
}
