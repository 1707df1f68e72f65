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
  return { reason: new RegExp(`^uid 1000: notebook kernel busy for .* \\(pid ${kernel}\\)$`), finish }
}

async function busyCell(guest: Guest): Promise<Ongoing> {
  const { kernel, finish } = await notebook(guest, 'exec("while True: pass")', 1)
  return { reason: new RegExp(`python3 \\(pid ${kernel}\\): \\d\\.\\d+ cores for .*, limit 0\\.10$`), finish }
}

async function openTab(guest: Guest): Promise<Ongoing> {
  const { kernel, finish } = await notebook(guest, '', 600)
  return { reason: new RegExp(`^uid 1000: notebook kernel .*open.* \\(pid ${kernel}\\)$`), finish }
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

/** Reads 2.5 kB/s through a small window, so that the server's bytes come as slowly. */
const reader = `import socket, time
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
client.connect(('${addresses.guest}', 8000))
client.sendall(b'GET /large HTTP/1.0\\r\\n\\r\\n')
while client.recv(1000):
    time.sleep(0.4)
`

/** A server on a declared port, and one client that reads less than the network sensor would take for use. */
async function slowReader(guest: Guest): Promise<Ongoing> {
  await guest.ask('head -c 20000000 /dev/zero >/var/tmp/large')
  const { stop } = await inBackground(guest, 'cd /var/tmp; exec python3 -m http.server 8000')
  await until(() => guest.ask('curl -sfI -m 2 http://127.0.0.1:8000/large'), 10_000, 'the server')
  const [file = '', ...args] = [...dieWithUs, ...guest.network.inSim('python3', '-c', reader)]
  const child = spawn(file, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
  return {
    reason: /^a client on port 8000 \(files\): \d\.\d kB\/s$/,
    finish: async () => {
      await end(child)
      await stop()
    },
  }
}

/** Named and started as code-server is, and in its place: it listens, and answers each byte of a client with one. */
const editorServer = `import socketserver

class Editor(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            data = self.request.recv(65536)
            if not data:
                return
            self.request.sendall(data)

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(('0.0.0.0', 8443), Editor).serve_forever()
`

/** A client that sends so many bytes every half second. */
function editorClient(bytes: number): readonly string[] {
  const send = `while :; do head -c ${String(bytes)} /dev/zero >&3; sleep 0.5; done`
  return ['bash', '-c', `exec 3<>/dev/tcp/${addresses.guest}/8443; (cat <&3 >/dev/null) & ${send}`]
}

async function editor(guest: Guest, bytes: number): Promise<Ongoing> {
  const path = await script(guest, 'entry', editorServer)
  const place = '/opt/code-server'
  await guest.ask(
    `mkdir -p ${place}/lib ${place}/out/node && install -m 0755 /usr/bin/python3 ${place}/lib/node && cp ${path} ${place}/out/node/entry`,
  )
  const { pid, stop } = await inBackground(guest, `exec ${place}/lib/node ${place}/out/node/entry`)
  await until(() => guest.ask("ss -Htln 'sport = :8443' | grep 8443"), 10_000, 'the editor')
  const [file = '', ...args] = [...dieWithUs, ...guest.network.inSim(...editorClient(bytes))]
  const child = spawn(file, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
  const used = bytes > 0 ? 'client connected, .* in' : 'client connected and not used'
  return {
    reason: new RegExp(`^uid 1000: code-server, ${used} \\(pid ${pid}\\)$`),
    finish: async () => {
      await end(child)
      await stop()
    },
  }
}

/** A terminal's window on a display without a screen; somebody types, or nobody. */
async function desktop(guest: Guest, typing: boolean): Promise<Ongoing> {
  const { pid, stop } = await inBackground(guest, 'exec Xvfb :7 -screen 0 640x480x8 -nolisten tcp')
  await until(() => guest.ask('test -S /tmp/.X11-unix/X7'), 10_000, 'the display')
  const window = await inBackground(guest, 'exec xterm -display :7')
  const typist = typing
    ? await inBackground(guest, 'while :; do DISPLAY=:7 xdotool key space; sleep 1; done')
    : undefined
  const what = typing ? 'input \\d s ago' : 'nobody connected, no input since the last check'
  return {
    reason: new RegExp(`^uid 1000: desktop, Xvfb \\(pid ${pid}\\): ${what}$`),
    finish: async () => {
      await typist?.stop()
      await window.stop()
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
  'a remote editor in use': { begin: (guest) => editor(guest, 200), sensor: 'editors', kind: 'active' },
  'a remote editor left open': { begin: (guest) => editor(guest, 0), sensor: 'editors', kind: 'hold' },
  'somebody types on a desktop': { begin: (guest) => desktop(guest, true), sensor: 'desktops', kind: 'active' },
  'a desktop that nobody uses': { begin: (guest) => desktop(guest, false), sensor: 'desktops', kind: 'idle' },
  'a server with one slow reader': { begin: slowReader, sensor: 'services', kind: 'active' },
}
