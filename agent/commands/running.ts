/** Checks that run now, and `run`, which starts them. */
import { executablePath } from '../install/files.ts'
import { commandLine } from '../sensors/processes.ts'
import type { CommandContext } from './context.ts'

/** A process of the installed executable, or of this one, and the command it was started with. */
export interface Running {
  readonly pid: number
  readonly command: 'check' | 'run'
}

/** Every `check` and `run` but this process; one whose executable was replaced since is the same. */
export async function running({ host }: CommandContext): Promise<readonly Running[]> {
  const found: Running[] = []
  for (const name of (await host.list('/proc')) ?? []) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === host.self.pid) continue
    const exe = (await host.readLink(`/proc/${pid}/exe`))?.replace(/ \(deleted\)$/, '')
    if (exe !== executablePath && exe !== host.self.executable) continue
    const words = ((await commandLine(host, pid))?.text ?? '').split('\0')
    const command = words.find((word) => word === 'check' || word === 'run')
    if (!words.includes('keep') && command !== undefined) found.push({ pid, command })
  }
  return found
}
