// What a process changed outside itself, read out of the log of `strace -yy -xx`: files, and what it sent.

/** A call that changed something, or was to. */
export interface Change {
  readonly call: string
  /** Calls of that name up to this one, as `--inject=…:when=` counts them, without those that come by chance. */
  readonly count: number
  /** A path, `tcp:PORT`, or `out`. */
  readonly target: string
  /** The new name, of a rename. */
  readonly to?: string
  /** What was written, as far as it was logged. */
  readonly bytes?: Buffer
}

/** Calls by which a file, a folder or a socket can be changed. */
export const changing = [
  ...['openat', 'creat', 'write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'ftruncate', 'truncate', 'fallocate'],
  ...['copy_file_range', 'sendfile', 'splice', 'fsync', 'fdatasync', 'sync_file_range', 'msync', 'syncfs', 'sync'],
  ...['rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'rmdir', 'mkdir', 'mkdirat', 'mknod', 'mknodat'],
  ...['link', 'linkat', 'symlink', 'symlinkat', 'chmod', 'fchmod', 'fchmodat', 'chown', 'lchown', 'fchown', 'fchownat'],
  ...['utimensat', 'setxattr', 'fsetxattr', 'connect', 'sendto', 'sendmsg', 'sendmmsg', 'shutdown'],
] as const

/** Those that the agent is known to make; of the others nobody has said what to make of their arguments. */
const known = /^(openat|write|fsync|fchmod|rename|unlink|mkdir|connect)$/

/** Opened by whichever thread is the first that has to wait for another, which is the one that is traced or not. */
const byChance = '/sys/devices/system/cpu/'

interface Line {
  readonly call: string
  readonly args: string
  /** `?` where the process ended in the call. */
  readonly result: string
  readonly error: string | undefined
}

function parseLine(line: string): Line | undefined {
  const [, call, args, result, error] = /^(\w+)\((.*)\) *= (\?|-?\d+)(?:<.*?>)?(?: (E[A-Z]+) )?/.exec(line) ?? []
  return call === undefined || args === undefined || result === undefined ? undefined : { call, args, result, error }
}

/** Bytes of a text in which all or some are written as `\x2f`. */
function bytesOf(text: string): Buffer {
  return Buffer.from(
    text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

function quoted(args: string): readonly Buffer[] {
  return [...args.matchAll(/"([^"]*)"/g)].map(([, text = '']) => bytesOf(text))
}

/** What a descriptor stands for; nothing where only the process itself has its other end. */
function described(args: string): string | undefined {
  const [, descriptor, name = ''] = /^(\d+)<(.*?)>(?:,|$)/.exec(args.replaceAll('->', '→')) ?? []
  const port = /^TCP.*→.*:(\d+)\]$/.exec(name)?.[1]
  if (port !== undefined) return `tcp:${port}`
  if (descriptor === '1') return 'out'
  const path = bytesOf(name).toString()
  return path.startsWith('/') && !path.startsWith('/proc/') ? path : undefined
}

function targetOf({ call, args }: Line): string | undefined {
  if (call === 'connect') return /sin_port=htons\((\d+)\)/.exec(args)?.[1]?.replace(/^/, 'tcp:')
  if (call !== 'openat' && /^\d/.test(args)) return described(args)
  return quoted(args)[0]?.toString()
}

function isChange({ call, args, result, error }: Line): boolean {
  if (call === 'openat' && !/O_(CREAT|TRUNC)/.test(args)) return false
  if (call === 'write' && /, 0$/.test(args)) return false
  return Number(result) >= 0 || error === 'EINPROGRESS'
}

/** The changes that were made, in order, one that the process ended in left out. Throws where it is not known what a call changed. */
export function parseChanges(log: string): readonly Change[] {
  const counts = new Map<string, number>()
  const changes: Change[] = []
  for (const text of log.split('\n')) {
    const line = parseLine(text)
    if (line === undefined) continue
    const { call, args } = line
    if (call === 'openat' && targetOf(line)?.startsWith(byChance) === true) continue
    const count = (counts.get(call) ?? 0) + 1
    counts.set(call, count)
    if (!isChange(line)) continue
    const target = targetOf(line)
    if (target === undefined) continue
    if (!known.test(call)) throw new Error(`${call} on ${target}: what it changes is not known`)
    const [first, second] = quoted(args)
    changes.push({
      call,
      count,
      target,
      ...(call === 'rename' ? { to: second?.toString() ?? '' } : {}),
      ...(call === 'write' && first !== undefined ? { bytes: first } : {}),
    })
  }
  return changes
}

/** Changes by other threads or processes than the first, in the log of `strace -f`; nobody would strike at these. */
export function changesElsewhere(log: string): readonly string[] {
  const [first] = log.split(' ', 1)
  return log.split('\n').flatMap((text) => {
    const [, pid, call] = /^(\d+) +(.*)$/.exec(text) ?? []
    if (pid === undefined || pid === first || call === undefined) return []
    const line = parseLine(call.replace(/ <unfinished \.\.\.>$/, ') = 0'))
    return line !== undefined && isChange(line) && targetOf(line) !== undefined ? [call] : []
  })
}

/** What a change was of, without what differs from run to run; `folder` is the one with the agent's files. */
export function kindOf({ call, target }: Change, folder: string, ports: Readonly<Record<string, string>>): string {
  const port = /^tcp:(.*)/.exec(target)?.[1]
  const name = target
    .replace(`${folder}/`, '')
    .replace(/^\S+$/, (whole) => (whole === folder ? 'the folder' : whole))
    .replace(/\.(\w+\.json)\.[\d-]+\.tmp$/, '$1.tmp')
    .replace(/[0-9a-f-]{36}-\d+-\d+/, 'entry')
  return `${call} ${port === undefined ? name : (ports[port] ?? target)}`
}
