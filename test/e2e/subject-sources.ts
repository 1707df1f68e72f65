// Every file, folder and link that the sensors of subjects.ts read, and what is right where one is broken.
import type { Source } from './sources.ts'
import { containerIds } from './subjects.ts'

const on = { subjects: true } as const

/** A process without its files has ended; what it calls itself is its own word, however long. */
const ownWord = { missing: 'judged', garbage: 'judged', truncated: 'judged', huge: 'judged' } as const

const clients: readonly Source[] = [
  { ...{ ...on, path: '/proc/net/tcp', kind: 'file', sensors: ['editors', 'desktops'] }, says: /\/proc\/net\/tcp/ },
  {
    // The kernel may have no IPv6.
    ...{ ...on, path: '/proc/net/tcp6', kind: 'file', sensors: ['editors', 'desktops'], says: /\/proc\/net\/tcp/ },
    right: { missing: 'judged' },
  },
  {
    ...{ ...on, path: '/proc/7000/status', kind: 'file', sensors: ['editors'] },
    says: /\/proc\/(7000|PID)\/status/,
    // The server has ended: its extensions are left.
    right: { missing: 'idle' },
  },
  {
    ...{ ...on, path: '/proc/7000/cmdline', kind: 'file', sensors: ['editors'], says: /\/proc\/7000\/cmdline/ },
    // What does not call itself a server is none; its extensions are left.
    right: { missing: 'idle', garbage: 'idle', truncated: 'idle', huge: 'idle' },
  },
  {
    ...{ ...on, path: '/proc/7000/fd', kind: 'folder', sensors: ['editors'], says: /\/proc\/7000\/fd/ },
    // It listens for nobody.
    right: { missing: 'judged, then idle', garbage: 'judged, then idle' },
  },
]

const desktops: readonly Source[] = [
  {
    ...{ ...on, path: '/proc/7100/status', kind: 'file', sensors: ['desktops'], says: /\/proc\/(7100|PID)\/status/ },
    right: { missing: 'judged' },
  },
  {
    // Without a cookie the server may refuse: then whoever is connected to it tells, as with a display that nobody can ask.
    ...{ ...on, path: '/proc/7100/cmdline', kind: 'file', sensors: ['desktops'], says: /^$/ },
    right: { '': 'judged' },
  },
  {
    ...{ ...on, path: '/run/user/1000/xauth', kind: 'file', sensors: ['desktops'], says: /^$/ },
    right: { hanging: 'hold', '': 'judged' },
  },
  {
    // What a user's own process keeps from being read holds for a day.
    ...{ ...on, path: '/proc/7100/net/unix', kind: 'file', sensors: ['desktops'], says: /^$/ },
    right: { '': 'hold' },
  },
  {
    ...{ ...on, path: '/proc/7100/fd', kind: 'folder', sensors: ['desktops'], says: /\/proc\/7100\/fd/ },
    // No program is connected to the display, which nobody uses then.
    right: { missing: 'judged', garbage: 'judged', '': 'hold' },
  },
]

/** A kernel whose server does not tell is judged by its process, which holds for a while. */
const notebooks: readonly Source[] = [
  {
    ...{
      ...on,
      path: '/proc/7201/status',
      kind: 'file',
      sensors: ['notebooks'],
      says: /\/proc\/(7201|PID)\/status|ctxt_switches/,
    },
    right: { missing: 'judged' },
  },
  {
    // What does not call itself a kernel is none.
    ...{ ...on, path: '/proc/7201/cmdline', kind: 'file', sensors: ['notebooks'], says: /\/proc\/7201\/cmdline/ },
    right: { missing: 'absent', garbage: 'absent', truncated: 'absent', huge: 'absent' },
  },
  {
    // One sign of many; what is no place to wait for events in may be a cell.
    ...{ ...on, path: '/proc/7201/wchan', kind: 'file', sensors: ['notebooks'], says: /^$/ },
    right: { 'garbage: binary': 'active', truncated: 'active', '': 'judged' },
  },
  {
    ...{ ...on, path: '/home/alice/.local/share/jupyter/runtime/jpserver-7200.json', kind: 'file' },
    ...{ sensors: ['notebooks'], says: /^$/, right: { '': 'hold' } },
  },
  {
    // One that cannot be read tells less; one that is not understood may hide who listens.
    ...{ ...on, path: '/proc/net/tcp', kind: 'file', sensors: ['notebooks'], says: /\/proc\/net\/tcp/ },
    right: { garbage: 'unknown', truncated: 'unknown', '': 'hold' },
  },
  { ...on, path: '/proc/7200/fd', kind: 'folder', sensors: ['notebooks'], says: /^$/, right: { '': 'hold' } },
]

const labels = /^labels of the container .* cannot be read: /
const group = `/sys/fs/cgroup/system.slice/docker-${containerIds.docker}.scope`

const containers: readonly Source[] = [
  {
    ...{ ...on, path: '/proc/7301/cgroup', kind: 'file', sensors: ['containers'], says: labels },
    right: { missing: 'judged' },
  },
  {
    ...{ ...on, path: `${group}/cpu.stat`, kind: 'file', sensors: ['containers'] },
    says: /cpu\.stat|^CPU time of the container/,
    // Its first line is all that is read.
    right: { truncated: 'judged' },
  },
  {
    ...{ ...on, path: '/etc/docker/daemon.json', kind: 'file', sensors: ['containers'], says: labels },
    // Docker's folder is where it is by default.
    right: { missing: 'judged', 'garbage: nothing': 'judged' },
  },
  {
    ...{ ...on, path: `/var/lib/docker/containers/${containerIds.docker}/config.v2.json`, kind: 'file' },
    ...{ sensors: ['containers'], says: labels },
  },
  {
    ...{ ...on, path: '/run/containerd/io.containerd.runtime.v2.task', kind: 'folder' },
    ...{ sensors: ['containers'], says: labels },
    // Of an engine that keeps its bundles elsewhere nothing is known but what its containers use.
    right: { missing: 'judged', garbage: 'judged' },
  },
  {
    path: `/run/containerd/io.containerd.runtime.v2.task/default/${containerIds.nerdctl}/config.json`,
    ...{ ...on, kind: 'file', sensors: ['containers'], says: labels },
    right: { missing: 'judged' },
  },
  {
    path: `/var/lib/containers/storage/overlay-containers/${containerIds.podman}/userdata/config.json`,
    ...{ ...on, kind: 'file', sensors: ['containers'], says: labels },
    right: { missing: 'judged' },
  },
]

const schedulers: readonly Source[] = [
  {
    ...{ ...on, path: '/proc/7400/cmdline', kind: 'file', sensors: ['schedulers'], says: /\/proc\/7400\/cmdline/ },
    // Only one that says that it keeps a scope has no job.
    right: { missing: 'judged', garbage: 'active', truncated: 'active', huge: 'active' },
  },
  {
    ...{ ...on, path: '/proc/7400/status', kind: 'file', sensors: ['schedulers'] },
    says: /\/proc\/(7400|PID)\/status/,
    right: { missing: 'judged' },
  },
  {
    ...{ ...on, path: '/proc/7430/cmdline', kind: 'file', sensors: ['schedulers'], says: /\/proc\/7430\/cmdline/ },
    right: ownWord,
  },
  {
    ...{ ...on, path: '/sys/fs/cgroup/kubepods.slice', kind: 'folder', sensors: ['schedulers'] },
    says: /kubepods\.slice|its pods cannot be told/,
    // A node without pods.
    right: { garbage: 'judged' },
  },
  { ...on, path: '/var/log/pods', kind: 'folder', sensors: ['schedulers'], says: /\/var\/log\/pods/ },
]

const lists: readonly Source[] = [
  {
    ...{ ...on, path: '/etc/passwd', kind: 'file', sensors: ['processes'], says: /\/etc\/passwd|whose number/ },
  },
  {
    ...{ ...on, path: '/proc/7500/status', kind: 'file', sensors: ['processes'], says: /\/proc\/(7500|PID)\/status/ },
    right: { missing: 'judged' },
  },
  {
    ...{ ...on, path: '/proc/7500/cmdline', kind: 'file', sensors: ['processes'], says: /\/proc\/7500\/cmdline/ },
    right: ownWord,
  },
]

export const subjectSources: readonly Source[] = [
  ...clients,
  ...desktops,
  ...notebooks,
  ...containers,
  ...schedulers,
  ...lists,
]
