// Attackers in a guest: a script of an account without rights, run as a service of it, and what it got.
import type { Guest } from './guest.ts'
import { until } from './host.ts'

/** An attempt of an account without rights. */
export interface Attack {
  /** What is attempted, and what must not come of it. */
  readonly what: string
  /** Who attempts it; `nobody` unless given. */
  readonly as?: string
  /** What root has done before, as a shell command: what a package or another program leaves on such a machine. */
  readonly given?: string
  /** Python, after the prelude; prints what came of it, and `ready` when it has done what it can. */
  readonly script: string
  /** What it printed before `ready`, whole. */
  readonly got: RegExp
}

/** What all scripts may use. */
export const prelude = `
import ctypes, errno, fcntl, json, os, pty, signal, socket, subprocess, sys, time
L = '/run/idle-agent/leases/'
uid = os.geteuid()
boot = open('/proc/sys/kernel/random/boot_id').read().strip()
libc = ctypes.CDLL(None)
def say(*words): print(*words, flush=True)
def tried(what, do):
    try: do()
    except OSError as error: say(what, errno.errorcode.get(error.errno, error.errno))
    else: say(what, 'done')
def text(name, until, reason='r'): return json.dumps({'schema': 1, 'id': name, 'reason': reason, 'until': until})
def write(name, data):
    file = os.open(L + name if isinstance(name, str) else L.encode() + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(file, data if isinstance(data, bytes) else data.encode())
    os.close(file)
def lease(slot, until, reason='r'): write('%d-%d' % (uid, slot), text('%d-%d' % (uid, slot), until, reason))
def later(seconds=3600): return {'kind': 'until', 'wallMs': int(time.time() * 1000) + seconds * 1000}
def start_of(pid): return int(open('/proc/%d/stat' % pid).read().rpartition(')')[2].split()[19])
def process(pid): return {'kind': 'pid', 'pid': pid, 'startTicks': start_of(pid), 'bootId': boot}
def called(name): libc.prctl(15, name if isinstance(name, bytes) else name.encode())
def child(do):
    pid = os.fork()
    if pid == 0:
        try: do()
        finally: os._exit(0)
    return pid
def sleep(): time.sleep(100000)
def hold():
    say('ready')
    sleep()
`

const folder = '/var/tmp/attacks'

/** Shell commands that lay a file there for all to read. */
function lay(path: string, text: string): string {
  return `echo '${Buffer.from(text).toString('base64')}' | base64 -d >${path}`
}

export interface Attackers {
  /** What each of them printed so far, by what it attempts. */
  got(): Promise<ReadonlyMap<string, string>>
  /** Ends them, and everything that they started. */
  end(): Promise<void>
}

/** Starts attacks, and waits until all have done what they can. */
export async function startAttackers(guest: Guest, name: string, attacks: readonly Attack[]): Promise<Attackers> {
  const units = attacks.map((_, index) => `attack-${name}-${String(index)}`)
  const commands = attacks.flatMap(({ as = 'nobody', given, script }, index) => {
    const path = `${folder}/${name}-${String(index)}`
    const limits = '-p LimitNOFILE=20000 -p TasksMax=infinity -p KillMode=control-group -p WorkingDirectory=/tmp'
    const output = `-p StandardOutput=file:${path}.out -p StandardError=file:${path}.out`
    const run = `systemd-run -q --unit ${units[index] ?? ''} --uid ${as} ${limits} ${output} -- python3 -B ${path}.py`
    return [...(given === undefined ? [] : [given]), lay(`${path}.py`, prelude + script), run]
  })
  await guest.ask(`set -e; mkdir -p ${folder}\n${commands.join('\n')}`, 60_000)
  async function got(): Promise<ReadonlyMap<string, string>> {
    const files = units.map((_, index) => `${folder}/${name}-${String(index)}.out`)
    const texts = (await guest.ask(`for file in ${files.join(' ')}; do cat $file; printf '\\0'; done`)).split('\0')
    return new Map(attacks.map(({ what }, index) => [what, texts[index] ?? '']))
  }
  await until(
    async () => {
      const waiting = [...(await got())].filter(([, text]) => !/^ready$/m.test(text))
      if (waiting.length > 0) throw new Error(waiting.map(([what, text]) => `${what}: ${text}`).join('\n'))
      return true
    },
    45_000,
    'all attackers ready',
    500,
  )
  const end = async (): Promise<void> => {
    await guest.ask(
      `systemctl stop ${units.join(' ')} 2>/dev/null; systemctl reset-failed ${units.join(' ')} 2>/dev/null; true`,
    )
  }
  return { got, end }
}
