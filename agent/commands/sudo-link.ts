/** A link to the executable where sudo looks for commands: Red Hat's secure_path has no /usr/local/bin. */
import { HostError } from '../errors.ts'
import { executablePath, sudoLinkPath } from '../install/files.ts'
import type { CommandContext } from './context.ts'
import { below } from './installation.ts'

/** Is the folder of the executable among those that sudo searches (sudoers(5), secure_path), or are those the user's own? */
export function sudoFinds(sudoers: string): boolean {
  const paths = /^[ \t]*Defaults[ \t]+secure_path[ \t]*=[ \t]*"?([^"\n]*)/m.exec(sudoers)?.[1]
  return paths === undefined || paths.trim().split(':').includes('/usr/local/bin')
}

/** Only where it is needed, and nothing of that name is there. Nothing of this keeps `install` from going on. */
export async function linkForSudo(context: CommandContext): Promise<void> {
  const { host, out } = context
  try {
    if (sudoFinds((await host.readText('/etc/sudoers')) ?? '')) return
    if (await host.store.link(executablePath, below(context, sudoLinkPath))) out(`linked ${sudoLinkPath}`)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    out(`sudo finds it as ${executablePath} only: ${error.message}`)
  }
}

/** Takes it away, unless somebody put something else there. */
export async function unlinkForSudo(context: CommandContext): Promise<void> {
  const { host, out } = context
  if ((await host.readLink(sudoLinkPath)) !== executablePath) return
  await host.store.remove(below(context, sudoLinkPath))
  out(`removed ${sudoLinkPath} (ours)`)
}
