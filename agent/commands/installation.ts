/** What `install`, `uninstall` and `doctor` share: paths below `--root`, folders that were made, systemd. */
import { HostError, UsageError } from '../errors.ts'
import { executablePath, type InstalledFile } from '../install/files.ts'
import type { CommandContext } from './context.ts'

const COMMAND_MS = 30_000

/** Throws UsageError for anybody but root, with the path it was called by where that is not the installed one. */
export function needRoot({ host }: CommandContext, what: string): void {
  const { uid, executable } = host.self
  if (uid === 0) return
  const name = executable === executablePath ? 'idle-agent' : executable
  throw new UsageError(`${what} must run as root: run "sudo ${name} ${what}"`)
}

/** Below `--root`, where an image is being built, or on the machine itself. */
export function below({ host }: CommandContext, path: string): string {
  return host.root === '/' ? path : `${host.root}${path}`
}

/** Is there such a file on the observed system? */
export async function exists(context: CommandContext, path: string): Promise<boolean> {
  return (await context.host.stat(path)) !== undefined
}

/** What is installed on the observed system that can start checks. */
export async function schedulers(
  context: CommandContext,
): Promise<{ readonly cron: boolean; readonly systemd: boolean }> {
  const cron = (await exists(context, '/usr/sbin/cron')) || (await exists(context, '/usr/sbin/crond'))
  return { cron, systemd: await exists(context, '/usr/lib/systemd') }
}

/** Removes a file if it is there, and says so. */
export async function removeOld(context: CommandContext, path: string, why: string): Promise<void> {
  if (!(await exists(context, path))) return
  await context.host.store.remove(below(context, path))
  context.out(`removed ${path} (${why})`)
}

const listName = '/var/lib/idle-agent/folders'

/** Makes a folder that is missing, and remembers it, so that `uninstall` can take it away. */
export async function makeFolder(context: CommandContext, path: string): Promise<void> {
  if (path === '' || (await exists(context, path))) return
  await makeFolder(context, path.slice(0, path.lastIndexOf('/')))
  const { store } = context.host
  await store.makeDir(below(context, '/var/lib/idle-agent'), 0o700)
  await store.append(below(context, listName), path, 0o600)
  await store.makeDir(below(context, path), 0o755)
}

/** The folders that `makeFolder` made, oldest first. */
export async function madeFolders(context: CommandContext): Promise<readonly string[]> {
  const text = (await context.host.store.read(below(context, listName))) ?? ''
  return text.split('\n').filter((line) => line.startsWith('/'))
}

/** Removes a folder unless somebody put something into it. */
export async function removeIfEmpty(context: CommandContext, path: string): Promise<void> {
  const names = await context.host.list(path)
  if (names?.length === 0) await context.host.store.remove(below(context, path))
}

/** Writes a file of the installation unless it is there as it should be, and says which. */
export async function put(context: CommandContext, { path, mode, text }: InstalledFile): Promise<void> {
  const { store } = context.host
  const target = below(context, path)
  await makeFolder(context, path.slice(0, path.lastIndexOf('/')))
  if ((await store.read(target)) === text) {
    context.out(`kept ${path}`)
    return
  }
  await store.replace(target, text, mode)
  context.out(`wrote ${path}`)
}

/** Does nothing below `--root`, where no system runs. Throws HostError where systemd refuses. */
export async function systemctl({ host, out }: CommandContext, words: readonly string[]): Promise<void> {
  if (host.root !== '/' || (await host.stat('/run/systemd/system')) === undefined) return
  const result = await host.run(['systemctl', ...words], { timeoutMs: COMMAND_MS })
  if (result === undefined) throw new HostError('systemctl is not there, although systemd runs')
  if (result.status !== 0)
    throw new HostError(`systemctl ${words.join(' ')}: ${result.stderr.trim() || `exit ${result.status}`}`)
  out(`systemctl ${words.join(' ')}`)
}
