/** The line that a person sees at the next login: what was done to the machine, why, and how to prevent it. */
import type { Host } from './host/host.ts'

/** What happened; times are ISO 8601. */
export interface Return {
  readonly what: 'hibernated' | 'stopped'
  /** How long it was off, in words; left out before it is back. */
  readonly off?: string
  /** Since when nothing had needed it. */
  readonly since: string
}

/** One line, without control characters. */
export function returnLine({ what, off, since }: Return): string {
  const how = off === undefined ? `${what} this machine` : `${what} it for ${off}`
  const why =
    since === '' ? '' : `, because nothing had needed it since ${since.replace('T', ' ').replace(/:\d\dZ$/, ' UTC')}`
  return `idle-agent ${how}${why}; "idle-agent keep" prevents it`
}

/** Puts the line where pam_motd(8) shows it at login. Does nothing without that folder, which `install` makes. Throws HostError. */
export async function leaveNote(host: Host, path: string, line: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/'))
  const names = await host.store.list(folder)
  if (names.length === 0 && (await host.stat(folder)) === undefined) return
  await host.store.replace(path, `${line}\n`, 0o644)
}

/** Takes the line away, once a person has been there to read it. Throws HostError. */
export async function takeNote(host: Host, path: string): Promise<void> {
  await host.store.remove(path)
}
