// A process id that is used again: arranged by root, since the kernel would take hours to come round to it.
import type { Guest } from './guest.ts'

/** Makes a lease of nobody's for a process of nobody's, ends that, and begins another one of nobody's with the same id. */
const script = `
import os, signal, subprocess, sys, time
def sleeper():
    for number in range(3): os.dup2(os.open('/dev/null', os.O_RDWR), number)
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    os.execv('/bin/sleep', ['sleep', '1000'])
pid = os.fork()
if pid == 0: sleeper()
time.sleep(0.2)
keep = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'idle-agent', 'keep', '--pid', str(pid)]
subprocess.run(keep, check=True, stdout=subprocess.DEVNULL)
told = subprocess.run(['idle-agent', 'check', '--json'], stdout=subprocess.PIPE).stdout
if b'while process %d runs' % pid not in told: sys.exit('the lease does not hold')
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
for attempt in range(500):
    with open('/var/tmp/procfs/sys/kernel/ns_last_pid', 'w') as last: last.write(str(pid - 1))
    again = os.fork()
    if again == 0: sleeper()
    if again == pid: break
    os.kill(again, signal.SIGKILL)
    os.waitpid(again, 0)
else: sys.exit('the id was not given again')
print(pid)
`

/** The id. The lease is the first of nobody's. */
export async function reusePid(guest: Guest): Promise<number> {
  const lines = [
    'set -e; mkdir -p /var/tmp/procfs; mount -t proc proc /var/tmp/procfs',
    `echo '${Buffer.from(script).toString('base64')}' | base64 -d >/var/tmp/reuse.py`,
    'python3 /var/tmp/reuse.py; umount /var/tmp/procfs',
  ]
  return Number((await guest.ask(lines.join('\n'))).trim())
}
