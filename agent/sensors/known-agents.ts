/** Who runs on every cloud machine without anybody needing it: agents by executable, housekeeping by systemd unit. Data only. */

/**
 * Names of known agents' executables as the kernel shows them: cut at 15 bytes. Only a process of a system user (below)
 * counts as one, and only with its own CPU time: what an agent starts for somebody is work. Left out because the name says
 * too little: waagent and tuned (`python3`), Datadog's `agent`, Java agents; their CPU counts as work.
 */
export const knownAgents: Readonly<Record<string, readonly string[]>> = {
  // AWS: Systems Manager without its session and document workers, CloudWatch, GuardDuty
  AWS: ['amazon-ssm-agen', 'ssm-agent-worke', 'amazon-cloudwat', 'amazon-guarddut'],
  // Google: guest agent, OS Config, Ops Agent
  Google: ['google_guest_ag', 'google_osconfig', 'google_cloud_op', 'otelopscol'],
  // Azure: Monitor Agent, Hyper-V daemons, Defender
  Azure: ['mdsd', 'amacoreagent', 'MetricsExtensio', 'hv_kvp_daemon', 'hv_vss_daemon', 'hv_fcopy_daemon', 'wdavdaemon'],
  metrics: [
    'node_exporter',
    'prometheus-node',
    'process-exporte',
    'dcgm-exporter',
    'telegraf',
    'collectd',
    'netdata',
    'metricbeat',
    'trace-agent',
    'process-agent',
    'system-probe',
    'security-agent',
    'newrelic-infra',
    'zabbix_agentd',
    'zabbix_agent2',
    'grafana-agent',
    'otelcol',
    'otelcol-contrib',
  ],
  logs: ['fluent-bit', 'filebeat', 'auditbeat', 'promtail', 'rsyslogd', 'systemd-journal', 'auditd'],
  security: [
    'falcon-sensor',
    'falcon-sensor-b',
    'osqueryd',
    'wazuh-agentd',
    'wazuh-syscheckd',
    'wazuh-modulesd',
    'wazuh-logcollec',
  ],
  'time and hardware': ['chronyd', 'ntpd', 'systemd-timesyn', 'irqbalance', 'nvidia-persiste'],
}

/** All of them. */
export const agentNames: ReadonlySet<string> = new Set(Object.values(knownAgents).flat())

/**
 * User ids that a distribution gives to services, not people: below 1000, and systemd's dynamic users (systemd UIDS-GIDS). Not
 * `nobody`: whatever has no account of its own runs as that, so a name alone would take it for an agent.
 */
export function isSystemUser(uid: number): boolean {
  return uid < 1000 || (uid >= 61_184 && uid <= 65_519)
}

/**
 * Services by which a distribution fetches package lists, packages, news and firmware, without their suffix. Not
 * `unattended-upgrades`: on Debian and Ubuntu it waits for the shutdown from boot on, and the work is done in `apt-daily-upgrade`.
 */
export const fetchingUnits: ReadonlySet<string> = new Set([
  ...['apt-daily', 'apt-daily-upgrade', 'apt-news', 'esm-cache', 'ua-timer'],
  ...['update-notifier-download', 'update-notifier-motd', 'motd-news', 'snapd.refresh'],
  ...['dnf-makecache', 'fwupd-refresh'],
])

/** Services in system.slice by which a distribution looks after itself; besides those that fetch: indexes, log rotation, disks, counters. */
export const housekeepingUnits: readonly string[] = [
  ...fetchingUnits,
  ...['man-db', 'man-db-cache-update', 'plocate-updatedb', 'mlocate-updatedb', 'updatedb'],
  ...['logrotate', 'dpkg-db-backup', 'fstrim', 'e2scrub_all', 'e2scrub_reap', 'systemd-tmpfiles-clean'],
  ...['sysstat-collect', 'sysstat-summary'],
]

/** Name of such a unit. */
export const housekeepingUnit: RegExp = new RegExp(
  `^(${housekeepingUnits.join('|').replaceAll('.', '\\.')})\\.service$`,
)
