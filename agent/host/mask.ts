/** What a capture must not hold is taken out here, before the sensors see it and before anything is written: they judge what is recorded. */
import { maskCrontab } from './mask-crontab.ts'
import { maskCommandLine } from './mask-words.ts'

/** Keeps for the life of the process what it took out, so that a request that needs it can still be sent. */
export interface Mask {
  /** Is this file never recorded? */
  isHidden(path: string): boolean
  /** The text of the file as it is recorded. */
  file(path: string, text: string): string
  /** What a command printed, or a server answered. */
  text(text: string): string
  /** For text that may quote what was taken out before, such as the message of an error. */
  hide(text: string): string
  /** Puts back what was taken out: for the outside only. */
  reveal(text: string): string
}

export interface MaskOptions {
  /** Command lines stay whole: for patterns of an operator's own that look at arguments. */
  readonly arguments: boolean
}

/** Environments, keys and passwords are nobody's evidence. */
const never =
  /^\/proc\/[^/]+(\/task\/[^/]+)?\/environ$|\/(shadow-?|gshadow-?|\.netrc|\.pgpass|\.git-credentials|\.Xauthority|[^/]*cookie_secret[^/]*|id_(rsa|dsa|ecdsa|ed25519)|credentials)$|\.(pem|key)$/

const secretName =
  /token|passw|pwd|passphrase|secret|api[-_]?key|access[-_]?key|private[-_]?key|hmac|credential|authorization|cookie|^key$|last-applied-configuration$/i
const argumentName =
  /^(env|environment|args|arguments|argv|cmd|cmdline|command|entrypoint|healthcheck|onbuild|exec(start|stop|reload)\w*)$/i
/** Whatever people write into these stays out, but for what a sensor reads (agent/sensors/container-facts.ts). */
const labelsName = /^(labels|annotations)$/i
const keptLabels = new Set(['idle-agent.activity', 'nerdctl/name', 'io.kubernetes.cri.sandbox-name'])

const inText: readonly RegExp[] = [
  /-----BEGIN [^-\n]*PRIVATE KEY-----[\s\S]*?(?:-----END [^-\n]*-----|$)/g,
  /(?<=(?:token|passw(?:or)?d|passphrase|secret|api[-_]?key|access[-_]?key|authorization|cookie)\w{0,20}["']?\s{0,4}[=:]\s{0,4}["']?(?:(?:Bearer|Basic|token)\s)?)[^\s"'&,;{}[\]]{4,}/gi,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g,
  /(?<=\w:\/\/)[^\s/@"']+(?=@)/g,
  /(?<=[?&][\w.-]{1,60}=)[^\s&"'#]+/g,
  /(?<=\bhttps?:\/\/[^\s?"']{1,300}\?)[^\s"'=&]+(?=["'\s]|$)/g,
]

/** Shorter ones are replaced where they stand, and not looked for elsewhere. */
const SHORTEST = 8
/** Secrets that are remembered at once; those that came first are forgotten first. */
const MOST = 1000
const placeholder = /masked-\d+/g

interface Secrets {
  readonly names: Map<string, string>
  readonly values: Map<string, string>
  count: number
}

/** A name such as ours that others wrote: what is put in its place must not be what a request has put back into it, or they get another's secret. */
function defused(text: string): string {
  return text.includes('masked-') ? text.replace(/masked-(?=\d)/g, 'masked_') : text
}

/** The same name for the same secret, so that what compares them sees no difference. */
function nameOf(secrets: Secrets, secret: string): string {
  const { names, values } = secrets
  if (/^masked-\d+$/.test(secret)) return secret
  const known = names.get(secret)
  if (known !== undefined) return known
  secrets.count += 1
  const name = `masked-${secrets.count}`
  names.set(secret, name)
  values.set(name, secret)
  const [oldest] = names
  if (names.size > MOST && oldest !== undefined) {
    names.delete(oldest[0])
    values.delete(oldest[1])
  }
  return name
}

function maskString(secrets: Secrets, text: string): string {
  let masked = hide(secrets, text)
  for (const form of inText) masked = masked.replace(form, (found) => nameOf(secrets, found))
  return masked
}

function hide({ names }: Secrets, text: string): string {
  let hidden = text
  for (const [secret, name] of names)
    if (secret.length >= SHORTEST && hidden.includes(secret)) hidden = hidden.replaceAll(secret, name)
  return hidden
}

/** The value without what is a secret by its name, by its form, or because it is known as one. */
function maskValue(secrets: Secrets, value: unknown, name: string): unknown {
  if (typeof value === 'string') {
    if (value === '') return value
    const text = defused(value)
    return secretName.test(name) ? nameOf(secrets, text) : maskString(secrets, text)
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one) => maskValue(secrets, one, name))
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      argumentName.test(key) ? emptied(one) : labelsName.test(key) ? labelled(one) : maskValue(secrets, one, key),
    ]),
  )
}

function labelled(labels: unknown): unknown {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) return emptied(labels)
  return Object.fromEntries(Object.entries(labels).map(([key, one]) => [key, keptLabels.has(key) ? one : emptied(one)]))
}

function emptied(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? '' : 'x'
  if (Array.isArray(value)) return []
  return typeof value === 'object' && value !== null ? {} : value
}

function parsed(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined // no JSON: masked as any text
  }
}

function maskText(secrets: Secrets, text: string): string {
  const json = parsed(text)
  if (json === undefined) return maskString(secrets, defused(text))
  const masked = JSON.stringify(maskValue(secrets, json, ''))
  return masked === JSON.stringify(json) ? text : masked
}

/** Real names and whatever else people write about themselves. */
function maskPasswd(text: string): string {
  return text.replace(/^([^:\n]*):[^:\n]*:([^:\n]*):([^:\n]*):[^:\n]*:/gm, '$1:x:$2:$3::')
}

function maskLease(text: string): string {
  return text.replace(/("reason"\s*:\s*)"(?:[^"\\]|\\.)+"/, '$1"x"')
}

export function createMask({ arguments: whole }: MaskOptions): Mask {
  const secrets: Secrets = { names: new Map(), values: new Map(), count: 0 }
  return {
    isHidden: (path) => never.test(path),
    file(path, given) {
      const text = defused(given)
      if (/^\/proc\/[^/]+(\/task\/[^/]+)?\/cmdline$/.test(path))
        return whole ? text : maskCommandLine(text, (opened) => nameOf(secrets, opened))
      // The kernel's own files hold nobody's secrets, and are most of what is read.
      if (/^\/(proc\/(?!cmdline$)|sys\/)/.test(path)) return text
      if (/^\/etc\/(crontab$|cron\.d\/)/.test(path)) return maskCrontab(text, true)
      if (path.startsWith('/var/spool/cron/')) return maskCrontab(text, false)
      if (/^\/etc\/passwd-?$/.test(path)) return maskPasswd(text)
      return maskText(secrets, /\/leases\/[^/]+$/.test(path) ? maskLease(text) : text)
    },
    text: (text) => maskText(secrets, text),
    hide: (text) => maskString(secrets, text),
    reveal: (text) =>
      text.includes('masked-') ? text.replace(placeholder, (name) => secrets.values.get(name) ?? name) : text,
  }
}
