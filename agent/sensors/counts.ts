/** Whole numbers out of kernel text, and differences between two of them: exact, or an error. */

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
