// Metadata for root alone: what is asked of the machine before anything is written, and what `doctor` makes of what is there.
import { describe, expect, it } from 'vitest'
import { guardMetadata, lookAtGuard, removeGuard } from '../../agent/commands/metadata-guard.ts'
import { guardFindings } from '../../agent/doctor/metadata-guard.ts'
import { HostError } from '../../agent/errors.ts'
import { ownFiles } from '../../agent/install/files.ts'
import { guardFiles, guardRules, guardsMetadata, guardUnitPath } from '../../agent/install/metadata-guard.ts'
import { createMachine, type Machine } from '../host/fixture.ts'

/** As nft 1.0.6 prints it with -n, taken from a guest. */
const listed = `table inet idle_agent {
\tchain output {
\t\ttype filter hook output priority 0; policy accept;
\t\tmeta skuid != 0 ip daddr 169.254.169.254 tcp dport != 53 reject with tcp reset
\t\tmeta skuid != 0 ip6 daddr fd00:ec2::254 tcp dport != 53 reject with tcp reset
\t}

\tchain forward {
\t\ttype filter hook forward priority 0; policy accept;
\t\tip daddr 169.254.169.254 tcp dport != 53 reject with tcp reset
\t\tip6 daddr fd00:ec2::254 tcp dport != 53 reject with tcp reset
\t}
}
`

describe('guardsMetadata', () => {
  it('knows the rules that install loads, however nft prints them', () => {
    for (const text of [listed, listed.replaceAll('!= 0', '!= "root"'), listed.replaceAll('\t', '  '), guardRules.text])
      expect(guardsMetadata(text)).toBe(true)
  })

  it.each<[string, string]>([
    ['nothing', ''],
    ['no rule for IPv6', listed.replace(/.*skuid.*ip6.*\n/, '')],
    ['no rule for IPv4', listed.replace(/.*skuid.*ip daddr.*\n/, '')],
    ['a rule for another user', listed.replaceAll('skuid != 0', 'skuid != 1000')],
    ['a rule that is none', listed.replaceAll('reject with tcp reset', 'accept')],
    ['another address', listed.replaceAll('169.254.169.254', '169.254.169.253')],
    ['only what is forwarded', listed.replaceAll(/.*skuid.*\n/g, '')],
  ])('not with %s', (_, text) => {
    expect(guardsMetadata(text)).toBe(false)
  })
})

function contextOf(machine: Machine) {
  const lines: string[] = []
  const flags = { json: false, root: undefined, stateDir: undefined, config: undefined }
  const context = { host: { ...machine.host(), root: '/' }, flags, args: [], colour: false }
  return { lines, context: { ...context, out: (line: string) => lines.push(line) } }
}

/** Systemd and nft in order, as commands that always succeed. */
function debian(): Machine {
  const machine = createMachine('debian12-vm-quiet')
  for (const path of ['/usr/lib/systemd/systemd', '/run/systemd/system/x', '/usr/sbin/nft']) machine.write(path, '')
  machine.commands.set('nft', () => ({ stdout: listed, stderr: '', status: 0 }))
  machine.commands.set('systemctl', () => ({ stdout: 'enabled\n', stderr: '', status: 0 }))
  return machine
}

it.each<[string, (machine: Machine) => void, RegExp]>([
  ['there is no systemd', (machine) => machine.remove('/usr/lib/systemd'), /no systemd/],
  ['systemd does not run', (machine) => machine.remove('/run/systemd/system'), /does not run/],
  ['there is no nft', (machine) => machine.remove('/usr/sbin/nft'), /install the package nftables first/],
  [
    'the kernel has no nf_tables',
    (machine) => machine.commands.set('nft', () => ({ stdout: '', stderr: 'Error: Could not\n  ^^\n', status: 1 })),
    /nft refuses its rules: Error: Could not;/,
  ],
])('is not begun where %s, and that is said', async (_, spoil, why) => {
  const machine = debian()
  spoil(machine)
  const { context } = contextOf(machine)
  const failure = await guardMetadata(context).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(HostError)
  expect(String(failure)).toMatch(why)
  expect(String(failure)).toContain('every user of this machine still reaches metadata')
  expect(machine.ran.filter(([name]) => name === 'systemctl')).toEqual([])
})

it('is not there, so nothing is taken away', async () => {
  const machine = debian()
  const { context, lines } = contextOf(machine)
  expect(await removeGuard(context)).toBe(false)
  expect([lines, machine.ran]).toEqual([[], []])
})

it('goes with uninstall', () => {
  for (const { path } of guardFiles) expect(ownFiles).toContain(path)
  expect(guardFiles[0]?.path).toBe(guardUnitPath)
})

it.each<[string, boolean, Partial<Record<'nft' | 'systemctl', string>>, string]>([
  ['in force', true, {}, 'ok only root reaches metadata'],
  ['not asked for, and not there', false, { nft: '', systemctl: '' }, ''],
  ['asked for, and not loaded', true, { nft: '' }, 'fault metadata_root_only is set, and every user'],
  [
    'asked for, and never installed',
    true,
    { nft: '', systemctl: '' },
    'fault metadata_root_only is set, and every user',
  ],
  ['not loaded at the next boot', true, { systemctl: 'disabled\n' }, 'fault only root reaches metadata until'],
  ['masked', true, { systemctl: 'masked\n' }, 'fault only root reaches metadata until'],
  ['not asked for any more', false, {}, 'worry the rules that leave metadata to root are there, although'],
  [
    'not asked for, loaded at the next boot',
    false,
    { nft: '' },
    'worry the rules that leave metadata to root are there, although',
  ],
])('doctor: %s', async (_, wanted, said, finding) => {
  const machine = debian()
  for (const [name, stdout] of Object.entries(said))
    machine.commands.set(name, () => ({ stdout, stderr: '', status: stdout === '' ? 1 : 0 }))
  const found = guardFindings(await lookAtGuard(contextOf(machine).context, wanted))
  const [first] = found.map(({ level, text }) => `${level} ${text}`)
  expect(first ?? '').toMatch(new RegExp(`^${finding}${finding === '' ? '$' : ''}`))
  for (const { level, remedy } of found) expect(remedy === undefined).toBe(level === 'ok')
})
