// What a check that acts reads, by the kernel's own account: no source that no story of a broken source knows.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Cell, canEnter, startCrowd } from '../cell.ts'
import { makeDue, timePasses } from '../due.ts'
import { executable, startProgram } from '../machine.ts'
import { sources } from '../sources.ts'
import { startContainersAnew } from '../subjects.ts'
import { vetoSources } from '../veto-sources.ts'

const traces = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0
if (!traces) process.stderr.write('SKIPPED: strace is missing or not allowed: nobody lists what a check reads\n')

const calls = 'open,openat,stat,lstat,newfstatat,statx,readlink,readlinkat'

/** Numbers of processes, devices and threads made alike, and ids of containers. */
function alike(path: string): string {
  return path.replaceAll(/\/(\d+)(?=\/|$)/g, '/N').replaceAll(/[0-9a-f]{64}/g, 'ID')
}

/** Broken in other stories, or not a source: why. */
const others: readonly RegExp[] = [
  // Of the executable itself, its loader, its own process, and V8.
  /^\/etc\/idle-agent\.yaml$|^\/(real|lib|lib64|usr\/lib|tmp)(\/|$)|^\/$|^\/etc(\/(ld\.so|ssl\/).*)?$|^\/usr\/share\/zoneinfo\/|^\/dev\/null$|^\/answers\//,
  /^\/proc\/(self\/(maps|cgroup|exe|stat|io|environ)|meminfo|version_signature|sys\/vm\/overcommit_memory)$|^\/sys\/devices\/system\/cpu/,
  // The commands: command-faults.ts. Who the machine is: veto-faults.ts, and metadata-faults.ts for its cloud.
  /^\/usr(\/s?bin(\/|$)|$)|^\/var\/lib\/docker$/,
  /^\/proc\/(uptime|sys\/kernel\/random\/boot_id)$|^\/run\/(hibernate\/resumed_at|cloud-init)$/,
  /^\/sys\/(class\/dmi\/id\/|hypervisor\/(uuid|type)$)|^\/etc\/machine-id$/,
  // Signs of other owners and of data that would be lost: ownership.ts, veto-faults.ts.
  /^\/sys\/(block|fs\/cgroup\/(unified|systemd)\/system\.slice)|^\/mnt\/var\/lib\/info\/job-flow\.json$|hibinit-agent/,
  // The folder of all processes: a machine without it runs nothing. Its terminals: /dev/pts.
  /^\/proc$|^\/dev\/(pts\/N|nvidiactl|tty\w*)$/,
  // Of the same kind as one that is broken: other groups, processes, cards, crontabs, package managers, users.
  /^\/sys\/fs\/cgroup\/[\w.-]+(\/[\w.-]+)?(\/cpu\.stat)?$/,
  /^\/proc\/N(\/(stat|status|cmdline|io|comm|root|fd|fd\/N|task|task\/N\/status|cgroup|ns\/\w+))?$/,
  /^\/sys\/(bus\/pci\/devices\/0000:00:1e\.0\/\w+|class\/net\/ens5(\/\w+)?)$/,
  /^\/var\/(lib\/(dpkg|apt|rpm)|cache\/apt|spool\/(cron|at|atjobs))(\/|$)|^\/etc\/(localtime|passwd|subuid|group|nsswitch\.conf)$/,
  /^\/run\/user\/N\/systemd\/private$/,
  /^\/proc\/(self\/ns\/net|N\/fd\/\.keep)$|^\/home\/alice\/.*\/nbserver-7200\.json$/,
  // Where else engines may keep what is said of a container.
  /^\/var\/(lib\/containers\/storage\/(vfs|btrfs|zfs)-containers|snap\/(docker|microk8s))\/|^\/run\/k3s\/containerd\//,
  // A reason to hold only while anacron runs, or is due: test/vetoes/anacron.test.ts.
  /^\/etc\/anacrontab$|^\/var\/spool\/anacron\//,
]

async function readBy(cell: Cell): Promise<readonly string[]> {
  const file = join(cell.folder, 'trace')
  const tracer = ['-f', '-qq', '-e', `trace=${calls}`, '-o', file, 'unshare', '--mount', '--', 'sh']
  const inside = [join(cell.folder, 'enter'), cell.root, join('/real', executable)]
  const argv = [...tracer, ...inside, 'check', '--act', ...cell.flags]
  // Watched so closely it is slow, and may not be answered in time while other tests run.
  for (let tries = 0; tries < 3 && cell.stops().length === 0; tries += 1) {
    if (tries > 0) timePasses(cell)
    startContainersAnew(cell)
    await startProgram('strace', argv, cell.env).done
  }
  expect(cell.stops()).toEqual(['hibernate accepted'])
  const lines = readFileSync(file, 'utf8').split('\n')
  // From where the executable opens its configuration on; before it, all is its own.
  const begun = lines.slice(lines.findIndex((line) => line.includes('/etc/idle-agent.yaml')))
  const paths = begun.map((line) => / \w+\((?:AT_FDCWD, )?"(\/[^"]*)"/.exec(line)?.[1])
  return [...new Set(paths.filter((path) => path !== undefined).map(alike))].sort()
}

test
  .skipIf(!canEnter || !traces)
  .concurrent('every source that a check reads is one that is broken', { timeout: 60_000 }, async (context) => {
    const cell = await startCrowd()
    context.onTestFinished(() => cell.close())
    await makeDue(cell)
    const known = new Set([...sources, ...vetoSources].map(({ path }) => alike(path)))
    const read = await readBy(cell)
    expect(read).toContain('/proc/stat')
    expect(read.filter((path) => !known.has(path) && !others.some((pattern) => pattern.test(path)))).toEqual([])
    // And nothing is broken that nobody reads.
    const unread = [...known].filter(
      (path) =>
        !read.some((one) => `${one}/`.startsWith(`${path}/`)) && !/N\/io|(io|cpu)\.stat|cgroup\.events/.test(path),
    )
    expect(unread).toEqual([])
  })
