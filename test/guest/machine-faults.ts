// What can be wrong on the machine itself, each prepared in a running guest.
import { until } from './host.ts'
import { bringBack, config, fromRow, keep, type PreparedFault, type Row, shell } from './prepared-faults.ts'
import { endpoints } from './story.ts'

/** A check that holds the lock and never ends; the status is as old as it would then be. */
const hungCheck: PreparedFault['prepare'] = async (guest) => {
  await guest.cloud.orderFault({ server: 'metadata', fault: { kind: 'hang' } })
  const command = `${endpoints.join(' ')} exec idle-agent check --act`
  await guest.ask(`setsid bash -c '${command}' </dev/null >/dev/null 2>&1 &`)
  const entry = await until(() => guest.ask('ls /var/lib/idle-agent/lock | grep .'), 5_000, 'a check under way', 10)
  const pid = entry.trim().split('-').at(-2) ?? ''
  await guest.ask(`kill -STOP ${pid}; cp -p /run/idle-agent/status.json /root/kept`)
  await guest.cloud.clearFaults()
  await guest.ask(`sed -Ei 's/"at":"20[^"]*"/"at":"2026-01-01T00:00:00.000Z"/' /run/idle-agent/status.json`)
  return () => guest.ask(`kill -9 ${pid}; mv /root/kept /run/idle-agent/status.json`)
}

const install = /"sudo idle-agent install"/

/** On a machine with cron that wants to hibernate, has /swap, and has been checked. */
const cronRows: readonly Row[] = [
  [
    'swap is too small',
    shell('mv /swap /swap2; truncate -s 1G /swap', 'mv /swap2 /swap'),
    5,
    ['✗', 'hibernation', /swap of 1024 MiB is smaller than the memory of \d+ MiB/, /root volume large enough/],
  ],
  [
    'hibinit-agent failed',
    shell(
      'echo "ExecStart=/bin/false" >>/etc/systemd/system/hibinit-agent.service; systemctl daemon-reload; ! systemctl start hibinit-agent',
      'sed -i "\\$d" /etc/systemd/system/hibinit-agent.service; systemctl daemon-reload; systemctl reset-failed hibinit-agent',
    ),
    5,
    ['✗', 'hibernation', /hibinit-agent failed/, /journalctl -u hibinit-agent/],
  ],
  [
    'hibinit-agent is not there',
    shell(
      'mv /etc/systemd/system/hibinit-agent.service /root/; systemctl daemon-reload',
      'mv /root/hibinit-agent.service /etc/systemd/system/; systemctl daemon-reload',
    ),
    0,
    ['!', 'hibernation', /no unit hibinit-agent/, /install ec2-hibinit-agent/],
  ],
  [
    'the cron entry was edited',
    shell(
      `${keep('/etc/cron.d/idle-agent')}; sed -i 's,^\\* ,*/7 ,' /etc/cron.d/idle-agent`,
      bringBack('/etc/cron.d/idle-agent'),
    ),
    5,
    ['✗', 'schedule', /says "\*\/7 \* \* \* \*", .*check_interval_minutes \(1\)/, install],
  ],
  [
    'all may write the cron entry',
    shell('chmod 666 /etc/cron.d/idle-agent', 'chmod 644 /etc/cron.d/idle-agent'),
    5,
    ['✗', 'schedule', /cron passes over/, /chmod 644/],
  ],
  [
    'the cron entry is gone',
    shell('mv /etc/cron.d/idle-agent /root/kept', bringBack('/etc/cron.d/idle-agent')),
    5,
    ['✗', 'schedule', /nothing starts the checks/, install],
  ],
  [
    'cron is stopped',
    shell('systemctl stop cron', 'systemctl start cron'),
    5,
    ['✗', 'schedule', /no cron daemon runs/, /systemctl enable --now cron/],
  ],
  [
    'there is a timer as well',
    shell('echo "[Timer]" >/etc/systemd/system/idle-agent.timer', 'rm /etc/systemd/system/idle-agent.timer'),
    0,
    ['!', 'schedule', /both a cron entry and a timer/, install],
  ],
  [
    'the configuration is broken',
    shell(`${keep(config)}; echo '  acton: stop' >>${config}`, bringBack(config)),
    2,
    ['✗', 'config', /config\.yaml:\d+:3 idle_detection\.acton: .*did you mean action/, /"idle-agent config check"/],
  ],
  [
    'the executable is not executable',
    shell('chmod 644 /usr/local/bin/idle-agent', 'chmod 755 /usr/local/bin/idle-agent'),
    5,
    ['✗', 'executable', /not executable \(644\)/, /chmod 755/],
  ],
  [
    'the executable is gone',
    shell('mv /usr/local/bin/idle-agent /root/kept', bringBack('/usr/local/bin/idle-agent')),
    5,
    ['✗', 'executable', /is not there/, /idle-agent install/],
  ],
  [
    'all may write the state',
    shell('chmod 777 /var/lib/idle-agent', 'chmod 700 /var/lib/idle-agent'),
    5,
    ['✗', 'folders', /idle-agent is root's, 777 instead of root's, 700/, /chmod 700/],
  ],
  [
    'users may not take leases',
    shell('chmod 755 /run/idle-agent/leases', 'chmod 1733 /run/idle-agent/leases'),
    5,
    ['✗', 'folders', /leases is root's, 755/, /chmod 1733/],
  ],
  [
    'the disk is full',
    shell(
      'mount -t tmpfs -o size=64k,mode=700 none /var/lib/idle-agent; ! head -c 100k /dev/zero >/var/lib/idle-agent/fill',
      'umount /var/lib/idle-agent',
    ),
    5,
    ['✗', 'disk', /\/var\/lib\/idle-agent: its disk is full \(0 KiB left\)/, /free some space/],
  ],
  [
    'the log is read-only',
    shell(
      'mount --bind /var/log/idle-agent /var/log/idle-agent; mount -o remount,bind,ro /var/log/idle-agent',
      'umount /var/log/idle-agent',
    ),
    5,
    ['✗', 'disk', /\/var\/log\/idle-agent: .*read-only/, /read-write/],
  ],
  [
    'a check hangs',
    hungCheck,
    5,
    ['✗', 'last check', /\d+ s ago, although one is due every 60 s: .*\(pid \d+\)/, /kill -9 \d+/],
  ],
  [
    'the status is damaged',
    shell(
      `${keep('/run/idle-agent/status.json')}; echo '{' >/run/idle-agent/status.json`,
      bringBack('/run/idle-agent/status.json'),
    ),
    0,
    ['!', 'last check', /none .* since boot/, /check --act/],
  ],
  [
    'a state was set aside',
    shell(
      `echo "{" >/var/lib/idle-agent/state.json; ${endpoints.join(' ')} idle-agent check --act >/dev/null; test -e /var/lib/idle-agent/state.json.corrupt`,
      'rm /var/lib/idle-agent/state.json.corrupt',
    ),
    0,
    ['!', 'leftovers', /set aside as unusable/, /state\.json\.corrupt, then remove it/],
  ],
  [
    'the agent before is back',
    shell('touch /usr/local/bin/cloudworkstation-idle-check.sh', 'rm /usr/local/bin/cloudworkstation-idle-check.sh'),
    5,
    ['✗', 'leftovers', /cloudworkstation-idle-check\.sh is still there/, install],
  ],
  [
    'the resume hook is gone',
    shell(
      'mv /usr/lib/systemd/system-sleep/idle-agent /root/kept',
      bringBack('/usr/lib/systemd/system-sleep/idle-agent'),
    ),
    0,
    ['!', 'resume hook', /system-sleep\/idle-agent is missing/, install],
  ],
  [
    'ss is gone',
    shell('mv /usr/bin/ss /root/kept', bringBack('/usr/bin/ss')),
    0,
    ['!', 'tools', /ss is missing/, /iproute2/],
  ],
]

/** On a machine with a timer that only wants to stop. */
const timerRows: readonly Row[] = [
  [
    'the timer is stopped',
    shell('systemctl stop idle-agent.timer', 'systemctl start idle-agent.timer'),
    5,
    ['✗', 'schedule', /not active/, /enable --now idle-agent\.timer/],
  ],
  [
    'the timer is disabled',
    shell('systemctl disable idle-agent.timer', 'systemctl enable idle-agent.timer'),
    5,
    ['✗', 'schedule', /disabled: .*after the next boot/, /enable --now/],
  ],
  [
    'the timer is masked',
    shell(
      'systemctl disable --now idle-agent.timer; mv /etc/systemd/system/idle-agent.timer /root/kept; systemctl mask idle-agent.timer',
      `systemctl unmask idle-agent.timer; ${bringBack('/etc/systemd/system/idle-agent.timer')}; systemctl daemon-reload; systemctl enable --now idle-agent.timer`,
    ),
    5,
    ['✗', 'schedule', /masked/, /systemctl unmask idle-agent\.timer/],
  ],
  [
    'the timer has another interval',
    shell(
      `${keep('/etc/systemd/system/idle-agent.timer')}; sed -i 's/^OnUnitActiveSec=.*/OnUnitActiveSec=7s/' /etc/systemd/system/idle-agent.timer; systemctl daemon-reload`,
      `${bringBack('/etc/systemd/system/idle-agent.timer')}; systemctl daemon-reload`,
    ),
    5,
    ['✗', 'schedule', /says "7s", .*"3s"/, install],
  ],
]

export const cronFaults: readonly PreparedFault[] = cronRows.map(fromRow)
export const timerFaults: readonly PreparedFault[] = timerRows.map(fromRow)
