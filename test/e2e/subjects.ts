// What else may run on the machine of world.ts: an editor, a desktop, a notebook, containers, nodes of schedulers, and what an operator lists.
import { addProcess } from '../sensors/add-process.ts'
import { commands, type World, worldSettings } from './world.ts'

/** Nothing of it holds by itself; `trainer` and the service are looked at by the lists, and `probe` is asked. */
export const subjectSettings = {
  ...worldSettings,
  sensors:
    '{ sessions: { connection_hold_minutes: 0, output_hold_minutes: 0 }, gpu: { memory_hold_minutes: 0 }, editors: { connection_hold_minutes: 0 }, desktops: { connection_hold_minutes: 0 }, notebooks: { connection_hold_minutes: 0 } }',
  processes: '[{ name: trainer, user: alice, argument: job-*, min_cpu_cores: 1 }]',
  commands: '[{ argv: [/usr/bin/probe], timeout_seconds: 1 }]',
  services: '[{ port: 8443, name: inference, hold_minutes: 0 }]',
}

/** Ids as engines give them: 64 digits. */
export const containerIds = { docker: 'd'.repeat(64), nerdctl: 'e'.repeat(64), podman: 'f'.repeat(64) }
/** Their first processes, and the groups that these are in. */
const containers: readonly (readonly [pid: number, ppid: number, group: string])[] = [
  [7301, 7300, `/system.slice/docker-${containerIds.docker}.scope`],
  [7302, 7300, `/system.slice/nerdctl-${containerIds.nerdctl}.scope`],
  [7311, 7310, `/machine.slice/libpod-${containerIds.podman}.scope`],
]

export const kernelId = '3f0a1c22-8b1d-4c55-9a3e-2f1f0f6d7e11'
const runtime = '/home/alice/.local/share/jupyter/runtime'
const alice = 1000

/** A line of /proc/net/tcp (proc_net_tcp.rst), padded as the kernel pads it. */
function row(port: number, peer: string, state: '01' | '0A', ino: number): string {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const line = `   0: ${local} ${peer} ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${ino} 1 0 20 4 30 10 -1`
  return `${line.padEnd(149)}\n`
}

function sockets(world: World, jupyterPort: number): void {
  const heading = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
  const rows = [
    row(8000, '00000000:0000', '0A', 70_001),
    row(8000, '0100007F:D431', '01', 70_002),
    row(jupyterPort, '00000000:0000', '0A', 72_001),
    row(8443, '0900000A:C738', '01', 80_001),
  ]
  world.write('/proc/net/tcp', `${`${heading}`.padEnd(149)}\n${rows.join('')}`)
  world.write('/proc/net/tcp6', `${`${heading}`.padEnd(149)}\n`)
  const counters =
    'ts sack cubic rto:204 mss:1448 cwnd:10 bytes_acked:4100 bytes_received:5100 lastsnd:90000 lastrcv:90000'
  const ssh = '0 0 10.0.0.5:22 198.51.100.7:50000 ino:40001 sk:1 <->'
  world.write(
    '/answers/sockets',
    `${ssh} ${counters}\n0 0 127.0.0.1:8000 127.0.0.1:54321 ino:70002 sk:2 <-> ${counters}\n`,
  )
  world.write('/answers/served', `ESTAB 0 0 10.0.0.5:8443 10.0.0.9:51000 ino:80001 sk:3 <-> ${counters}\n`)
}

function editor(world: World): void {
  const folder = '/home/alice/.vscode-server/bin/a'
  const node = `${folder}/node`
  addProcess(world, { pid: 7000, comm: 'node', uid: alice, words: [node, `${folder}/out/server-main.js`] })
  const helper = [node, `${folder}/out/bootstrap-fork`, '--type=extensionHost']
  addProcess(world, { pid: 7010, comm: 'node', ppid: 7000, uid: alice, words: helper })
  world.link('/proc/7000/fd/20', 'socket:[70001]')
  world.link('/proc/7000/fd/21', 'socket:[70002]')
}

function desktop(world: World): void {
  const words = ['Xorg', ':10', '-auth', '/run/user/1000/xauth']
  addProcess(world, { pid: 7100, comm: 'Xorg', uid: alice, words })
  world.link('/proc/7100/fd/5', 'socket:[71001]')
  world.write(
    '/proc/7100/net/unix',
    'Num       RefCount Protocol Flags    Type St Inode Path\n0000000000000000: 00000003 00000000 00000000 0001 03 71001 /tmp/.X11-unix/X10\n',
  )
  world.write('/run/user/1000/xauth', '')
  addProcess(world, { pid: 7150, comm: 'dcvserver' })
  world.write('/proc/7150/fd/.keep', '')
  world.write('/answers/dcv', '[{ "id" : "console", "num-of-connections" : 0 }]\n')
}

function notebook(world: World, port: number): void {
  addProcess(world, { pid: 7200, comm: 'jupyter-lab', uid: alice, words: ['/usr/bin/python3', '/usr/bin/jupyter-lab'] })
  world.link('/proc/7200/fd/6', 'socket:[72001]')
  const words = ['python3', '-m', 'ipykernel_launcher', '-f', `${runtime}/kernel-${kernelId}.json`]
  addProcess(world, { pid: 7201, comm: 'python3', ppid: 7200, uid: alice, words })
  const ids = (name: string): string => `${name}:\t${alice}\t${alice}\t${alice}\t${alice}\n`
  world.write(
    '/proc/7201/status',
    `Name:\tpython3\n${ids('Uid')}${ids('Gid')}voluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n`,
  )
  world.write('/proc/7201/wchan', 'ep_poll')
  world.write(`${runtime}/jpserver-7200.json`, JSON.stringify({ base_url: '/', port, token: 'secret-of-alice' }))
}

function engines(world: World): void {
  const { docker, nerdctl, podman } = containerIds
  addProcess(world, { pid: 7300, comm: 'containerd-shim' })
  addProcess(world, { pid: 7310, comm: 'conmon' })
  for (const [pid, ppid, group] of containers) {
    addProcess(world, { pid, ppid, comm: 'app', cgroup: `0::${group}\n` })
    world.write(`/sys/fs/cgroup${group}/cpu.stat`, 'usage_usec 1000\nuser_usec 900\nsystem_usec 100\n')
  }
  world.write('/etc/docker/daemon.json', '{ "data-root": "/var/lib/docker" }\n')
  const labels = { 'com.example': 'web' }
  world.write(
    `/var/lib/docker/containers/${docker}/config.v2.json`,
    JSON.stringify({ Name: '/web', Config: { Labels: labels } }),
  )
  const bundle = JSON.stringify({ annotations: { 'nerdctl/name': 'db' } })
  world.write(`/run/containerd/io.containerd.runtime.v2.task/default/${nerdctl}/config.json`, bundle)
  world.write(`/var/lib/containers/storage/overlay-containers/${podman}/userdata/config.json`, '{"ociVersion":"1.0"}')
  world.write('/answers/podman', `[{"Id":"${podman}","Labels":{},"Names":["box"]}]\n`)
}

let started = 20_000

/** What engines know is read once for each process: others are in their places from now on. */
export function startContainersAnew(world: Pick<World, 'write'>): void {
  started += 1
  for (const [pid, ppid] of containers)
    world.write(
      `/proc/${pid}/stat`,
      `${pid} (app) S ${ppid} ${pid} ${pid} 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 ${started} 1 1 1\n`,
    )
}

function nodes(world: World): void {
  addProcess(world, { pid: 7400, comm: 'slurmstepd', words: ['slurmstepd', 'infinity'] })
  addProcess(world, { pid: 7410, comm: 'kubelet', cgroup: '0::/system.slice/kubelet.service\n' })
  const uid = '0f3a1c22-8b1d-4c55-9a3e-2f1f0f6d7e11'
  const group = `kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice`
  world.write(`/sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice/${group}/cpu.stat`, 'usage_usec 10\n')
  world.write(`/var/log/pods/kube-system_coredns_${uid}/.keep`, '')
  addProcess(world, { pid: 7420, comm: 'Runner.Listener' })
  addProcess(world, { pid: 7430, comm: 'java', uid: alice, words: ['java', '-jar', 'agent.jar'] })
}

/** Its commands, which answer from its files; the others are those of world.ts. */
export function subjectCommands(world: World): void {
  commands(world)
  for (const [name, script] of Object.entries(subjectScripts)) world.command(name, script)
}

export const subjectScripts = {
  ss: 'case "$*" in *time-wait*) exec cat /answers/served ;; *) exec cat /answers/sockets ;; esac',
  dcv: 'exec cat /answers/dcv',
  podman: 'exec cat /answers/podman',
  head: 'exec head "$@"',
  getent: 'exit 2',
  probe: 'exit 1',
} as const

/** Adds all of it to a machine that has everything of world.ts; `port` is where the notebook's server listens. */
export function subjects(world: World, { port }: { readonly port: number }): void {
  sockets(world, port)
  editor(world)
  desktop(world)
  notebook(world, port)
  engines(world)
  nodes(world)
  addProcess(world, { pid: 7500, comm: 'trainer', uid: alice, words: ['trainer', 'job-1'] })
  world.write('/etc/passwd', 'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n')
  subjectCommands(world)
}
