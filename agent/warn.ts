/** Tells everybody on a terminal what will happen, when, and how to prevent it. */
import { HostError } from './errors.ts'
import type { FileStat, Host } from './host/host.ts'

/** Writes to every pseudo-terminal; gives back the facts of those that took it, read after the write. */
export async function warnTerminals(host: Host, text: string): Promise<readonly FileStat[]> {
  const names = (await host.list('/dev/pts')) ?? []
  const warned: FileStat[] = []
  for (const name of names.filter((one) => /^\d+$/.test(one))) {
    const path = `/dev/pts/${name}`
    if (!(await tell(host, path, `\r\n\u0007${text.replaceAll('\n', '\r\n')}\r\n`))) continue
    const stat = await host.stat(path)
    if (stat !== undefined) warned.push(stat)
  }
  return warned
}

/** A terminal that refuses us must not keep the others from being told, nor the machine up for ever. */
async function tell(host: Host, path: string, text: string): Promise<boolean> {
  try {
    return await host.writeTerminal(path, text)
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
}

/** The words of the warning. */
export function warning(facts: { readonly quiet: string; readonly doing: string; readonly at: string }): string {
  const lost = facts.doing === 'stop' ? '; what is in memory will be lost' : ''
  // A program that does not read its terminal leaves no trace of a key: only at a prompt is Enter sure to be seen.
  return [
    `idle-agent: nothing has needed this machine for ${facts.quiet}; it will ${facts.doing} at ${facts.at}${lost}.`,
    'To prevent it: run  idle-agent keep --for 4h  or press Enter at a shell prompt',
  ].join('\n')
}
