/** Whole numbers out of the text of the kernel and of `ss`, and differences between two of them: exact, or an error. */

/** Milliseconds in one tick of a /proc counter: USER_HZ is 100 on x86-64 and arm64, whatever the kernel's own HZ. */
export const msPerTick = 10

/** Parses a counter: digits only, at most 2^53 - 1. Throws an Error that names `what`; never NaN, never a default. */
export function parseCount(text: string | undefined, what: string): number {
  if (text === undefined || text === '') throw new Error(`${what} is missing`)
  if (!/^\d{1,16}$/.test(text)) throw new Error(`${what} is not a whole number of at most 16 digits`)
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new Error(`${what} is larger than 2^53`)
  return value
}

/** Lines of a kernel's table. Throws an Error that names `what` where the last one is not whole: every line ends in a newline. */
export function linesOf(text: string, what: string): readonly string[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error(`${what} is cut off`)
  return text.split('\n').slice(0, -1)
}

/** How much a counter of one identity grew. Throws when it went down or either value is no number (kernel.md 6): never negative, never guessed modulo 2^32. */
export function grown(now: number, before: number, what: string): number {
  if (!Number.isFinite(now) || !Number.isFinite(before)) throw new Error(`${what} is not a number`)
  if (now < before) throw new Error(`${what} went down from ${before} to ${now}`)
  return now - before
}

/** Length of the interval in seconds. Throws unless it is more than 0. */
export function secondsOf(ms: number): number {
  if (!(Number.isFinite(ms) && ms > 0)) throw new Error(`the interval is ${ms} ms long`)
  return ms / 1000
}

/** A connection as ss prints it. */
export interface SsLine {
  /** Everything but the control group. */
  readonly line: string
  /** The control group up to a blank; '' without one. */
  readonly group: string
}

/** The connections in the output of `ss -tinOHe`. A user names the groups below their own, and may do so as ss names its counters: what is looked for is not looked for there. */
export function ssLines(text: string): readonly SsLine[] {
  const lines = text.split('\n').filter((raw) => raw.trim() !== '')
  return lines.map((raw) => ({
    line: raw.replace(/ cgroup:.* [<-]-[>-](?= |$)/, ''),
    group: / cgroup:(\S{1,512})/.exec(raw)?.[1] ?? '',
  }))
}

/** What follows `name:` in a line; `undefined` where it is not told. */
export function ssField(line: string, name: string): string | undefined {
  return new RegExp(` ${name}:(\\S+)`).exec(line)?.[1]
}

/** The same as a number; ss leaves out what is 0. Throws if it is no whole number. */
export function ssCount(line: string, name: string): number | undefined {
  const text = ssField(line, name)
  return text === undefined ? undefined : parseCount(text, `${name} in the output of ss`)
}

/** Has it counters? Where the kernel does not answer it (tcp_diag cannot be loaded) ss falls back to /proc/net/tcp, and has none. */
export function hasCounters(line: string): boolean {
  return / (mss|segs_out|segs_in):/.test(line)
}

/** Milliseconds since data last went either way; nothing where ss does not say. */
export function quietOf(line: string): { readonly quietMs?: number } {
  const quiet = [ssCount(line, 'lastsnd'), ssCount(line, 'lastrcv')].filter((ms) => ms !== undefined)
  return quiet.length === 0 ? {} : { quietMs: Math.min(...quiet) }
}
