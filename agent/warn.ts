/** Tells everybody on a terminal what will happen, when, and how to prevent it. */
import { HostError } from './errors.ts'
import type { FileStat, Host } from './host/host.ts'

/** Whom it reached, and what it left behind. */
export interface Warned {
  /** Terminals that took it. */
  readonly told: number
  /** Facts of all terminals that it may have changed, read afterwards. */
  readonly touched: readonly FileStat[]
}

/** The longest wait for a terminal that shows others to show them. */
const REDRAW_MS = 1000
const STEP_MS = 50

/** Which terminals there are besides the pseudo-terminals, and which of all show others. */
export interface Screens {
  /** "ttyS0" */
  readonly consoles: readonly string[]
  shows(stat: FileStat): boolean
}

/** Writes to every pseudo-terminal and these consoles, but not where others are only shown: a person in tmux reads it in the panes, once. */
export async function warnTerminals(host: Host, text: string, { consoles, shows }: Screens): Promise<Warned> {
  const written: string[] = []
  const showing: { path: string; mtimeMs: number }[] = []
  let told = 0
  const numbers = ((await host.list('/dev/pts')) ?? []).filter((name) => /^\d+$/.test(name))
  for (const path of [...numbers.map((name) => `/dev/pts/${name}`), ...consoles.map((name) => `/dev/${name}`)]) {
    const stat = await host.stat(path)
    if (stat === undefined) continue
    if (shows(stat)) {
      showing.push({ path, mtimeMs: stat.mtimeMs })
      continue
    }
    if (await tell(host, path, `\r\n\u0007${text.replaceAll('\n', '\r\n')}\r\n`)) told += 1
    // Also where it was not taken whole: a part of it is output of ours, too.
    written.push(path)
  }
  await redrawn(host, showing)
  const touched: FileStat[] = []
  for (const path of [...written, ...showing.map((one) => one.path)]) {
    const stat = await host.stat(path)
    if (stat !== undefined) touched.push(stat)
  }
  return { told, touched }
}

/** Waits until terminals that show others have been written to by what shows them; that is our doing, too. */
async function redrawn(host: Host, showing: readonly { path: string; mtimeMs: number }[]): Promise<void> {
  let left = showing
  for (let waited = 0; left.length > 0 && waited < REDRAW_MS; waited += STEP_MS) {
    await host.sleep(STEP_MS)
    const same = await Promise.all(left.map(async (one) => (await host.stat(one.path))?.mtimeMs === one.mtimeMs))
    left = left.filter((_, index) => same[index])
  }
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
