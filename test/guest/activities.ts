// What people and programs do in a guest: how each begins, what is to be told of it while it lasts, and how it ends.
import { spawn } from 'node:child_process'
import { type Connection, type Guest, user } from './guest.ts'
import { dieWithUs, end, environment, output, until } from './host.ts'
import { addresses } from './network.ts'

/** Who it was, at the beginning of a reason. */
const by = '^uid \\d+'

/** The account of a second person. */
export const secondUser = 'marie'

/** An activity that goes on. */
export interface Ongoing {
  /** What the sensor says of it, with this very terminal or process. */
  readonly reason: RegExp
  finish(): Promise<unknown>
}

export interface Activity {
  readonly begin: (guest: Guest) => Promise<Ongoing>
  readonly sensor: string
  /** `active`: acted on after it ended. `hold`: after its limit although it goes on. `idle`: as if it were not there. */
  readonly kind: 'active' | 'hold' | 'idle'
  /** How many checks in a row must say so; 1 unless given. */
  readonly checks?: number
}

/** Waits for the shell's prompt. */
export function loggedIn(connection: Connection): Promise<unknown> {
  return until(() => connection.text().includes('$ '), 15_000, 'a prompt over ssh')
}

/** The terminal of the account's one shell, as the guest's own `ps` tells it: "pts/0". */
export async function terminalOf(guest: Guest, account: string): Promise<string> {
  return (await guest.ask(`ps -o tty= -p "$(pgrep -u ${account} -x bash)"`)).trim()
}

export async function numberFrom(guest: Guest, command: string): Promise<string> {
  const text = (await guest.ask(command)).trim()
  if (!/^\d+$/.test(text)) throw new Error(`${command}: not one process: ${text}`)
  return text
}

/** Types a blank again and again; gives back what ends that, and the connection. */
export function typeInto(connection: Connection): () => Promise<unknown> {
  const timer = setInterval(() => connection.type(' '), 700)
  return () => {
    clearInterval(timer)
    return connection.close()
  }
}

/** Makes the second account, which the run's key opens. */
async function addSecondUser(guest: Guest): Promise<void> {
  const home = `/home/${secondUser}`
  const lines = [
    `id ${secondUser} 2>/dev/null || useradd --create-home --shell /bin/bash ${secondUser}`,
    `install -d -m 700 -o ${secondUser} ${home}/.ssh`,
    `echo '${guest.run.publicKey}' | install -m 600 -o ${secondUser} /dev/stdin ${home}/.ssh/authorized_keys`,
  ]
  await guest.ask(lines.join(' && '))
}

/** The first sits at the prompt, the second types. */
async function twoUsers(guest: Guest): Promise<Ongoing> {
  await addSecondUser(guest)
  const sitting = guest.ssh()
  await loggedIn(sitting)
  const typing = guest.ssh({ as: secondUser })
  await loggedIn(typing)
  const leave = typeInto(typing)
  const [theirs, other] = [await terminalOf(guest, secondUser), await terminalOf(guest, user)]
  if (theirs === other) throw new Error(`both are on ${theirs}`)
  return {
    reason: new RegExp(`${by}(, [\\w@. ]+)?: input on ${theirs} \\d s ago$`),
    finish: async () => {
      await leave()
      await sitting.close()
    },
  }
}

export async function inBackground(guest: Guest, script: string) {
  const unit = `work-${String(Date.now())}`
  await guest.ask(`systemd-run -q --unit ${unit} --uid ${user} -p KillMode=control-group -- sh -c '${script}'`)
  return {
    pid: await numberFrom(guest, `systemctl show --property MainPID --value ${unit}`),
    stop: () => guest.ask(`systemctl stop ${unit}`),
  }
}

export const spin = 'while :; do :; done'

/** As readings name the second part of who it was. */
function spinning(pid: string): string {
  return `sh \\(pid ${pid}\\): \\d\\.\\d+ cores for \\d+ (s|min), limit 0\\.10$`
}

async function busyThread(guest: Guest): Promise<Ongoing> {
  const { pid, stop } = await inBackground(guest, spin)
  return { reason: new RegExp(`${by}, work-\\d+\\.service, ${spinning(pid)}`), finish: stop }
}

/** Runs at the next full minute. */
async function crontab(guest: Guest): Promise<Ongoing> {
  await guest.ask(`echo '* * * * * timeout 50 sh -c "${spin}"' | crontab -u ${user} -`)
  const timeout = await until(() => numberFrom(guest, `pgrep -u ${user} -x timeout`), 70_000, 'the job runs')
  const pid = await numberFrom(guest, `pgrep -P ${timeout}`)
  return {
    reason: new RegExp(`${by}, cron\\.service, ${spinning(pid)}`),
    finish: () => guest.ask(`crontab -u ${user} -r; kill ${timeout}`),
  }
}

export async function detached(guest: Guest, command: string) {
  await guest.ask(`su - ${user} -c "tmux new-session -d ${command}"`)
  return () => guest.ask(`su - ${user} -c "tmux kill-server"`)
}

/** Waits on the network most of the time. */
async function pollingTest(guest: Guest): Promise<Ongoing> {
  const finish = await detached(guest, "'while :; do curl -s -m 1 http://10.77.0.1:81/; sleep 0.5; done'")
  const pane = await guest.ask(`su - ${user} -c "tmux list-panes -F '#{pane_tty} #{pane_pid}'"`)
  const [, terminal, pid] = /^\/dev\/(pts\/\d+) (\d+)$/.exec(pane.trim()) ?? []
  return {
    reason: new RegExp(
      `${by}(, [\\w@. ]+)?: job in the foreground of ${terminal ?? '?'}: bash \\(pid ${pid ?? '?'}\\)$`,
    ),
    finish,
  }
}

async function idleShells(guest: Guest): Promise<Ongoing> {
  const finish = await detached(guest, '\\\\; split-window')
  return { reason: /^2 terminals, no input since the last check$/, finish }
}

/** The process that serves the one connection of the account. */
function servedBy(guest: Guest): Promise<string> {
  return until(() => numberFrom(guest, `pgrep -u ${user} -x sshd`), 10_000, 'one ssh connection')
}

/** With `-N`, or beside a shell that nobody types into. */
async function usedTunnel(guest: Guest, shell: boolean): Promise<Ongoing> {
  const server = await inBackground(guest, 'while :; do head -c 500 /dev/zero | nc -l -p 9000 -q 0; done')
  const flags = ['-L', '9001:127.0.0.1:9000']
  const connection = guest.ssh(shell ? { flags } : { tty: false, flags: ['-N', ...flags] })
  const pid = await servedBy(guest)
  const fetched = setInterval(() => void fetchOnce(guest), 600)
  return {
    reason: new RegExp(`${by}(, [\\w@. ]+)?: tunnel or transfer over ssh \\(pid ${pid}\\): .* in, .* out$`),
    finish: async () => {
      clearInterval(fetched)
      await connection.close()
      await server.stop()
    },
  }
}

async function fetchOnce({ network }: Guest): Promise<void> {
  await output(network.inSim('bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/9001 && cat <&3 >/dev/null'), {
    timeoutMs: 5_000,
  })
}

async function forgottenTunnel(guest: Guest): Promise<Ongoing> {
  const connection = guest.ssh({ tty: false, flags: ['-N', '-L', '9001:127.0.0.1:9000'] })
  await servedBy(guest)
  return { reason: /^1 ssh connection open without traffic both ways$/, finish: () => connection.close() }
}

async function upload(guest: Guest): Promise<Ongoing> {
  const sink = `require('node:net').createServer((socket) => socket.resume()).listen(9002, '${addresses.gateway}')`
  const [file = '', ...args] = [...dieWithUs, ...guest.network.inSim(process.execPath, '-e', sink)]
  const server = spawn(file, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
  const send = `while :; do head -c 3000 /dev/zero; sleep 0.1; done | nc ${addresses.gateway} 9002`
  const { stop } = await inBackground(guest, `sleep 1; ${send}`)
  return {
    reason: new RegExp(`${by}, work-\\d+\\.service: eth0 sent [23]\\d\\.\\d kB/s for \\d+ s, limit 15\\.0 kB/s$`),
    finish: async () => {
      await stop()
      await end(server)
    },
  }
}

/** Control group of the container, named as Docker names its own. */
const group = 'docker-0123456789ab.scope'

/** A container as Docker runs one with `tty: true`: control group, mounts, processes and /dev/pts of its own. */
async function startContainer(guest: Guest) {
  const entry =
    'mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts && script -qfc "exec sleep infinity" /dev/null'
  const nest = `unshare --mount --propagation private --pid --fork --cgroup --mount-proc sh -c '${entry}'`
  const run = `systemd-run --scope -q --unit ${group} -p Delegate=yes -- ${nest}`
  await guest.ask(`(${run}) </dev/null >/dev/null 2>&1 &`)
  const pid = await until(() => numberFrom(guest, "pgrep -xf 'sleep infinity'"), 5_000, 'the container')
  return { pid, stop: () => guest.ask(`systemctl stop ${group}`) }
}

async function idleContainer(guest: Guest): Promise<Ongoing> {
  const { stop } = await startContainer(guest)
  return { reason: /^1 terminal, no input since the last check$/, finish: stop }
}

/** As `docker exec -it` of an editor's server, which has no terminal itself: only the container's own one shows the keys. */
async function typingInContainer(guest: Guest): Promise<Ongoing> {
  const { pid, stop } = await startContainer(guest)
  const enter = `nsenter --target ${pid} --mount --pid --cgroup script -qfc "bash -l" /dev/null`
  const command = `sudo sh -c 'echo $$ >/sys/fs/cgroup/system.slice/${group}/cgroup.procs; exec ${enter}'`
  const leave = typeInto(guest.ssh({ tty: false, command }))
  const within = `pgrep --ns ${pid} --nslist pid -x bash`
  const shell = await until(() => numberFrom(guest, within), 10_000, 'a shell in the container')
  const terminal = (await guest.ask(`readlink /proc/${shell}/fd/0`)).trim().replace('/dev/', '')
  if ((await guest.ask('ls /dev/pts')).trim() !== 'ptmx') throw new Error('the terminal is not the container’s own')
  return {
    reason: new RegExp(`${by}(, [\\w@. -]+)?: input on ${terminal} of pid ${shell} \\d s ago$`),
    finish: async () => {
      await leave()
      await stop()
    },
  }
}

export const activities: Readonly<Record<string, Activity>> = {
  'two users, one of whom types': { begin: twoUsers, sensor: 'sessions', kind: 'active', checks: 3 },
  'a person types in a container': { begin: typingInContainer, sensor: 'sessions', kind: 'active' },
  "a container's entrypoint holds a terminal": { begin: idleContainer, sensor: 'sessions', kind: 'idle' },
  'a detached tmux runs a polling test': { begin: pollingTest, sensor: 'sessions', kind: 'active' },
  'a detached tmux with two shells': { begin: idleShells, sensor: 'sessions', kind: 'idle' },
  'a tunnel over ssh carries bytes': { begin: (guest) => usedTunnel(guest, false), sensor: 'sessions', kind: 'active' },
  'a tunnel beside a quiet shell carries bytes': {
    begin: (guest) => usedTunnel(guest, true),
    sensor: 'sessions',
    kind: 'active',
  },
  'a tunnel over ssh is forgotten': { begin: forgottenTunnel, sensor: 'sessions', kind: 'hold' },
  'one busy thread': { begin: busyThread, sensor: 'cpu', kind: 'active' },
  "a user's crontab job": { begin: crontab, sensor: 'cpu', kind: 'active' },
  'an upload of 30 kB/s': { begin: upload, sensor: 'network', kind: 'active' },
}
