// A machine that is a world of its own: its fixture is "/" for the executable, with commands, and the executable's own process in /proc.
import { spawnSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type DisplayServer, startDisplay } from './display-server.ts'
import { executable, type Machine, type MachineSpec, startMachine } from './machine.ts'
import { type NotebookServer, startNotebookServer } from './notebook-server.ts'
import { kernelId, subjectSettings, subjects } from './subjects.ts'
import { builder, everything, type World, worldSettings } from './world.ts'

/** Root, with namespaces and chroot. */
export const canEnter =
  spawnSync('unshare', ['--mount', '--', 'sh', '-c', 'mount --rbind / /mnt && exec chroot /mnt true']).status === 0
if (!canEnter)
  process.stderr.write('SKIPPED: not root, or no namespaces: no source of a whole machine is broken below "/"\n')

const enter = `set -e
root=$1
shift
for old in "$root"/proc/[0-9]*; do rmdir "$old" 2>/dev/null || true; done
# A process of the machine's own has this number: another one is taken.
if [ -e "$root/proc/$$" ]; then sh "$0" "$root" "$@"; exit $?; fi
mkdir "$root/proc/$$"
mount --rbind / "$root/real"
mount --bind "/proc/$$" "$root/proc/$$"
mount --bind "/proc/$$/stat" "$root/proc/self/stat"
if [ -f "$root/proc/uptime" ] && [ ! -s "$root/proc/uptime" ]; then mount --bind /proc/uptime "$root/proc/uptime"; fi
mount --bind /dev/null "$root/dev/null"
mount --bind "/proc/$$/fd" "$root/proc/self/fd"
exec chroot "$root" "$@"
`

/** What the executable and its loader need, and what it looks up of itself. */
function furnish(root: string, folder: string): void {
  for (const name of ['real', 'usr/bin', 'etc', 'dev', 'proc/self/fd']) mkdirSync(join(root, name), { recursive: true })
  for (const name of ['proc/uptime', 'proc/self/stat', 'dev/null']) writeFileSync(join(root, name), '')
  const { write, link } = builder(root)
  // Without it glibc counts the processors in /proc/stat.
  write('/sys/devices/system/cpu/online', '0-1\n')
  for (const name of ['lib', 'lib64']) symlinkSync(join('real', name), join(root, name))
  link(folder, join('/real', folder))
  link('/usr/lib', '../real/usr/lib')
  link('/etc/ld.so.cache', '/real/etc/ld.so.cache')
}

export interface Cell extends Machine, World {}

/** Starts a machine that has every source, and nothing to do. */
export async function startCell(spec: MachineSpec = {}): Promise<Cell> {
  const inside = (root: string): readonly string[] => {
    return ['unshare', '--mount', '--', 'sh', join(dirname(root), 'enter'), root, join('/real', executable)]
  }
  const machine = await startMachine({ fixture: 'ssh-tunnel', settings: worldSettings, inside, ...spec })
  const { folder, root } = machine
  writeFileSync(join(folder, 'enter'), enter)
  furnish(root, folder)
  const cell = Object.assign(machine, builder(root), {
    command(name: string, script: string | undefined) {
      const path = join(root, 'usr/bin', name)
      rmSync(path, { recursive: true, force: true })
      if (script === undefined) return
      writeFileSync(path, `#!/real/bin/sh\nPATH=/real/usr/bin:/real/bin\n${script}\n`)
      chmodSync(path, 0o755)
    },
  })
  everything(cell)
  return cell
}

/** A cell with all of subjects.ts, and what its sensors talk to. */
export interface Crowd extends Cell {
  readonly notebook: NotebookServer
  readonly display: DisplayServer
}

/** Starts one. Its configuration lies in a folder of its own root: commands are taken from nowhere else. */
export async function startCrowd(settings: MachineSpec['settings'] = subjectSettings): Promise<Crowd> {
  const cell = await startCell({ settings })
  const notebook = await startNotebookServer(kernelId)
  subjects(cell, notebook)
  const display = await startDisplay(join(cell.root, 'tmp/.X11-unix/X10'))
  linkSync(cell.configPath, join(cell.root, 'etc/idle-agent.yaml'))
  const flags = cell.flags.map((flag) => (flag === cell.configPath ? '/etc/idle-agent.yaml' : flag))
  return Object.assign(cell, {
    notebook,
    display,
    flags,
    close: async () => {
      notebook.close()
      display.close()
      await cell.cloud.close()
      rmSync(cell.folder, { recursive: true, force: true })
    },
  })
}
