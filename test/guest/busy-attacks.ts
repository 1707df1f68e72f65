// Attacks that work all the time, while somebody uses the machine: none hides that, and no check fails or hangs over them.
import type { Attack } from './attackers.ts'

/** An account of a service, as a distribution makes one. */
const service = 'www-data'

const burn = (accounts: string): string => `
for name in ${accounts}:
    def run():
        called(name)
        os.nice(10)
        while True: pass
    child(run)
hold()`

export const busyAttacks: readonly Attack[] = [
  {
    what: 'burns under the names of known agents and kernel threads, as a service',
    as: service,
    script: burn("['amazon-ssm-agen', 'node_exporter']"),
    got: /^$/,
  },
  {
    what: 'burns under the names of known agents, this agent and kernel threads',
    script: burn(String.raw`['idle-agent', '[kworker/0:1]', b'\x1b[31m\xc2\x9bX\n) R 1']`),
    got: /^$/,
  },
  {
    what: 'changes its name from and to an agent’s, as a service, all the time',
    as: service,
    script: `
os.nice(10)
say('ready')
while True:
    for name in ['python3', 'node_exporter']:
        called(name)
        until = time.monotonic() + 0.7
        while time.monotonic() < until: pass`,
    got: /^$/,
  },
  {
    what: 'swaps a lease for a link, a pipe, a folder and another’s file between one look and the next',
    script: `
path = L + '%d-0' % uid
good = text('%d-0' % uid, later())
def swap(make):
    try:
        make(path + 'x')
        os.rename(path + 'x', path)
    except OSError:
        for remove in (os.rmdir, os.unlink):
            try: remove(path)
            except OSError: pass
def plain(p): open(p, 'w').write(good)
say('ready')
while True:
    for make in [plain, lambda p: os.symlink('/etc/shadow', p), os.mkfifo, plain, os.mkdir, lambda p: os.symlink('/var/lib/idle-agent/state.json', p)]: swap(make)
    time.sleep(0.0005)`,
    got: /^$/,
  },
  {
    what: 'lengthens and cuts a lease while it is read',
    script: `
file = os.open(L + '%d-1' % uid, os.O_RDWR | os.O_CREAT, 0o600)
good = text('%d-1' % uid, later()).encode()
say('ready')
while True:
    os.pwrite(file, good, 0)
    os.ftruncate(file, 5000)
    os.ftruncate(file, len(good) // 2)
    os.ftruncate(file, 1 << 40)
    os.ftruncate(file, 0)
    time.sleep(0.0002)`,
    got: /^$/,
  },
  {
    what: 'writes escapes to the terminals of others',
    script: String.raw`
escapes = b'\x1b]0;x\x07\x1b[2J'
refused = set()
for name in sorted(os.listdir('/dev/pts')) + ['../console', '../tty1', '../tty']:
    try: os.write(os.open('/dev/pts/' + name, os.O_WRONLY | os.O_NOCTTY), escapes) if name != 'ptmx' else None
    except OSError as error: refused.add(errno.errorcode[error.errno])
    else:
        if name != 'ptmx': say('wrote to', name)
say(sorted(refused))
done = subprocess.run(['wall', '\x1b[2Jout'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
say('wall', done.returncode)
hold()`,
    got: /^\[[^\]]*'EACCES'[^\]]*\]\nwall \d\n$/,
  },
  {
    what: 'asks for the status, keeps, releases and checks as fast as it can',
    script: String.raw`
def run(*words):
    done = subprocess.run(['idle-agent', *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode
say(run('check', '--act'), run('doctor'), run('release', '0-0'), run('release', '1000-0'), run('install'), run('uninstall'))
say('ready')
while True:
    run('keep', '--for', '1h', '--reason', '\x1b[31mred\x9b\u202e\nx')
    run('status')
    run('release', '--all')`,
    got: /^5 2 2 2 2 2\n$/,
  },
]

/** Before the others, who would slow it down. */
export const crowd: Attack = {
  what: '10,000 processes, of which some end and begin all the time',
  script: `
end, _ = os.pipe()
os.dup2(end, 3)
# A shell is small, and so quickly forked.
shells = 'n=0; while [ $n -lt 9900 ]; do { read line; } <&3 & n=$((n + 1)); done; echo $n; read line <&3'
crowd = subprocess.Popen(['dash', '-c', shells], pass_fds=[3], stdout=subprocess.PIPE)
say(int(crowd.stdout.readline()))
say('ready')
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
  for number in range(20): child(lambda: time.sleep(1.5))
  time.sleep(0.3)`,
  got: /^9900\n$/,
}

/** Plays somebody who types: that is use, and told as such for as long as it goes on. */
export const typist: Attack = {
  what: 'types into a terminal of its own, and sets its times, every second',
  script: String.raw`
import threading
master, slave = pty.openpty()
threading.Thread(target=lambda: [os.read(slave, 100) for _ in iter(int, 1)], daemon=True).start()
say('ready')
while True:
    os.write(master, b'x\n')
    os.utime(os.ttyname(slave))
    time.sleep(1)`,
  got: /^$/,
}
