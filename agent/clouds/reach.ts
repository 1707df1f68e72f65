/**
 * The way to a cloud: its endpoint from the environment, and whether that lies on this machine, without the URL class; how
 * long an answer is waited for; and whether the machine slept meanwhile.
 */
import { CloudError, UsageError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Clocks } from '../types.ts'

const FORM = /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?(?:\/[^\s?#]*)?$/i

// Octets without leading zeros: other spellings (127.1, 0x7f000001, 010.0.0.1) mean what the resolver makes of them.
const DOTTED_QUAD = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/**
 * The endpoint that a variable names, without a slash at its end; `undefined` where it is not set or empty.
 * Throws UsageError, naming the variable, where it is not `http[s]://HOST[:PORT][/PATH]` with one of `schemes`.
 */
export function endpointFrom(
  host: Host,
  name: string,
  schemes: 'http' | 'https' | 'http or https',
): string | undefined {
  const text = host.env(name)?.trim()
  if (text === undefined || text === '') return undefined
  const problem = problemOf(text, schemes)
  if (problem === undefined) return text.replace(/\/+$/, '')
  const shown = text.slice(0, 100).replace(/\/\/[^@/]*@/, '//…@')
  throw new UsageError(
    `${name}: '${shown}' is not an endpoint: ${problem}; expected ${schemes === 'https' ? 'https' : 'http'}://HOST:PORT`,
  )
}

function problemOf(text: string, schemes: string): string | undefined {
  const [, scheme = '', address = '', port = '80'] = FORM.exec(text) ?? []
  if (address === '') return 'it is no URL of scheme, host and port alone'
  if (!schemes.split(' ').includes(scheme.toLowerCase())) return `the scheme is not ${schemes}`
  if (Number(port) < 1 || Number(port) > 65_535) return `there is no port ${port}`
  const numeric = !address.startsWith('[') && /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i.test(address)
  if (numeric && !DOTTED_QUAD.test(address)) return `'${address}' is not four numbers`
  return undefined
}

/** Whether an endpoint lies on this machine: 127.0.0.0/8, ::1, localhost, and the unspecified address, which means the same. */
export function isLoopback(endpoint: string): boolean {
  const address = FORM.exec(endpoint)?.[2]?.toLowerCase() ?? ''
  if (address.startsWith('[')) {
    const inner = address.slice(1, -1)
    return /^[0:]*1?$/.test(inner) || /^[0:]*:ffff:(127\.|7f[0-9a-f]{2}:)/.test(inner)
  }
  return /^(127\.[\d.]+|0\.0\.0\.0|(.+\.)?localhost\.?)$/.test(address)
}

interface Deadline {
  readonly ms: number
  readonly signal: AbortSignal
}

/** Clocks parted by more than this between two moments: the machine slept, or was set back, in between. */
const PARTED_MS = 5000

/** Runs `work` with a signal that aborts after `ms` milliseconds or with the caller's; leaves no timer behind. */
export async function withDeadline<T>(
  host: Host,
  { ms, signal }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = host.deadline(ms)
  try {
    return await work(AbortSignal.any([signal, late.signal]))
  } finally {
    late.clear()
  }
}

/** Did the machine sleep, or somebody set its clock, between two moments? */
export function parted(from: Clocks, to: Clocks): boolean {
  const monoMs = to.monoMs - from.monoMs
  const others = [to.wallMs - from.wallMs, to.bootMs - from.bootMs]
  return others.some((ms) => Math.abs(ms - monoMs) > PARTED_MS)
}

/** The process that was to send may be woken in another run of the machine, by the person who started it. */
export function runChanged(): CloudError {
  const message = 'this machine was stopped or slept while the call was being made, so it was not sent (again)'
  return new CloudError(message, { code: 'run-changed', retryable: true })
}
