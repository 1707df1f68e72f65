// Metadata for root alone (metadata_root_only), on a real Debian: who is refused, what goes on working, and for how long it lasts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { executablePath, timerPath } from '../../agent/install/files.ts'
import { guardFiles, guardUnit } from '../../agent/install/metadata-guard.ts'
import { cloudInitResult, delivered, type Guest } from './guest.ts'
import { run, until } from './host.ts'
import { addresses } from './network.ts'
import { bootNspawn } from './nspawn.ts'
import { rootfs } from './rootfs.ts'
import { endpoints, guestsSkipped, installing, seconds, waitForPower } from './story.ts'

const parts = [...guardFiles.map(({ path }) => path), executablePath, timerPath].join(' ')
const variables = endpoints.join(' ')
const config = '/etc/idle-agent/config.yaml'

/** Checks every 3 s; never due within this test. */
const settings = { ...seconds, idle_threshold_minutes: 300, hibernate_threshold_minutes: 600, metadata_root_only: true }

const ipv4 = `http://${addresses.metadata}/`
/** On the guest's own loopback device, since its network has no IPv6. */
const ipv6 = 'http://[fd00:ec2::254]/'

/** What curl(1) ends with where the other side resets the connection at once. */
const REFUSED = 7

interface Asked {
  readonly code: number
  readonly seconds: number
}

describe.skipIf(guestsSkipped('metadata for root alone'))('metadata_root_only', { timeout: 60_000 }, () => {
  let guest: Guest

  beforeAll(async () => {
    guest = await bootNspawn({ name: 'nspawn-metadata-guard', userData: installing(settings) })
    expect(await cloudInitResult(guest, 40_000)).toMatch(/"errors": \[\]/)
    await offerIpv6()
    await startContainer()
  }, 240_000)
  afterAll(() => guest?.close(), 60_000)

  async function offerIpv6(): Promise<void> {
    await guest.ask('ip -6 addr replace fd00:ec2::254/128 dev lo nodad')
    await guest.ask('systemd-run -q python3 -m http.server --directory /run/systemd --bind fd00:ec2::254 80')
    await until(() => guest.ask("ss -Hltn 'sport = 80' | grep ."), 5_000, 'a server on IPv6')
  }

  /** A network as Docker makes one: its own namespace, a bridge's address to go out by, and masquerading. */
  async function startContainer(): Promise<void> {
    const lines = [
      ...['ip netns add container', 'ip link add veth type veth peer name eth0 netns container'],
      ...['ip addr add 172.17.0.1/16 dev veth', 'ip link set veth up'],
      ...['ip -n container addr add 172.17.0.2/16 dev eth0', 'ip -n container link set eth0 up'],
      'ip -n container route add default via 172.17.0.1',
    ]
    await guest.ask(lines.join(' && '))
    // The guest may not write there itself.
    run(guest.network.inGuest('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'))
    await masquerade()
  }

  async function masquerade(): Promise<void> {
    const lines = [
      "nft 'add table ip docker; add chain ip docker out { type nat hook postrouting priority 100; }'",
      'nft add rule ip docker out ip saddr 172.17.0.0/16 masquerade',
    ]
    await guest.ask(lines.join(' && '))
  }

  /** As the first bytes of anybody who wants credentials: does metadata answer? Whatever it answers is an answer. */
  async function asks(who: string, url: string): Promise<Asked> {
    const ask = `${who} curl -gsS -m 8 -o /dev/null -w '%{time_total}' ${url}`
    const { code, stdout } = await guest.exec(ask)
    return { code, seconds: Number(stdout) }
  }

  const asNobody = 'setpriv --reuid=nobody --regid=nogroup --clear-groups'
  const inContainer = 'ip netns exec container'

  /** What anybody can do who reaches metadata: the keys of the role, or nothing. */
  async function keys(who: string): Promise<string> {
    const script = `t=$(curl -sf -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" ${ipv4}latest/api/token) &&
      curl -sf -H "X-aws-ec2-metadata-token: $t" ${ipv4}latest/meta-data/iam/security-credentials/idle-agent`
    return (await guest.exec(`${who} sh -c '${script}'`)).stdout
  }

  async function onlyRoot(): Promise<void> {
    expect([await keys(''), await keys(asNobody)]).toEqual([expect.stringContaining('"SecretAccessKey"'), ''])
    for (const url of [ipv4, ipv6]) {
      expect(await asks('', url)).toMatchObject({ code: 0 })
      const nobody = await asks(asNobody, url)
      expect(nobody).toMatchObject({ code: REFUSED })
      expect(nobody.seconds).toBeLessThan(0.5)
    }
    expect(await asks(inContainer, ipv4)).toMatchObject({ code: REFUSED })
    // Its own loopback, other addresses, and other ports are nobody's business.
    expect(await asks(asNobody, `http://${addresses.gateway}/`)).toMatchObject({ code: 0 })
  }

  async function everybody(): Promise<void> {
    expect(await keys(asNobody)).toContain('"SecretAccessKey"')
    for (const url of [ipv4, ipv6])
      for (const who of ['', asNobody]) expect(await asks(who, url)).toMatchObject({ code: 0 })
    expect(await asks(inContainer, ipv4)).toMatchObject({ code: 0 })
  }

  /** What there is of the agent, but what the test brings. */
  const found = (): Promise<string> =>
    guest.ask(
      "find / -xdev \\( -name '*idle-agent*' -o -name nftables.service.d \\) -not -path /opt/idle-agent -not -path '/root/*'",
    )

  /** A check that began after now asked metadata and was answered. */
  async function checks(): Promise<void> {
    const now = Date.now()
    const seen = async (): Promise<boolean> => {
      const told = JSON.parse(await guest.ask('idle-agent status --json')) as { at: string; vetoes: { name: string }[] } // our own file
      return Date.parse(told.at) > now && told.vetoes.every(({ name }) => name !== 'metadata')
    }
    await until(seen, 15_000, 'a check that metadata answered')
  }

  /** Exit code, and the lines about who reaches metadata. */
  async function doctor(): Promise<readonly [number, string]> {
    const { code, stdout } = await guest.exec(`${variables} idle-agent doctor`)
    const line = /^(.) metadata guard +(.*)$/m.exec(stdout)
    return [code, line === null ? '' : `${line[1] ?? ''} ${line[2] ?? ''}`]
  }

  const install = `${variables} ${delivered} install --schedule timer`

  test('root and the agent reach it, nobody else does, and that is told at once', async () => {
    await onlyRoot()
    await checks()
    expect(await doctor()).toEqual([0, '✓ only root reaches metadata'])
  })

  test('installed again it stays; other rules that are loaded, anew or not at all, leave it', async () => {
    expect(await guest.ask(install)).not.toMatch(/wrote|removed/)
    await onlyRoot()
    for (const verb of ['start', 'restart', 'reload', 'stop']) {
      await guest.ask(`systemctl ${verb} nftables`)
      expect((await asks(asNobody, ipv4)).code, verb).toBe(REFUSED)
    }
    await masquerade()
    await onlyRoot()
  })

  test('doctor says when it is not in force, now or after the next boot, and install mends it', async () => {
    await guest.ask('nft delete table inet idle_agent')
    expect((await asks(asNobody, ipv4)).code).toBe(0)
    expect(await doctor()).toEqual([5, expect.stringMatching(/^✗ metadata_root_only is set, .* not loaded$/)])
    await guest.ask(install)
    await guest.ask(`systemctl disable ${guardUnit}`)
    expect(await doctor()).toEqual([5, expect.stringMatching(/^✗ only root reaches metadata until the next boot/)])
    await guest.ask(install)
    expect(await doctor()).toEqual([0, '✓ only root reaches metadata'])
  })

  test('after a stop and a start it is in force before anybody can log in', { timeout: 120_000 }, async () => {
    await guest.cloud.power(guest.cloud.instanceId, 'stop')
    await waitForPower(guest, 'stopped', 30_000)
    // A container's namespace outlives it, rules and all; a machine's kernel would not.
    run(guest.network.inGuest('chroot', rootfs(), 'nft', 'flush', 'ruleset'))
    await guest.cloud.power(guest.cloud.instanceId, 'start')
    await waitForPower(guest, 'running', 15_000)
    await until(() => guest.ask('systemctl is-active ssh'), 30_000, 'sshd after the start')
    const since = await guest.ask(
      `systemctl show -p ActiveEnterTimestampMonotonic --value ${guardUnit} network.target ssh`,
    )
    const [guard = '', network = '', ssh = ''] = since.split('\n').filter((line) => line !== '')
    expect([Number(guard) < Number(network), Number(guard) < Number(ssh), Number(guard) > 0]).toEqual([
      true,
      true,
      true,
    ])
    await offerIpv6()
    await startContainer()
    await onlyRoot()
    await checks()
  })

  test('where nobody asks for it any more, install takes it away', async () => {
    await guest.ask(`sed -i 's/"metadata_root_only":true/"metadata_root_only":false/' ${config}`)
    expect(await doctor()).toEqual([
      0,
      expect.stringMatching(/^! the rules that leave metadata to root are there, although/),
    ])
    expect(await guest.ask(install)).toContain('metadata: every user of this machine reaches it again')
    await everybody()
    expect(await doctor()).toEqual([0, ''])
  })

  test('uninstalled, nothing of it is left and everybody reaches metadata', async () => {
    await guest.ask(`sed -i 's/"metadata_root_only":false/"metadata_root_only":true/' ${config}; ${install}`)
    await onlyRoot()
    expect(await guest.ask('idle-agent uninstall')).toContain('metadata: every user of this machine reaches it again')
    await everybody()
    expect(await guest.ask('nft list tables')).not.toContain('idle')
    expect(await found()).toBe('')
    expect(await guest.ask("systemctl list-unit-files --no-legend 'idle-agent*' || true")).toBe('')
  })

  test.each([
    [
      'nft is not there',
      'mv /usr/sbin/nft /root/nft',
      'mv /root/nft /usr/sbin/nft',
      /install the package nftables first/,
    ],
    [
      'nft fails',
      'cp -p /usr/sbin/nft /root/nft; printf "#!/bin/sh\\necho Error: no kernel >&2; exit 1\\n" >/usr/sbin/nft',
      'cp -p /root/nft /usr/sbin/nft; rm /root/nft',
      /nft refuses its rules: Error: no kernel;/,
    ],
    ['its unit is masked', `systemctl mask ${guardUnit}`, `systemctl unmask ${guardUnit}`, /"sudo systemctl unmask /],
    [
      'systemd fails',
      'cp -p /usr/bin/systemctl /root/; printf "#!/bin/sh\necho no bus >&2; exit 1\n" >/usr/bin/systemctl',
      'cp -p /root/systemctl /usr/bin/; rm /root/systemctl',
      /systemctl daemon-reload: no bus;/,
    ],
  ])('%s: nothing is installed, and that is said', async (_, prepare, undo, why) => {
    await guest.ask(`echo 'idle_detection: { metadata_root_only: true }' >/root/config.yaml; ${prepare}`)
    try {
      const { code, stderr } = await guest.exec(`${install} --config /root/config.yaml`)
      expect([code, stderr]).toEqual([
        5,
        expect.stringMatching(/^idle-agent: metadata_root_only cannot be put in force: /),
      ])
      expect(stderr).toMatch(why)
      expect(stderr).toMatch(/; every user of this machine still reaches metadata\n$/)
      expect((await guest.exec(`find ${parts} -type f`)).stdout).toBe('')
      await everybody()
    } finally {
      await guest.ask(undo)
    }
    // As the user data does: what is left of folders goes, too.
    await guest.ask(`${delivered} uninstall`)
    expect(await found()).toBe('')
  })
})
