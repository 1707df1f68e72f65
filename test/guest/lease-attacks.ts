// Attacks on leases and on the agent's own files, by an account without rights.
import type { Attack } from './attackers.ts'

/** What lies in the reason of a lease, or the name of a process: colours, a title, C1 controls, direction, a second line. */
const nasty = String.raw`'\x1b[31mRED\x1b]0;title\x07\x9b31m\u202eleft\u2028\nsecond\r\x7f\x00end'`

/** On a machine that nobody uses: none of them holds it for longer than the ceiling. */
export const quietLeaseAttacks: readonly Attack[] = [
  {
    what: 'reads what is root’s',
    script: `
for path in ['/var/lib/idle-agent/state.json', '/var/lib/idle-agent/config.json', '/var/log/idle-agent/audit.jsonl']:
    tried('read', lambda: open(path).read())
for path in ['/var/lib/idle-agent', '/var/lib/idle-agent/lock', '/run/idle-agent/leases']: tried('list', lambda: os.listdir(path))
hold()`,
    got: /^(read EACCES\n){3}(list EACCES\n){3}$/,
  },
  {
    what: 'writes where root writes',
    script: `
own = '/var/tmp/own'; open(own, 'w').close()
for path in ['/run/idle-agent/status.json', '/var/lib/idle-agent/state.json', '/etc/idle-agent/config.yaml',
             '/usr/local/bin/idle-agent', '/etc/systemd/system/idle-agent.timer', '/etc/motd.d/idle-agent']:
    tried('write', lambda: open(path, 'a'))
    tried('rename', lambda: os.rename(own, path))
    tried('remove', lambda: os.unlink(path))
tried('take', lambda: os.mkdir('/run/idle-agent/resumed_at'))
tried('link', lambda: os.symlink('/etc/shadow', '/run/idle-agent/resumed_at'))
tried('replace', lambda: os.rename('/run/idle-agent/leases', '/run/idle-agent/other'))
tried('lock', lambda: open('/var/lib/idle-agent/lock/%s-1-1' % boot, 'w'))
hold()`,
    got: /^((write|rename|remove|take|link|replace|lock) (EACCES|EXDEV|ETXTBSY|ENOENT|EBUSY|EPERM)\n){22}$/,
  },
  {
    what: 'forges leases: negative, NaN, 1e308, __proto__, 4,000 brackets, NULs, UTF-16, another’s',
    script: String.raw`
ends = {'negative': {'kind': 'until', 'wallMs': -1}, 'nan': {'kind': 'until', 'wallMs': float('nan')}, 'huge': {'kind': 'for', 'bootMs': 1e308, 'bootId': boot}}
for slot, end in enumerate(ends.values(), 8): lease(slot, end)
name = lambda slot: '%d-%d' % (uid, slot)
write(name(11), '{"__proto__": %s}' % text(name(11), later()))
write(name(12), '[' * 4000)
write(name(13), '\0' * 300 + text(name(13), later()))
write(name(14), text(name(14), later()).encode('utf-16'))
write(name(15), text('0-0', later()))
say('8 made')
hold()`,
    got: /^8 made\n$/,
  },
  {
    what: 'a lease until the year 4821, and one for 3,000 years, with a reason that colours, titles and turns around',
    script: `
lease(6, {'kind': 'until', 'wallMs': 9e13}, ${nasty})
lease(1, {'kind': 'for', 'bootMs': 9e13, 'bootId': boot}, ${nasty} * 9)
say('2 made')
hold()`,
    got: /^2 made\n$/,
  },
  {
    what: 'renews its lease every second, for ever',
    script: `
lease(2, later())
say('ready')
while True:
    time.sleep(1)
    try: os.unlink(L + '%d-2' % uid)
    except OSError: pass
    try: lease(2, later(), 'again')
    except OSError: pass`,
    got: /^$/,
  },
  {
    what: 'a lease for a process of its own that is stopped, mode 000, of the year 2100',
    script: String.raw`
pid = child(sleep)
os.kill(pid, signal.SIGSTOP)
lease(3, process(pid))
path = L + '%d-3' % uid
os.chmod(path, 0)
os.utime(path, (4102444800, 4102444800))
tried('chown', lambda: os.chown(path, 0, 0))
tried('immutable', lambda: fcntl.ioctl(os.open(L + '%d-2' % uid, os.O_RDONLY), 0x40086602, b'\x10' + b'\0' * 7))
hold()`,
    got: /^chown EPERM\nimmutable (EPERM|ENOTTY|EOPNOTSUPP|ENOENT)\n$/,
  },
  {
    what: 'a lease for process 1, one for a process of root’s, and both by "keep --pid"',
    script: `
other = int(subprocess.run(['pgrep', '-o', '-x', 'cron'], stdout=subprocess.PIPE).stdout)
lease(4, process(1))
lease(5, process(other))
for pid in [1, other]:
    done = subprocess.run(['idle-agent', 'keep', '--pid', str(pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    say(done.returncode, 'not yours' if b'is not yours' in done.stdout else done.stdout)
hold()`,
    got: /^(2 not yours\n){2}$/,
  },
  {
    what: 'a lease of 1 GB that goes on growing',
    script: `
file = os.open(L + '%d-7' % uid, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
os.write(file, text('%d-7' % uid, later()).encode())
os.ftruncate(file, 1 << 30)
say(os.fstat(file).st_size)
say('ready')
size = 1 << 30
while True:
    time.sleep(0.5)
    size += 4096
    os.ftruncate(file, size)`,
    got: /^1073741824\n$/,
  },
  {
    what: 'links, pipes, sockets, devices and folders 700 deep in the places of leases',
    script: String.raw`
os.chdir(L)
tried('fifo', lambda: os.mkfifo('200000-0'))
tried('socket', lambda: socket.socket(socket.AF_UNIX).bind('200000-1'))
tried('device', lambda: os.mknod('200000-2', 0o020666, os.makedev(1, 5)))
tried('soft', lambda: os.symlink('/etc/shadow', '200000-3'))
tried('soft', lambda: os.symlink('/var/lib/idle-agent/state.json', '200000-4'))
for path in ['/etc/shadow', '/run/idle-agent/status.json', '/etc/passwd']:
    tried('hard', lambda: os.link(path, '200000-5'))
os.mkdir('200000-6'); os.chdir('200000-6')
for depth in range(700):
    open(b'\xff\n\x1b', 'w').close()
    os.mkdir('d'); os.chdir('d')
hold()`,
    got: /^fifo done\nsocket done\ndevice EPERM\nsoft done\nsoft done\n(hard (EPERM|EXDEV)\n){3}$/,
  },
  {
    what: '2,000 files whose names have newlines, escapes, 255 bytes or no text',
    script: String.raw`
for number in range(500):
    write(b'\x1b[31m%d\n\x1b]0;x\x07' % number, '')
    write(b'\xc2\x9b31m%d\xe2\x80\xae' % number, '')
    write(b'%d' % number + b'n' * (255 - len('%d' % number)), '')
    write(b'\xff\xfe%d' % number, '')
say('2000 made')
hold()`,
    got: /^2000 made\n$/,
  },
  {
    what: 'root’s lease, made as root of a user namespace of its own',
    script: `
data = text('0-3', later(), 'root')
done = subprocess.run(['unshare', '-Ur', 'python3', '-c', 'import sys; open(sys.argv[1], "x").write(sys.argv[2])', L + '0-3', data], stderr=subprocess.PIPE)
say(done.returncode, os.stat(L + '0-3').st_uid)
hold()`,
    got: /^0 65534\n$/,
  },
]

/** While somebody else's lease is all that keeps the machine up: it goes on holding, and its owner may have another. */
export const othersLeaseAttacks: readonly Attack[] = [
  {
    what: 'reads, changes, replaces and removes another user’s lease',
    script: `
path = L + '1000-0'
open('/var/tmp/mine', 'w').close()
write('mine', '')
tried('read', lambda: open(path).read())
tried('write', lambda: open(path, 'a'))
tried('mode', lambda: os.chmod(path, 0o666))
tried('times', lambda: os.utime(path, (1, 1)))
tried('remove', lambda: os.unlink(path))
tried('replace', lambda: os.rename(L + 'mine', path))
tried('away', lambda: os.rename(path, L + 'theirs'))
tried('link', lambda: os.link(path, L + 'second'))
tried('folder', lambda: os.chmod(L, 0o777))
hold()`,
    got: /^(read|write) EACCES\nwrite EACCES\n((mode|times|remove|replace|away|link|folder) (EPERM|EACCES)\n){7}$/,
  },
  {
    what: 'takes all other places of that user, and takes them again and again',
    script: String.raw`
def take(slot):
    name = L + '1000-%d' % slot
    try:
        if slot % 3 == 0: os.mkdir(name); open(name.encode() + b'/\xff', 'w').close()
        elif slot % 3 == 1: open(name, 'x').close()
        else: os.symlink('/etc/shadow', name)
        return 1
    except OSError: return 0
say(sum(take(slot) for slot in range(1, 16)))
say('ready')
while True:
    time.sleep(0.05)
    for slot in range(1, 16):
        take(slot)
        try: os.utime(L + '1000-%d' % slot)
        except OSError: pass`,
    got: /^15\n$/,
  },
  {
    what: 'fills the folder with 16 MB that it keeps open, then with all names that it has room for',
    script: `
file = os.open(L + '%d-0' % uid, os.O_RDWR | os.O_CREAT, 0o600)
def fill():
    for number in range(1024): os.write(file, b'x' * 65536)
tried('space', fill)
try: os.unlink(L + '%d-0' % uid)
except FileNotFoundError: pass # swept away
def names():
    for number in range(20000): os.close(os.open(L + '%d-%d' % (300000 + number // 16, number % 16), os.O_CREAT | os.O_EXCL, 0o600))
tried('names', names)
rest = os.statvfs('/run')
say('run', 'full' if rest.f_bavail * rest.f_frsize < 1000000 or rest.f_favail < 1000 else 'has room')
hold()`,
    got: /^space ENOSPC\nnames ENOSPC\nrun has room\n$/,
  },
]
