// Every file, folder and link that the sensors read on the machine of world.ts, and what is right where one is broken.
import { inPlaceOfFile, inPlaceOfFolder, inPlaceOfLink, type Put, spoilt } from './faulty.ts'
import { subjectSources } from './subject-sources.ts'

/** At the first check with the fault, and where that is another at the next: `judged` is as before, by the other sources. */
export type Right =
  | 'unknown'
  | 'judged'
  | 'hold'
  | 'idle'
  | 'active'
  | 'active, then judged'
  | 'unknown, then judged'
  | 'judged, then idle'
  | 'absent'
  | 'unknown, then absent'

export interface Source {
  readonly path: string
  readonly kind: 'file' | 'folder' | 'link'
  /** Who reads it. */
  readonly sensors: readonly string[]
  /** How the reason names it. */
  readonly says: RegExp
  /** What is right by the beginning of the fault's name, where that is not `unknown`. */
  readonly right?: Readonly<Record<string, Right>>
  /** Damage of its own text. */
  readonly damage?: Readonly<Record<string, (text: string) => string>>
  /** The machine has all of subjects.ts. */
  readonly subjects?: true
  /** A command that is not there, so that the source counts. */
  readonly without?: string
  /** The machine underneath, and what it has besides. */
  readonly fixture?: string
  readonly files?: Readonly<Record<string, string>>
}

const amd = '/sys/bus/pci/devices/0000:00:1f.0'

/** One digit less in the first long number: a counter that went down. */
const decreased = (text: string): string => text.replace(/\d(\d{4,})/, '$1')
const negative = (text: string): string => text.replace(/ (\d{3,})/, ' -$1')
const cutOff = (text: string): string => text.slice(0, -9)

const counters: readonly Source[] = [
  {
    ...{ path: '/proc/stat', kind: 'file', sensors: ['cpu'], says: /\/proc\/stat|CPU time of the machine/ },
    // Of all its lines the first is read, which is whole.
    right: { truncated: 'judged' },
    damage: { 'cut off': (text) => text.slice(0, 12), negative, decreasing: decreased },
  },
  {
    ...{ path: '/proc/net/dev', kind: 'file', sensors: ['network'] },
    says: /\/proc\/net\/dev|bytes received by/,
    damage: {
      'cut off': cutOff,
      negative: (text) => text.replace(/ens5: */, 'ens5: -'),
      decreasing: (text) => text.replace(/ens5: *\d/, 'ens5: '),
      'columns of another kernel': (text) => text.replace('Inter-|', 'Inter-|x').replace('Inter', 'inter'),
    },
  },
  {
    ...{ path: '/proc/diskstats', kind: 'file', sensors: ['disk'], says: /\/proc\/diskstats|sectors|bytes read from/ },
    damage: {
      'cut off': (text) => text.slice(0, text.indexOf('nvme0n1') + 20),
      negative: (text) => text.replace(/(nvme0n1 \d+ \d+ )/, '$1-'),
      decreasing: (text) => text.replace(/(nvme0n1 \d+ \d+ )\d/, '$1'),
    },
  },
]

const trees: readonly Source[] = [
  {
    // Without a tree of groups the whole machine counts, which is more than any part of it.
    ...{ path: '/proc/self/mountinfo', kind: 'file', sensors: ['cpu', 'disk'], says: /\/proc\/self\/mountinfo/ },
    right: { missing: 'judged', garbage: 'judged', truncated: 'judged' },
  },
  {
    ...{ path: '/sys/fs/cgroup', kind: 'folder', sensors: ['cpu', 'disk'], says: /\/sys\/fs\/cgroup/ },
    right: { missing: 'judged', garbage: 'judged' },
  },
  {
    // A unit that has no group, or none that counts, has nothing taken off for it.
    path: '/sys/fs/cgroup/system.slice/apt-daily.service/cpu.stat',
    ...{ kind: 'file', sensors: ['cpu'], says: /cpu\.stat|CPU time of the group/ },
    // Its first line is all that is read.
    right: { missing: 'judged', truncated: 'judged' },
    damage: {
      negative: (text) => text.replace(/usage_usec /, 'usage_usec -'),
      decreasing: () => 'usage_usec 1\n',
      'cut off': (text) => text.slice(0, 12),
    },
  },
  {
    ...{ path: '/sys/class/net', kind: 'folder', sensors: ['network'], says: /\/sys\/class\/net/ },
    // The names alone tell which interface is which, so that the first time all bytes count.
    right: {
      missing: 'active, then judged',
      garbage: 'active, then judged',
      hanging: 'active, then judged',
      'unreadable: a file': 'active, then judged',
    },
  },
  {
    path: '/sys/class/net/ens5/ifindex',
    ...{ kind: 'file', sensors: ['network'], says: /ens5/ },
    right: { missing: 'active, then judged' },
  },
]

const processes: readonly Source[] = [
  {
    ...{
      path: '/proc/5010/stat',
      kind: 'file',
      sensors: ['cpu', 'sessions', 'containers', 'schedulers', 'notebooks'],
      says: /\/proc\/(5010|PID)\/stat/,
    },
    // A process without its files has ended. The half of its columns that are read are whole.
    right: { missing: 'judged', truncated: 'judged' },
    damage: {
      'cut off': (text) => text.slice(0, 40),
      'cut off in a figure': (text) => text.slice(0, 75),
      negative: (text) => text.replace(' 40 20 ', ' -40 20 '),
    },
  },
  {
    // Whose agent it is: without an answer it is anybody's, and its time in the interval, little here, counts.
    ...{ path: '/proc/560/status', kind: 'file', sensors: ['cpu'], says: /\/proc\/(560|PID)\/status/ },
    right: { missing: 'judged' },
  },
  {
    ...{ path: '/proc/5010/cmdline', kind: 'file', sensors: ['sessions'], says: /\/proc\/5010\/cmdline/ },
    // What a process calls itself is its own word, however long; one that serves a session always says so.
    right: { missing: 'judged', garbage: 'judged', truncated: 'judged', huge: 'hold' },
  },
  {
    ...{ path: '/proc/5010/fd', kind: 'folder', sensors: ['sessions'], says: /ssh connection of pid 5010 cannot be/ },
    // From then on by what the process reads and writes.
    right: { '': 'unknown, then judged' },
  },
  {
    path: '/proc/5010/io',
    ...{ kind: 'file', sensors: ['sessions'], says: /\/proc\/(5010|PID)\/io|by sshd/, without: 'ss' },
    // The two lines that are read come first.
    right: { truncated: 'judged' },
    damage: {
      'cut off': (text) => text.slice(0, 9),
      negative: (text) => text.replace('rchar: ', 'rchar: -'),
      decreasing: decreased,
    },
  },
  {
    ...{ path: '/proc/6001/task', kind: 'folder', sensors: ['sessions'], says: /\/proc\/6001\/task/ },
    // No thread counted is another figure than before: the job moved.
    right: { missing: 'active, then judged', garbage: 'active, then judged' },
  },
  {
    path: '/proc/6001/task/6001/status',
    ...{ kind: 'file', sensors: ['sessions'], says: /\/proc\/6001\/task|ctxt_switches/ },
    right: { missing: 'active, then judged' },
  },
  {
    // A shell that cannot be seen at its prompt may be at work.
    ...{ path: '/proc/6000/fd/0', kind: 'link', sensors: ['sessions'], says: /\/proc\/6000\/fd\/0/ },
    right: { missing: 'active, then judged', garbage: 'active, then judged' },
  },
  {
    ...{ path: '/dev/pts', kind: 'folder', sensors: ['sessions'], says: /\/dev\/pts/ },
    // Terminals are found by the processes on them.
    right: { missing: 'judged', garbage: 'judged' },
  },
]

const gpus: readonly Source[] = [
  {
    ...{ path: '/proc/bus/pci/devices', kind: 'file', sensors: ['gpu'], says: /\/proc\/bus\/pci\/devices/ },
    // The kernel shows its bus twice.
    right: { missing: 'judged', 'garbage: nothing': 'judged' },
    damage: { 'cut off': (text) => text.slice(0, text.indexOf('1002')) },
  },
  { path: '/sys/bus/pci/devices', kind: 'folder', sensors: ['gpu'], says: /\/sys\/bus\/pci\/devices/ },
  { path: `${amd}/vendor`, kind: 'file', sensors: ['gpu'], says: /0000:00:1f\.0\/vendor/ },
  { path: `${amd}/class`, kind: 'file', sensors: ['gpu'], says: /0000:00:1f\.0\/class/ },
  {
    // No link: no driver, so that nothing can use it.
    ...{ path: `${amd}/driver`, kind: 'link', sensors: ['gpu'], says: /1f\.0/ },
    right: { missing: 'idle' },
  },
  {
    ...{ path: `${amd}/gpu_busy_percent`, kind: 'file', sensors: ['gpu'], says: /1f\.0: (it does not tell|grep)/ },
    damage: { negative: () => '-1\n', 'more than all': () => '101\n' },
  },
  {
    ...{ path: `${amd}/mem_info_vram_used`, kind: 'file', sensors: ['gpu'], says: /1f\.0: grep/ },
    // Somebody may be on it.
    right: { hanging: 'unknown', '': 'hold' },
    damage: { negative: () => '-1\n' },
  },
  {
    ...{ path: `${amd}/power/runtime_status`, kind: 'file', sensors: ['gpu'], says: /runtime_status/ },
    // Only one that says that it sleeps is left alone.
    right: { missing: 'judged', garbage: 'judged', truncated: 'judged' },
  },
  {
    ...{ path: '/sys/class/kfd/kfd/proc', kind: 'folder', sensors: ['gpu'], says: /kfd/ },
    // Kernels before 5.8 do not have it: what the memory tells is left.
    right: { missing: 'judged, then idle', garbage: 'judged, then idle' },
  },
  {
    ...{ path: '/proc/driver/nvidia/gpus', kind: 'folder', sensors: ['gpu'], says: /\/proc\/driver\/nvidia/ },
    // The bus shows the same cards.
    right: { missing: 'judged', garbage: 'judged' },
  },
]

const group = {
  fixture: 'container-nspawn',
  files: { '/sys/fs/cgroup/io.stat': '259:0 rbytes=1000000 wbytes=1000000 rios=1 wios=1 dbytes=0 dios=0\n' },
}

/** A container is measured by its own group, else by the machine underneath, which is more. */
const containers: readonly Source[] = [
  {
    ...{ ...group, path: '/sys/fs/cgroup/cpu.stat', kind: 'file', sensors: ['cpu'], says: /cpu\.stat|CPU time/ },
    right: { missing: 'unknown, then judged', truncated: 'judged' },
    damage: { negative: (text) => text.replace(/usage_usec /, 'usage_usec -'), decreasing: () => 'usage_usec 1\n' },
  },
  {
    ...{
      ...group,
      path: '/sys/fs/cgroup/io.stat',
      kind: 'file',
      sensors: ['disk'],
      says: /io\.stat|bytes (read|written)|disk/,
    },
    // Nobody counts its part; of what is counted, a group that used nothing has no line.
    right: {
      missing: 'absent',
      'garbage: nothing': 'unknown, then absent',
    },
    damage: {
      'cut off': (text) => text.slice(0, text.indexOf('wbytes=') + 9),
      negative: (text) => text.replace('rbytes=', 'rbytes=-'),
      decreasing: decreased,
    },
  },
  {
    ...{ ...group, path: '/sys/fs/cgroup/cgroup.events', kind: 'file', sensors: ['cpu', 'disk'] },
    says: /changed between machine and container/,
    // That it is there is all that is looked at.
    right: { missing: 'unknown, then judged', '': 'judged' },
  },
]

export const sources: readonly Source[] = [
  ...counters,
  ...trees,
  ...processes,
  ...gpus,
  ...containers,
  ...subjectSources,
]

/** The names of all the ways to break this source. */
export function faultsOf({ kind, damage = {} }: Source): readonly string[] {
  return [...Object.keys(commonOf(kind)), ...Object.keys(damage).map((name) => `damaged: ${name}`)]
}

function commonOf(kind: Source['kind']): Readonly<Record<string, Put>> {
  return { file: inPlaceOfFile, folder: inPlaceOfFolder, link: inPlaceOfLink }[kind]
}

/** What one of them puts in the place of the source below `root`. */
export function putOf(root: string, { path, kind, damage = {} }: Source, fault: string): Put {
  const change = damage[fault.replace('damaged: ', '')]
  const put = change === undefined ? commonOf(kind)[fault] : spoilt(root, path, change)
  if (put === undefined) throw new Error(`${path} is not broken so: ${fault}`)
  return put
}

/** What is right for this source under this fault. */
export function rightOf({ right = {} }: Source, fault: string): Right {
  const found = Object.entries(right).find(([beginning]) => fault.startsWith(beginning))
  if (found !== undefined) return found[1]
  // One that goes on from where it went down to is a counter like any.
  return fault === 'damaged: decreasing' ? 'unknown, then judged' : 'unknown'
}

/** What the row is called. */
export function nameOf({ path, sensors, fixture }: Source): string {
  return `${path} (${[...sensors, ...(fixture === undefined ? [] : ['in a container'])].join(', ')})`
}

/** The kind of reading that is right at the first check with the fault, or at the next; `usual` is that without it. */
export function kindAt(right: Right, usual: string, again: boolean): string {
  const [first = '', next = first] = right.split(', then ')
  const now = again ? next : first
  return now === 'judged' ? usual : now
}
