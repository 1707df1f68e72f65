// Attacks by what processes are called, hold and open, by an account without rights.
import type { Attack } from './attackers.ts'
import { user } from './guest.ts'

/** Names of processes that colour, end the line, or end the name in /proc/PID/stat too early. */
const names = String.raw`[b'\x1b[31mEVIL', b'a\nb\rc', b') R 1 1 1 1 0', b'\xc2\x9b31mC1', b'\xe2\x80\xaeleft', b'((((', b'', b'%s%n\x7f\xff']`

/** What lies around on a machine with rpm: a lock that everybody may read, and one of root's with a small inode number. */
const givenRpm = `mkdir -p /var/lib/rpm /usr/lib/sysimage/rpm
mount -t tmpfs tmpfs /usr/lib/sysimage/rpm; install -m 0644 /dev/null /var/lib/rpm/.rpm.lock
install -m 0640 /dev/null /usr/lib/sysimage/rpm/.rpm.lock`

/** On a machine that nobody uses: none of them holds it for longer than the ceiling. */
export const quietProcessAttacks: readonly Attack[] = [
  {
    what: 'processes whose names and arguments colour, end lines, or end too early',
    script: String.raw`
for name in ${names}:
    def run():
        called(name)
        sleep()
    child(run)
for name in [b'\x1b[2Jcleared', b'x\n1 (init) S']:
    child(lambda: os.execv('/bin/sleep', [name, '100000']))
say('10 started')
hold()`,
    got: /^10 started\n$/,
  },
  {
    what: 'a process that is called sshd, titled as a session, with 19,000 open files; and a new one every second',
    given: 'install -m 0755 /bin/sleep /var/tmp/sshd',
    script: `
def many():
    for number in range(19000): os.set_inheritable(os.dup(0), True)
    for number in range(3, 60): os.close(number)
    os.execv('/var/tmp/sshd', ['sshd: root@pts/0', '100000'])
child(many)
child(lambda: os.execv('/var/tmp/sshd', ['sshd: nobody@notty', '100000']))
say('ready')
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    time.sleep(1)
    child(lambda: os.execv('/var/tmp/sshd', ['sshd: nobody@notty', '0.9']))`,
    got: /^$/,
  },
  {
    what: '10,000 sockets, one of them of a process that is called sshd',
    script: `
server = socket.create_server(('127.0.0.1', 0), backlog=4096)
pairs = []
for number in range(5000):
    client = socket.create_connection(server.getsockname())
    pairs.append((client, server.accept()[0]))
own = pairs[0][0].fileno()
def run():
    os.dup2(own, 0)
    os.closerange(3, 20000)
    os.execv('/var/tmp/sshd', ['sshd: nobody@notty', '100000'])
child(run)
say(2 * len(pairs))
hold()`,
    got: /^10000\n$/,
  },
  {
    what: 'a command line of 1.2 MB in the foreground of a terminal, and of one called sshd',
    script: `
long = ['x' * 100000] * 12
pid, terminal = pty.fork()
if pid == 0: os.execv('/bin/bash', ['bash', '-c', 'read line'] + long)
child(lambda: os.execv('/bin/bash', ['bash', '-c', 'exec -a "sshd: x@notty" /var/tmp/sshd 100000']))
child(lambda: os.execv('/var/tmp/sshd', ['sshd: x@notty', '100000'] + ['0' * 100000] * 12))
while len(open('/proc/%d/cmdline' % pid).read()) < 1048576: time.sleep(0.1)
say('1.2 MB')
hold()`,
    got: /^1\.2 MB\n$/,
  },
  {
    what: '200 terminals, their times set to the years 2100 and 1970',
    script: `
pairs = [pty.openpty() for number in range(200)]
for number, (master, slave) in enumerate(pairs):
    at = 4102444800 if number % 2 else 1
    os.utime(os.ttyname(slave), (at, at))
say(len(pairs))
hold()`,
    got: /^200\n$/,
  },
  {
    what: '40,000 locks on files of its own',
    script: `
files = [open('/var/tmp/lock-%d' % number, 'w') for number in range(200)]
for file in files:
    for at in range(200): fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * at)
say(200 * 200)
hold()`,
    got: /^40000\n$/,
  },
  {
    what: 'locks the package manager’s lock that all may read, and a file of its own with the inode of root’s',
    given: givenRpm,
    script: `
called('rpm')
shared = open('/var/lib/rpm/.rpm.lock')
fcntl.flock(shared, fcntl.LOCK_EX)
wanted = os.stat('/usr/lib/sysimage/rpm/.rpm.lock').st_ino
for number in range(3000000):
    own = open('/dev/shm/own', 'w')
    if os.fstat(own.fileno()).st_ino >= wanted: break
    own.close(); os.unlink('/dev/shm/own')
fcntl.lockf(own, fcntl.LOCK_EX)
say(os.fstat(own.fileno()).st_ino - wanted)
hold()`,
    got: /^-?\d+\n$/,
  },
  {
    what: 'locks the status and every file of the agent’s that it can read, and is stopped',
    script: `
held = []
for path in ['/run/idle-agent/status.json', '/run/idle-agent', '/etc/idle-agent/config.yaml', '/usr/local/bin/idle-agent']:
    held.append(os.open(path, os.O_RDONLY))
    fcntl.flock(held[-1], fcntl.LOCK_EX)
say(len(held))
pid = child(sleep)
os.kill(pid, signal.SIGSTOP)
hold()`,
    got: /^4\n$/,
  },
  {
    what: 'false commands in PATH, the working folder and ~/bin, and NODE_OPTIONS, LD_PRELOAD for sudo',
    as: user,
    script: String.raw`
home = os.path.expanduser('~') + '/bin'
os.makedirs(home, exist_ok=True)
os.chdir(home)
for name in ['nvidia-smi', 'ss', 'systemctl', 'setpriv', 'env', 'grep', 'node', 'mount', 'sh']:
    with open(name, 'w') as file: file.write('#!/bin/dash\necho $0 >>/var/tmp/fooled\nexec sleep 60\n')
    os.chmod(name, 0o755)
with open('evil.js', 'w') as file: file.write('require("fs").appendFileSync("/var/tmp/fooled", "node")')
environment = {'PATH': '.:%s:/usr/local/bin:/usr/bin:/bin' % home, 'NODE_OPTIONS': '--require=%s/evil.js' % home, 'LD_PRELOAD': './evil.so', 'NODE_PATH': home}
for argv in [['idle-agent', 'status'], ['sudo', 'idle-agent', 'check', '--json'], ['sudo', '--preserve-env=NODE_OPTIONS,NODE_PATH,PATH', 'idle-agent', 'check', '--json']]:
    done = subprocess.run(['/usr/bin/' + argv[0]] + argv[1:] if argv[0] == 'sudo' else ['/usr/local/bin/idle-agent', argv[1]], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    say(done.returncode)
say('fooled' if os.path.exists('/var/tmp/fooled') else 'not fooled')
hold()`,
    got: /^0\n[03]\n[03]\nnot fooled\n$/,
  },
  {
    what: 'links in /tmp and /var/tmp under every name that the agent might use there',
    script: `
for folder in ['/tmp/', '/var/tmp/']:
    for name in ['idle-agent', 'idle-agent.lock', 'idle-agent.json', 'state.json', 'status.json', 'config.json', 'probe', 'node-compile-cache', '.given', 'sea']:
        os.symlink('/var/tmp/followed', folder + name)
say(os.path.lexists('/var/tmp/followed'))
hold()`,
    got: /^False\n$/,
  },
]
