// The two ways into an emulated machine: QMP for its hardware, and a serial line to a small root shell that is no login.
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { type Output, until } from './host.ts'

/** Answers one JSON object a line, to one question at a time. */
interface Line {
  ask(
    question: string,
    fits: (answer: Readonly<Record<string, unknown>>) => boolean,
    timeoutMs: number,
  ): Promise<Readonly<Record<string, unknown>>>
  close(): void
}

async function openLine(path: string, timeoutMs: number): Promise<Line> {
  const socket = await until(() => dial(path), timeoutMs, `qemu listens on ${path}`)
  const listeners = new Set<(answer: Readonly<Record<string, unknown>>) => void>()
  createInterface({ input: socket }).on('line', (line) => {
    const answer = parsed(line)
    if (answer !== undefined) for (const listener of [...listeners]) listener(answer)
  })
  socket.on('error', () => undefined)
  return {
    ask: (question, fits, ms) =>
      new Promise((resolve, reject) => {
        const stop = (): void => {
          clearTimeout(timer)
          listeners.delete(listener)
        }
        const timer = setTimeout(() => {
          stop()
          reject(new Error(`no answer within ${String(ms / 1000)} s: ${question.slice(0, 200)}`))
        }, ms)
        const listener = (answer: Readonly<Record<string, unknown>>): void => {
          if (!fits(answer)) return
          stop()
          resolve(answer)
        }
        listeners.add(listener)
        socket.write(`${question}\n`)
      }),
    close: () => void socket.destroy(),
  }
}

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** A line that was cut off when the guest went to sleep is no answer. */
function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

export interface Qmp {
  /** Runs one command of the QEMU Machine Protocol. */
  run(command: 'system_powerdown' | 'stop' | 'cont' | 'quit' | 'query-status'): Promise<unknown>
  close(): void
}

/** Opens the hardware's line. */
export async function openQmp(path: string): Promise<Qmp> {
  const line = await openLine(path, 10_000)
  const run: Qmp['run'] = async (command) => {
    const answer = await line.ask(
      JSON.stringify({ execute: command }),
      (one) => 'return' in one || 'error' in one,
      10_000,
    )
    if ('error' in answer) throw new Error(`${command}: ${JSON.stringify(answer['error'])}`)
    return answer['return']
  }
  await line.ask(JSON.stringify({ execute: 'qmp_capabilities' }), (one) => 'return' in one, 10_000)
  return { run, close: line.close }
}

export interface Shell {
  exec(command: string, timeoutMs: number): Promise<Output>
  close(): void
}

/** Opens the line to the shell; it answers once the guest is up. Questions of before a sleep are never mistaken. */
export async function openShell(path: string): Promise<Shell> {
  const line = await openLine(path, 10_000)
  let last = Date.now()
  async function exec(command: string, timeoutMs: number): Promise<Output> {
    last += 1
    const id = last
    const answer = await line.ask(JSON.stringify({ id, command }), (one) => one['id'] === id, timeoutMs)
    return { code: Number(answer['code']), stdout: String(answer['stdout']), stderr: String(answer['stderr']) }
  }
  return { exec, close: line.close }
}

/** What runs in the guest at the other end: neither a login nor a terminal, so that looking leaves no trace for the sensors. */
export const shellFiles: Readonly<Record<string, string>> = {
  'opt/test-shell.py': `import json, os, subprocess, time
while True:
    try:
        port = os.open('/dev/virtio-ports/test', os.O_RDWR)
        rest = b''
        while True:
            more = os.read(port, 65536)
            if more == b'':
                time.sleep(0.3)
                continue
            *lines, rest = (rest + more).split(b'\\n')
            for line in lines:
                try:
                    asked = json.loads(line)
                except ValueError:
                    continue
                done = subprocess.run(['bash', '-c', asked['command']], capture_output=True, text=True, errors='replace', stdin=subprocess.DEVNULL)
                told = {'id': asked['id'], 'code': done.returncode, 'stdout': done.stdout, 'stderr': done.stderr}
                data = (json.dumps(told) + '\\n').encode()
                while data:
                    data = data[os.write(port, data):]
    except OSError:
        time.sleep(0.3)
    finally:
        try:
            os.close(port)
        except (NameError, OSError):
            pass
`,
  'etc/systemd/system/test-shell.service': `[Unit]
DefaultDependencies=no
After=local-fs.target
[Service]
ExecStart=/usr/bin/python3 /opt/test-shell.py
Restart=always
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
[Install]
WantedBy=multi-user.target
`,
}
