// A sealed network for one run: a namespace for the cloud's addresses and one for the guest, and no way out of either.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { dieWithUs, end, environment, isAlive, run, until } from './host.ts'

/** Addresses inside every run's own namespaces; two runs never see each other. */
export const addresses = {
  gateway: '10.77.0.1',
  guest: '10.77.0.50',
  metadata: '169.254.169.254',
  /** Azure's. */
  wireserver: '168.63.129.16',
} as const

/** The guest's network card, which the metadata service must name too. */
export const guestMac = '02:00:00:00:00:01'

export interface Network {
  /** Namespace of the simulated cloud, the ssh client and qemu. */
  readonly sim: string
  /** Namespace of a container guest; its `eth0` is the other end of `sim`'s bridge. */
  readonly guest: string
  /** argv that runs a program in `sim`. */
  inSim(...argv: readonly string[]): readonly string[]
  inGuest(...argv: readonly string[]): readonly string[]
  /** Ends what the network needs, and removes it. */
  close(): Promise<void>
}

const prefix = 'idle-agent-'

/** Makes the namespaces, with DHCP and DNS for the guest. Throws, leaving nothing, where there would be a way out. */
export async function createNetwork(folder: string): Promise<Network> {
  sweep()
  const id = `${prefix}${String(process.pid)}-${Math.random().toString(36).slice(2, 6)}`
  const [sim, guest] = [`${id}-sim`, `${id}-guest`]
  const remove = (): void => {
    for (const name of [guest, sim]) run(['ip', 'netns', 'del', name], { mayFail: true })
  }
  process.once('exit', remove)
  let dns: ChildProcess | undefined
  async function close(): Promise<void> {
    if (dns !== undefined) await end(dns)
    remove()
    process.removeListener('exit', remove)
  }
  try {
    build(sim, guest)
    refuseWayOut(sim)
    dns = await startDns(sim, folder)
  } catch (error) {
    await close()
    throw error
  }
  const within =
    (name: string) =>
    (...argv: readonly string[]) => ['ip', 'netns', 'exec', name, ...argv]
  return { sim, guest, inSim: within(sim), inGuest: within(guest), close }
}

/** Namespaces of runs that were killed: theirs names the process. */
function sweep(): void {
  for (const name of names()) {
    const [pid] = name.slice(prefix.length).split('-')
    if (name.startsWith(prefix) && !isAlive(Number(pid))) run(['ip', 'netns', 'del', name], { mayFail: true })
  }
}

function names(): readonly string[] {
  try {
    return readdirSync('/run/netns')
  } catch {
    return [] // the first namespace of this machine
  }
}

function build(sim: string, guest: string): void {
  const ip = (...argv: readonly string[]): void => void run(['ip', ...argv])
  ip('netns', 'add', sim)
  ip('netns', 'add', guest)
  for (const name of [sim, guest]) {
    ip('-n', name, 'link', 'set', 'lo', 'up')
    const off = ['net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0']
    for (const setting of off) writeSetting(name, setting)
  }
  ip('-n', sim, 'link', 'add', 'br0', 'address', '02:00:00:00:00:fe', 'type', 'bridge')
  ip('-n', sim, 'link', 'set', 'br0', 'up')
  ip('-n', sim, 'addr', 'add', `${addresses.gateway}/24`, 'dev', 'br0')
  ip('-n', sim, 'addr', 'add', `${addresses.metadata}/32`, 'dev', 'br0')
  ip('-n', sim, 'addr', 'add', `${addresses.wireserver}/32`, 'dev', 'br0')
  ip('link', 'add', 'vsim', 'netns', sim, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', guest)
  ip('-n', guest, 'link', 'set', 'eth0', 'address', guestMac)
  ip('-n', sim, 'link', 'set', 'vsim', 'master', 'br0', 'up')
  ip('-n', sim, 'tuntap', 'add', 'tap0', 'mode', 'tap')
  ip('-n', sim, 'link', 'set', 'tap0', 'master', 'br0', 'up')
}

function writeSetting(name: string, setting: string): void {
  const [key = '', value = ''] = setting.split('=')
  const path = `/proc/sys/${key.replaceAll('.', '/')}`
  run(['ip', 'netns', 'exec', name, 'sh', '-c', `test ! -e ${path} || echo ${value} >${path}`])
}

/** Throws unless there is no default route in the namespace, no card of the machine in it, and the metadata address nowhere else. */
export function refuseWayOut(sim: string): void {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  if (own.some(({ address }) => address === addresses.metadata)) {
    throw new Error(`this machine itself has the address ${addresses.metadata}: no guest is started`)
  }
  for (const family of ['-4', '-6']) {
    const routes = run(['ip', '-n', sim, family, 'route', 'show', 'default']).stdout.trim()
    if (routes !== '') throw new Error(`${sim} has a way out, no guest is started: ${routes}`)
  }
  const links = run(['ip', '-n', sim, '-o', 'link']).stdout
  const found = [...links.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name ?? '').sort()
  const ours = ['br0', 'lo', 'tap0', 'vsim']
  const foreign = found.filter(
    (name) => !ours.includes(name) && !/^(sit|tunl|gre|gretap|erspan|ip6tnl|ip6gre|ip_vti|ip6_vti)0$/.test(name),
  )
  if (foreign.length > 0) throw new Error(`${sim} has interfaces that are not ours: ${foreign.join(' ')}`)
}

/** Without a name server that answers at once, cloud-init waits 30 s before its first request to the metadata. */
async function startDns(sim: string, folder: string): Promise<ChildProcess> {
  const leases = join(folder, 'dhcp-leases')
  const log = join(folder, 'dnsmasq.log')
  const conf = join(folder, 'dnsmasq.conf')
  const lines = [
    ...['interface=br0', 'bind-interfaces', 'except-interface=lo', 'no-resolv', 'no-hosts', 'no-ping', 'address=/#/'],
    ...['ec2.eu-west-1.amazonaws.com', 'management.azure.com'].map((name) => `address=/${name}/${addresses.gateway}`),
    `dhcp-host=${guestMac},${addresses.guest}`,
    `dhcp-range=${addresses.guest},${addresses.guest},255.255.255.0,1h`,
    `dhcp-option=option:router,${addresses.gateway}`,
    `dhcp-option=option:dns-server,${addresses.gateway}`,
    ...['dhcp-authoritative', 'user=root', `dhcp-leasefile=${leases}`, `log-facility=${log}`, 'log-dhcp', 'pid-file='],
  ]
  writeFileSync(conf, `${lines.join('\n')}\n`)
  const argv = [...dieWithUs, 'ip', 'netns', 'exec', sim, 'dnsmasq', '--keep-in-foreground', `--conf-file=${conf}`]
  const child = spawn(argv[0] ?? '', argv.slice(1), { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
  const listens = (): boolean => {
    if (child.exitCode !== null) throw new Error(`dnsmasq ended with ${String(child.exitCode)}`)
    return run(['ip', 'netns', 'exec', sim, 'cat', '/proc/net/udp']).stdout.includes(':0043 ')
  }
  try {
    await until(listens, 5000, 'DHCP in the namespace')
  } catch (error) {
    await end(child)
    throw error
  }
  return child
}
