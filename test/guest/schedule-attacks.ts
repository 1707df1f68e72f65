// Attacks by what is due soon or forbids to stop: crontabs, at jobs, inhibitors, and the managers of users.
import type { Attack } from './attackers.ts'
import { user } from './guest.ts'

/** As atd's spool has it: a job of nobody's for five minutes from now. */
const givenAt = `mkdir -p /var/spool/cron/atjobs
job=/var/spool/cron/atjobs/$(printf 'a%05x%08x' 1 $(( $(date +%s) / 60 + 5 )))
install -m 0700 -o nobody -g daemon /dev/null "$job"`

/** As logind writes it for a user with a session, to whom polkit allows it; its values are escaped by logind, these are not. */
const givenInhibitor = `sleep 600 </dev/null >/dev/null 2>&1 & pid=$!
printf 'WHAT=idle:sleep:shutdown\\nMODE=block\\nUID=65534\\nPID=%s\\nWHO=\\033[31mwho\\nWHY=\\033]0;why\\007\\233\\n' $pid >/run/systemd/inhibit/77`

/** On a machine that nobody uses: none of them holds it for longer than the ceiling. */
export const scheduleAttacks: readonly Attack[] = [
  {
    what: 'a crontab of 100,000 lines, and one with a job in each of the coming 60 minutes',
    script: String.raw`
def install(text):
    done = subprocess.run(['crontab', '-'], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return (b'maximum number of lines' in done.stdout and 'too long') or done.returncode
say(install('* * * * * true\n' * 100000))
now = time.time() + 120
say(install(''.join(time.strftime('%M %H * * * true\n', time.localtime(now + 60 * minute)) for minute in range(60))))
hold()`,
    got: /^too long\n0\n$/,
  },
  {
    what: 'a crontab of 4,600 lines with 2,300 time zones, and escapes',
    as: user,
    script: String.raw`
def zone(number): return ''.join(c.upper() if number >> bit & 1 else c for bit, c in enumerate('atlantic/reykjavik'))
lines = ''.join('CRON_TZ=%s\n0 0 1 1 * true\n' % zone(number) for number in range(2300))
done = subprocess.run(['crontab', '-'], input=(lines + '0 0 1 1 * echo \x1b[31m\x9b\n').encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
say(done.returncode, done.stdout.decode())
hold()`,
    got: /^0 \n$/,
  },
  {
    what: 'an at job that is due in five minutes',
    given: givenAt,
    script: `
tried('change', lambda: os.listdir('/var/spool/cron/atjobs'))
hold()`,
    got: /^change (done|EACCES)\n$/,
  },
  {
    what: 'inhibitors: by systemd-inhibit, and as logind would leave one, with escapes',
    given: givenInhibitor,
    script: String.raw`
for what, mode in [('idle', 'block'), ('shutdown', 'block'), ('shutdown:sleep', 'delay')]:
    done = subprocess.run(['systemd-inhibit', '--what=' + what, '--mode=' + mode, '--who=\x1b[31m', '--why=\x9b\n', 'sleep', '1'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    say(done.returncode, 'denied' if b'Access denied' in done.stdout else done.stdout)
hold()`,
    got: /^(1 denied\n){3}$/,
  },
  {
    what: 'a manager of its own that takes every question and answers none, and control groups with escapes',
    as: user,
    given: `loginctl enable-linger ${user}; timeout 15 sh -c 'until [ -S /run/user/1000/systemd/private ]; do sleep 0.2; done'`,
    script: String.raw`
path = '/run/user/1000/systemd/private'
os.unlink(path)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(64)
group = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/'
tried('group', lambda: os.mkdir(group + '\x1b[31m <-> ino:1 rto:1 bytes_sent:many'))
say('ready')
held = []
while True: held.append(server.accept())`,
    got: /^group done\n$/,
  },
  {
    what: 'a detached tmux whose session, window and pane have escapes for names',
    as: user,
    script: String.raw`
done = subprocess.run(['tmux', '-L', 'x\x1b[31m', 'new-session', '-d', '-s', 's\x1b[31m\x9b', '-n', 'w\x07\n', 'exec -a "\x1b[31mshell" bash'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
say(done.returncode)
hold()`,
    got: /^0\n$/,
  },
]
