/** The rules that leave the instance metadata to root alone, and the unit that loads them at each boot, as data. Pure. */
import type { InstalledFile } from './files.ts'

export const guardRulesPath = '/etc/idle-agent/metadata.nft'
export const guardUnit = 'idle-agent-metadata.service'
export const guardUnitPath = `/etc/systemd/system/${guardUnit}`
const flushDropInPath = '/etc/systemd/system/nftables.service.d/idle-agent.conf'
export const nftPath = '/usr/sbin/nft'
/** Family and name of the table, which holds nothing else. */
export const guardTable = ['inet', 'idle_agent'] as const

const addresses = ['ip daddr 169.254.169.254', 'ip6 daddr fd00:ec2::254'] as const
/** A reset is an answer at once; after an ICMP message connect(2) over IPv6 goes on for a second. On Google's cloud, 53 is the name server. */
const refuse = 'tcp dport != 53 reject with tcp reset'
const table = guardTable.join(' ')

function chain(hook: 'output' | 'forward', rules: readonly string[]): readonly string[] {
  const lines = [`type filter hook ${hook} priority 0; policy accept;`, ...rules]
  return [`  chain ${hook} {`, ...lines.map((line) => `    ${line}`), '  }']
}

/** Loaded whole or not at all (nft(8): one file is one transaction), and again without a moment in between. */
export const guardRules: InstalledFile = {
  path: guardRulesPath,
  mode: 0o644,
  text: `${[
    '# Written by `idle-agent install` for metadata_root_only; `idle-agent uninstall` removes it.',
    `add table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    '  # Processes of this machine, by their user.',
    ...chain(
      'output',
      addresses.map((to) => `meta skuid != 0 ${to} ${refuse}`),
    ),
    '  # Containers and virtual machines on it, whoever they are inside.',
    ...chain(
      'forward',
      addresses.map((to) => `${to} ${refuse}`),
    ),
    '}',
  ].join('\n')}\n`,
}

/** Before the network is up, and so before anybody can log in. */
const guardUnitFile: InstalledFile = {
  path: guardUnitPath,
  mode: 0o644,
  text: `# Written by \`idle-agent install\` for metadata_root_only; \`idle-agent uninstall\` removes it.
[Unit]
Description=Lets only root reach the instance metadata
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target
After=local-fs.target nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${nftPath} -f ${guardRulesPath}
ExecReload=${nftPath} -f ${guardRulesPath}
ExecStop=-${nftPath} delete table ${table}

[Install]
WantedBy=sysinit.target
`,
}

/** nftables.service flushes all tables when it starts, loads its rules anew, and stops. */
const flushDropIn: InstalledFile = {
  path: flushDropInPath,
  mode: 0o644,
  text: `# Written by \`idle-agent install\` for metadata_root_only; \`idle-agent uninstall\` removes it.
[Service]
ExecStartPost=-${nftPath} -f ${guardRulesPath}
ExecReload=-${nftPath} -f ${guardRulesPath}
ExecStopPost=-${nftPath} -f ${guardRulesPath}
`,
}

/** All of it, the unit first: where that is, the others may be. */
export const guardFiles: readonly InstalledFile[] = [guardUnitFile, guardRules, flushDropIn]

/** Does what `nft list table` prints hold both rules for the processes of this machine? Its versions differ in blanks and in the name of user 0. */
export function guardsMetadata(listed: string): boolean {
  return addresses.every((to) => {
    const rule = new RegExp(
      `^\\s*meta skuid != (0|"?root"?) ${to.replaceAll('.', '\\.')} .*reject with tcp reset$`,
      'm',
    )
    return rule.test(listed)
  })
}
