/** What a distribution or this agent has cron and systemd do at fixed times; none of it is anybody's need. Data only. */

/** Files in /etc/cron.d of packages that look after the system itself. */
export const cronFiles: ReadonlySet<string> = new Set([
  ...['idle-agent', 'anacron', 'raid-check', 'sysstat', 'e2scrub_all', 'mdadm', 'mdcheck', 'zfsutils-linux'],
  ...['popularity-contest', 'certbot', 'php', 'ntpsec', 'unbound-anchor', 'apticron', 'geoipupdate', 'update-motd'],
  ...['cloudworkstation-idle', 'amazon-ssm-agent', 'insights-client', 'pcp-pmlogger', 'pcp-pmie'],
])

/** Scripts in /etc/cron.hourly, daily, weekly and monthly of such packages. */
export const cronScripts: ReadonlySet<string> = new Set([
  ...['0anacron', '0yum-daily', '0yum-hourly', '0yum', 'anacron', 'apport', 'apt', 'apt-compat', 'aptitude'],
  ...['bsdmainutils', 'certwatch', 'chkrootkit', 'cracklib-runtime', 'cups', 'debsums', 'dpkg', 'exim4-base', 'fstrim'],
  ...['google-chrome', 'logrotate', 'man-db', 'mcelog-cron', 'mdadm', 'mlocate', 'plocate', 'locate', 'ntp', 'passwd'],
  ...['popularity-contest', 'quota', 'rhsmd', 'rkhunter', 'samba', 'sendmail', 'spamassassin', 'standard', 'sysstat'],
  ...['tmpwatch', 'tmpreaper', 'ubuntu-advantage-tools', 'ubuntu-release-upgrader-core', 'update-motd'],
  ...['update-notifier-common', 'readahead-monthly', 'prelink', 'freshclam', 'ifenslave', 'x11-common'],
])

/** Timers of such packages, beside those whose services `housekeepingUnit` knows; patterns of their names, without the suffix. */
export const timerNames: readonly string[] = [
  ...['idle-agent', 'anacron', 'apport-autoreport', 'btrfs-(balance|defrag|scrub|trim).*', 'certbot(-renew)?'],
  ...['chrony-dnssrv@.*', 'cloud-.*-refresh', 'debsums.*', 'dnf-automatic.*', 'exim4-base', 'fake-hwclock-save'],
  ...['gce-workload-cert-refresh', 'google-.*', 'grub-boot-(success|indeterminate)', 'insights-client.*'],
  ...['logwatch', 'mandb', 'mcelog.*', 'mdadm-last-resort@.*', 'mdcheck_(start|continue)', 'mdmonitor-oneshot'],
  ...['nm-cloud-setup', 'ntpsec-rotate-stats', 'ntpsec-systemd-netif', 'phpsessionclean', 'pm(logger|ie)_.*'],
  ...['raid-check', 'refresh-policy-routes@.*', 'rhsm.*', 'rpmdb-.*', 'selinux-.*', 'smartd.*', 'snapd\\..*'],
  ...['snapper-(boot|cleanup|timeline)', 'systemd-.*', 'unbound-anchor', 'update-(motd|notifier-.*)'],
  ...['vmtoolsd.*', 'xfs_scrub_all.*', 'zfs-(scrub|trim)-.*'],
]

/** Whole name of such a timer. */
export const timers: RegExp = new RegExp(`^(${timerNames.join('|')})\\.timer$`)
