// What people do with more than a shell: notebooks, remote editors, desktops, servers, programs that were left.
import { spawn } from 'node:child_process'
import { type Activity, detached, inBackground, numberFrom, type Ongoing, spin } from './activities.ts'
import { type Guest, user } from './guest.ts'
import { dieWithUs, end, environment, until } from './host.ts'
import { addresses } from './network.ts'

/** What the guest needs besides what every guest has. */
export const packages = ['jupyter-notebook', 'python3-ipykernel', 'htop', 'vim-tiny', 'xvfb', 'xdotool', 'xterm']

/** Talks to the notebook server as a browser does: starts a kernel, sends a cell if one is given, and stays as long as it is told. */
const browser = `import asyncio, json, sys, uuid
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

async def main(cell, stay):
    base = 'http://127.0.0.1:8888/api/kernels'
    headers = {'Authorization': 'token secret'}
    answer = await AsyncHTTPClient().fetch(HTTPRequest(base, method='POST', body='{}', headers=headers))
    kernel = json.loads(answer.body)['id']
    channel = HTTPRequest(base.replace('http', 'ws') + '/' + kernel + '/channels', headers=headers)
    socket = await websocket_connect(channel)
    header = {'msg_id': uuid.uuid4().hex, 'username': '', 'session': uuid.uuid4().hex, 'msg_type': 'execute_request', 'version': '5.3'}
    content = {'code': cell, 'silent': False, 'store_history': True, 'user_expressions': {}, 'allow_stdin': False}
    if cell:
        await socket.write_message(json.dumps({'header': header, 'parent_header': {}, 'metadata': {}, 'content': content, 'channel': 'shell', 'buffers': []}))
    await asyncio.sleep(float(stay))

asyncio.run(main(sys.argv[1], sys.argv[2]))
`

/** As a terminal of the cloud's session manager: a worker of the agent's unit opens it, and somebody types into it. */
const sessionWorker = `import os, pty, sys, time
pid, master = pty.fork()
if pid == 0:
    os.setgid(1000)
    os.setuid(1000)
    os.execv('/bin/bash', ['bash', '--norc'])
if sys.argv[1] == 'job':
    os.write(master, b"nohup sh -c '${spin}' >/dev/null 2>&1 &\\n")
while True:
    time.sleep(0.7)
    if sys.argv[1] == 'type':
        os.write(master, b' ')
`

/** Writes a script into the guest, once. */
async function script(guest: Guest, name: string, text: string): Promise<string> {
  const path = `/var/tmp/${name}`
  await guest.ask(`echo ${Buffer.from(text).toString('base64')} | base64 -d >${path}; chmod 644 ${path}`)
  return path
}

async function startNotebooks(guest: Guest) {
  const server = `jupyter-notebook --no-browser --port 8888 --NotebookApp.token=secret`
  const unit = 'notebooks'
  await guest.ask(
    `systemd-run -q --unit ${unit} --uid ${user} -p WorkingDirectory=/home/${user} -E HOME=/home/${user} -- ${server}`,
  )
  await until(() => guest.ask('curl -sf -m 2 http://127.0.0.1:8888/api'), 30_000, 'the notebook server')
  return () => guest.ask(`systemctl stop ${unit}`)
}

/** Runs a cell, the browser closed after a second or left open. */
async function notebook(guest: Guest, cell: string, staySeconds: number) {
  const stop = await startNotebooks(guest)
  const path = await script(guest, 'browser.py', browser)
  const unit = `browser-${String(Date.now())}`
  await guest.ask(`systemd-run -q --unit ${unit} --uid ${user} -- python3 ${path} '${cell}' ${String(staySeconds)}`)
  const kernel = await until(() => numberFrom(guest, `pgrep -u ${user} -f ipykernel_launcher`), 15_000, 'a kernel')
  const finish = async (): Promise<void> => {
    await guest.exec(`systemctl stop ${unit}`)
    await stop()
  }
  return { kernel, finish }
}

async function silentCell(guest: Guest): Promise<Ongoing> {
  const { kernel, finish } = await notebook(guest, 'import time; time.sleep(600)', 1)
  return { reason: new RegExp(`uid 1000.*kernel.*busy.*pid ${kernel}`), finish }
}

async function busyCell(guest: Guest): Promise<Ongoing> {
  const { kernel, finish } = await notebook(guest, 'exec("while True: pass")', 1)
  return { reason: new RegExp(`python3 \\(pid ${kernel}\\): \\d\\.\\d+ cores for .*, limit 0\\.10$`), finish }
}

async function openTab(guest: Guest): Promise<Ongoing> {
  const { finish } = await notebook(guest, '', 600)
  return { reason: /open/, finish }
}

/** An editor, an interpreter, a monitor and a log that goes on. */
async function leftPrograms(guest: Guest): Promise<Ongoing> {
  const { stop } = await inBackground(guest, 'while :; do date; sleep 1; done >>/var/tmp/log')
  const programs = ['htop', 'vi /var/tmp/note', 'python3', 'tail -f /var/tmp/log']
  const windows = programs.map((program) => `'${program}'`).join(' \\\\; new-window ')
  const finish = await detached(guest, windows)
  return {
    reason: /^output on pts\/\d+ without input/,
    finish: async () => {
      await finish()
      await stop()
    },
  }
}

async function sessionManager(guest: Guest, what: 'type' | 'job') {
  const path = await script(guest, 'worker.py', sessionWorker)
  await guest.ask('install -m 0755 /usr/bin/python3 /var/tmp/ssm-session-worker')
  const unit = 'amazon-ssm-agent'
  await guest.ask(
    `systemd-run -q --unit ${unit} -p KillMode=control-group -- /var/tmp/ssm-session-worker ${path} ${what}`,
  )
  return () => guest.ask(`systemctl stop ${unit}`)
}

async function typingBySessionManager(guest: Guest): Promise<Ongoing> {
  const finish = await sessionManager(guest, 'type')
  const shell = await until(() => numberFrom(guest, `pgrep -u ${user} -x bash`), 10_000, 'a shell')
  const terminal = (await guest.ask(`ps -o tty= -p ${shell}`)).trim()
  return { reason: new RegExp(`input on ${terminal} \\d s ago$`), finish }
}

async function jobBySessionManager(guest: Guest): Promise<Ongoing> {
  const finish = await sessionManager(guest, 'job')
  const pid = await until(() => numberFrom(guest, `pgrep -u ${user} -x sh`), 10_000, 'the job')
  return { reason: new RegExp(`sh \\(pid ${pid}\\): \\d\\.\\d+ cores for .*, limit 0\\.10$`), finish }
}

/** A server on a declared port, and one client that reads less than the network sensor would take for use. */
async function slowReader(guest: Guest): Promise<Ongoing> {
  await guest.ask('head -c 20000000 /dev/zero >/var/tmp/large')
  const { stop } = await inBackground(guest, 'cd /var/tmp; exec python3 -m http.server 8000')
  await until(() => guest.ask('curl -sfI -m 2 http://127.0.0.1:8000/large'), 10_000, 'the server')
  const url = `http://${addresses.guest}:8000/large`
  const reader = guest.network.inSim('curl', '-s', '--limit-rate', '3000', '-o', '/dev/null', url)
  const [file = '', ...args] = [...dieWithUs, ...reader]
  const child = spawn(file, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
  return {
    reason: /8000/,
    finish: async () => {
      await end(child)
      await stop()
    },
  }
}

export const workbench: Readonly<Record<string, Activity>> = {
  'a notebook computes, the browser closed': { begin: busyCell, sensor: 'cpu', kind: 'active' },
  'a notebook waits in a long cell, the browser closed': { begin: silentCell, sensor: 'notebooks', kind: 'active' },
  'a notebook at rest in an open tab': { begin: openTab, sensor: 'notebooks', kind: 'hold' },
  'htop, an editor, an interpreter and a log in a detached tmux': {
    begin: leftPrograms,
    sensor: 'sessions',
    kind: 'hold',
  },
  'a person types over the session manager': { begin: typingBySessionManager, sensor: 'sessions', kind: 'active' },
  'a job left over the session manager': { begin: jobBySessionManager, sensor: 'cpu', kind: 'active' },
  'a server with one slow reader': { begin: slowReader, sensor: 'services', kind: 'active' },
}
