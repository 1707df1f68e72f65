/** What a recording and a replaying host keep of one look at the machine beside its answers: clocks, and who had no answer in time. */
import { createHash } from 'node:crypto'
import type { Clocks } from '../types.ts'
import type { FileStat, HttpRequest } from './host.ts'

/** The same distance on all three clocks. */
export function later({ wallMs, bootMs, monoMs }: Clocks, ms: number): Clocks {
  return { wallMs: wallMs + ms, bootMs: bootMs + ms, monoMs: monoMs + ms }
}

/** These clocks, but not before `least` on the monotonic one: a timer may fire a moment early. */
export function notBefore(clocks: Clocks, least: number): Clocks {
  return clocks.monoMs < least ? later(clocks, least - clocks.monoMs) : clocks
}

/** Gives each deadline of a look a name of its own: that of who has it, the second of the same name with `#2`. */
export function createNames(): (what: string) => string {
  const seen = new Map<string, number>()
  return (what) => {
    const count = (seen.get(what) ?? 0) + 1
    seen.set(what, count)
    return count === 1 ? what : `${what}#${count}`
  }
}

/** Key of a command in a frame. What an operator has configured, always by a whole path, goes by its name and a number for its arguments. */
export function commandKey(argv: readonly string[]): string {
  const [name = '', ...words] = argv
  if (!name.startsWith('/') || words.length === 0) return JSON.stringify(argv)
  return JSON.stringify([name, createHash('sha256').update(words.join('\0')).digest('hex').slice(0, 8)])
}

const harmless = /^(\d{1,6}|true|false|masked-\d+)?$/

/** Key of a request in a frame: without user, password and what stands in the query, but for small numbers. */
export function requestKey({ method, url }: Pick<HttpRequest, 'method' | 'url'>): string {
  const [whole, query] = url.replace(/^(\w+:\/\/)[^/@]*@/, '$1').split(/\?(.*)/s)
  const pairs = query?.split('&').map((pair) => {
    const [name = '', value = ''] = pair.split(/=(.*)/s)
    return harmless.test(value) ? pair : `${name}=masked`
  })
  return `${method} ${whole}${pairs === undefined ? '' : `?${pairs.join('&')}`}`
}

/** Key of what is opened without following a link, beside what is found by following one. */
export function plainKey(path: string): string {
  return `nofollow:${path}`
}

/** Would a line be taken by what has these facts? Nothing is written: only the count of those who were told comes of it. */
export function takesLines(stat: FileStat | undefined): boolean {
  return stat?.kind === 'character'
}
