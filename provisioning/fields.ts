/** Every key of a template, once: what it may hold, what that rule is in words, and a sentence. */
import * as z from 'zod/mini'

/** A key of the template, or of a member of `users`. */
export interface Field {
  readonly schema: z.ZodMiniType
  /** What it must be, in words. */
  readonly rule: string
  /** What a member of the list must be. */
  readonly each?: string
  readonly about: string
  readonly required?: true
}

/** The systems that a template can name; each cloud has its own images of them (images.ts). */
export const systems = ['ubuntu-22.04', 'ubuntu-24.04', 'debian-12', 'amazon-linux-2023', 'rhel-9'] as const
export type System = (typeof systems)[number]

export const clouds = ['aws', 'azure'] as const
export type CloudName = (typeof clouds)[number]

/** Text of one line, without characters that act on a terminal or hide what is written. */
const line = (most: number) => z.string().check(z.regex(new RegExp(`^[^\\p{C}\\p{Zl}\\p{Zp}]{1,${most}}$`, 'u')))
const pattern = (regex: RegExp) => z.string().check(z.regex(regex))
const flag = z.boolean()
const yesOrNo = 'true or false'

/** A package of Debian, of RPM, or one with a version as cloud-init takes it. */
const packageName = /^[A-Za-z0-9][A-Za-z0-9.+_:~=@/-]{0,127}$/
const userName = /^[a-z_][a-z0-9_-]{0,31}$/
const sshKey =
  /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,2}(?: [^\p{C}\p{Zl}\p{Zp}]{1,200})?$/u
/** No user and no password: what is in user data, every process on the machine can read. */
const address = /^https?:\/\/[A-Za-z0-9.[\]:-]+(?:\/[A-Za-z0-9._~!$&()*+,;=:@%/?#-]*)?$/

/** Names as the files of the database have them, which is what cloud-init looks for. */
const timeZones = new Set(['UTC', ...Intl.supportedValuesOf('timeZone')])

/** The keys of a member of `users`. */
export const userFields = {
  name: {
    schema: pattern(userName),
    rule: 'a login name: lower-case letters, digits, - and _, at most 32',
    about: 'The login name.',
    required: true,
  },
  ssh_keys: {
    schema: z.array(pattern(sshKey)),
    rule: 'a list of public keys',
    each: 'a public key, as in a .pub file',
    about: 'Public keys that may log in.',
  },
  groups: {
    schema: z.array(pattern(userName)),
    rule: 'a list of names of groups',
    each: 'the name of a group',
    about: 'Groups to be in as well.',
  },
  shell: {
    schema: pattern(/^\/[A-Za-z0-9_./-]{1,100}$/),
    rule: 'a path',
    about: 'The login shell, such as /bin/bash.',
  },
  sudo: { schema: flag, rule: yesOrNo, about: 'May do everything as root, without a password.' },
} as const satisfies Readonly<Record<string, Field>>

/** The keys of a template, besides `idle_detection`. */
export const fields = {
  name: {
    schema: pattern(/^(?=.*[A-Za-z0-9])[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u),
    rule: 'a line of at most 100 characters with a letter or digit in it',
    about: 'What the machines are called; the names of what is created are made from it.',
    required: true,
  },
  description: { schema: line(255), rule: 'a line of at most 255 characters', about: 'What they are for.' },
  cloud: { schema: z.enum(clouds), rule: clouds.join(' or '), about: 'Where they run, unless --cloud says so.' },
  base: {
    schema: pattern(/^[A-Za-z0-9/][A-Za-z0-9._:/-]{1,400}$/),
    rule: `${systems.join(', ')}, or the id of an image: ami-…, publisher:offer:sku:version, /subscriptions/…`,
    about: 'The system that they boot; by name it is the newest image of it.',
    required: true,
  },
  size: {
    schema: pattern(/^[A-Za-z0-9][A-Za-z0-9._-]{1,60}$/),
    rule: 'an instance type of EC2 (m7g.large) or a size of Azure (Standard_D2s_v5)',
    about: 'The instance type, or the size of the VM.',
    required: true,
  },
  memory_gib: {
    schema: z.number().check(z.gte(0.5), z.lte(32_768)),
    rule: 'a number of GiB',
    about: 'Memory of that size; needed for hibernation where it does not follow from the name.',
  },
  root_device: {
    schema: pattern(/^\/dev\/[a-z0-9]{2,20}$/),
    rule: 'a device, such as /dev/sda1 or /dev/xvda',
    about:
      'The root device of an image given by its id on EC2, as the image names it: without it the root disk cannot be made encrypted or large enough.',
  },
  disk_gib: {
    schema: z.int().check(z.gte(8), z.lte(16_384)),
    rule: 'a whole number of GiB from 8 to 16384',
    about: 'The root disk; unset: 20 GiB on EC2 and 30 on Azure, and for hibernation as much as the memory besides.',
  },
  hibernation: {
    schema: flag,
    rule: yesOrNo,
    about: 'Launch them so that they can be hibernated; unset: where cloud, size and system are known to be able to.',
  },
  spot: { schema: flag, rule: yesOrNo, about: 'Ask for spare capacity, which the cloud may take back.' },
  auto_scaling: {
    schema: flag,
    rule: yesOrNo,
    about: 'They will be members of an Auto Scaling group, or of a scale set, which replaces what is stopped.',
  },
  ephemeral_os_disk: {
    schema: flag,
    rule: yesOrNo,
    about: 'The OS disk is on the host of the VM (Azure): nothing of it outlives a deallocation.',
  },
  time_zone: {
    schema: z.string().check(z.refine((name) => timeZones.has(name))),
    rule: 'a time zone of the IANA database, such as Europe/Berlin',
    about: "The owner's time zone, which the machine's clock shows.",
  },
  protected: {
    schema: flag,
    rule: yesOrNo,
    about: 'Launched with the tag Protected: judged, and never stopped until somebody sets the tag to false.',
  },
  packages: {
    schema: z.array(pattern(packageName)),
    rule: 'a list of names of packages',
    each: 'the name of a package',
    about: 'Packages of the system to install at the first boot.',
  },
  users: {
    schema: z.array(z.unknown()),
    rule: 'a list of blocks, each with a name',
    each: 'a block with a name',
    about: 'Accounts to make.',
  },
  tags: {
    schema: z.record(z.string(), z.string()),
    rule: 'a block of texts',
    each: 'text',
    about: 'Tags of the machines, besides those of the agent.',
  },
  agent_url: {
    schema: z.string().check(z.refine((text) => address.test(text.replaceAll('{arch}', 'x64')))),
    rule: 'an address that begins with http:// or https://, without a user or password',
    about:
      'Where the machines fetch the executable; {arch} in it becomes x64 or arm64. Any server will do: the sum is the trust.',
  },
  agent_sha256: {
    schema: pattern(/^[0-9a-f]{64}$/),
    rule: '64 hexadecimal digits, as in dist/SHA256SUMS',
    about: 'SHA-256 of the executable.',
  },
  agent_in_image: {
    schema: flag,
    rule: yesOrNo,
    about:
      'The image holds /usr/local/bin/idle-agent already: the machines fetch nothing. --format image makes the script that puts it there, from agent_url.',
  },
  proxy: {
    schema: pattern(address),
    rule: 'an address that begins with http:// or https://, without a user or password',
    about: 'A proxy for fetching packages and the executable.',
  },
  imds_root_only: {
    schema: flag,
    rule: yesOrNo,
    about: "Only root reaches the instance metadata, and with it the role's credentials (metadata_root_only).",
  },
  user_data: {
    schema: z.string(),
    rule: 'text, as cloud-init takes it: a script that begins with #!, or #cloud-config',
    about: 'Your own user data; run as it would be by itself.',
  },
} as const satisfies Readonly<Record<string, Field>>

export type FieldName = keyof typeof fields
