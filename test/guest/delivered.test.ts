// The first user data as shipped, given to a real Debian by the metadata service: it installs at the first boot, or says why not.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type FileServer, filesUrl, startFileServer } from './file-server.ts'
import { cloudInitResult, type Guest } from './guest.ts'
import { until } from './host.ts'
import { bootNspawn } from './nspawn.ts'
import { endpoints, guestsSkipped } from './story.ts'

/** The sum as a user copies it. */
function releasedSum(): string {
  const sum = /^([0-9a-f]{64}) {2}idle-agent-linux-x64$/m.exec(readFileSync('dist/SHA256SUMS', 'utf8'))?.[1]
  if (sum === undefined) throw new Error('dist/SHA256SUMS does not name idle-agent-linux-x64')
  return sum
}

/** The script with its two variables filled in; the third, the configuration, is left as shipped. */
function userData(): string {
  return readFileSync('cloud-init/user-data.sh', 'utf8')
    .replace(/^AGENT_URL=.*$/m, `AGENT_URL='${filesUrl}/idle-agent-linux-x64'`)
    .replace(/^AGENT_SHA256=.*$/m, `AGENT_SHA256='${releasedSum()}'`)
}

/** What the script is run with: where the cloud is, which a container's firmware does not tell, and pauses of seconds. */
function surroundings(tries: number): string {
  const lines = [...endpoints, `IDLE_AGENT_TRIES=${String(tries)}`, 'IDLE_AGENT_PAUSE=1']
  return `[Service]\n${lines.map((line) => `Environment=${line}\n`).join('')}`
}

interface Delivery {
  readonly guest: Guest
  readonly server: FileServer
  /** What the script has said so far. */
  said(): Promise<readonly string[]>
  /** Files of an installation, whole or half, and what the script left lying about. */
  left(): Promise<readonly string[]>
}

async function delivered(name: string, tries: number, story: (delivery: Delivery) => Promise<void>): Promise<void> {
  const files = { 'etc/systemd/system/cloud-final.service.d/test.conf': surroundings(tries) }
  const guest = await bootNspawn({ name, userData: userData(), files })
  try {
    const server = await startFileServer(guest.network)
    const lines = async (command: string): Promise<readonly string[]> =>
      (await guest.exec(command)).stdout.split('\n').filter((line) => line !== '')
    try {
      await story({
        guest,
        server,
        said: () => lines('grep "idle-agent" /var/log/cloud-init-output.log'),
        left: () => lines('find / /run -xdev -name "*idle-agent*" -not -path "/opt/idle-agent" | sort -u'),
      })
    } finally {
      await server.close()
    }
  } finally {
    await guest.close()
  }
}

const last = 'idle-agent: installed'

const installed = [
  '/etc/cron.d/idle-agent',
  '/etc/idle-agent',
  '/etc/logrotate.d/idle-agent',
  '/etc/systemd/system/idle-agent-gpu.service',
  '/etc/systemd/system/multi-user.target.wants/idle-agent-gpu.service',
  '/etc/tmpfiles.d/idle-agent.conf',
  '/run/idle-agent',
  '/usr/lib/systemd/system-sleep/idle-agent',
  '/usr/local/bin/idle-agent',
  '/var/lib/idle-agent',
  '/var/log/idle-agent',
]

describe.skipIf(guestsSkipped('the delivered agent'))(
  'a guest whose first user data installs',
  { timeout: 120_000 },
  () => {
    test('fetches, checks, installs, and checks by cron within two minutes', async () => {
      await delivered('nspawn-delivered', 6, async ({ guest, server, said, left }) => {
        server.give('file')
        expect(await cloudInitResult(guest, 40_000)).toMatch(/"datasource": "DataSourceEc2"(.|\n)*"errors": \[\]/)
        expect((await said()).at(-1)).toBe(last)
        expect(server.asked()).toBe(1)
        expect(await left()).toEqual(installed)
        const sums = `curl -fsS ${filesUrl}/SHA256SUMS | sed -n 's#idle-agent-linux-x64$#/usr/local/bin/idle-agent#p'`
        expect(await guest.ask(`${sums} | sha256sum -c`)).toBe('/usr/local/bin/idle-agent: OK\n')
        expect(await guest.ask('systemctl is-active cron')).toBe('active\n')
        expect(await guest.ask('cat /etc/cron.d/idle-agent')).toMatch(
          /^\*\/2 \* \* \* \* root .*; exec \/usr\/local\/bin\/idle-agent check --act$/m,
        )
        await asCronDoes(guest)
        const status: unknown = JSON.parse(await guest.ask('idle-agent status --json'))
        expect(status).toMatchObject({ state: 'grace', host: { cloud: 'aws', id: guest.cloud.instanceId } })
        expect(await guest.ask('cat /var/log/idle-agent/agent.log')).toBe('')
        // What checks say is rotated; what was done is the agent's own to keep.
        await guest.ask('echo said >>/var/log/idle-agent/agent.log')
        await guest.ask('logrotate --force --state /tmp/rotated /etc/logrotate.d/idle-agent')
        expect(await guest.ask('ls /var/log/idle-agent')).toBe('agent.log\nagent.log.1.gz\naudit.jsonl\n')
      })
    })

    test('tries again while the server has nothing or something else, and has installed nothing until then', async () => {
      await delivered('nspawn-delivered-late', 6, async ({ guest, server, said, left }) => {
        server.give('missing', 'page')
        await until(() => server.asked() === 3, 40_000, 'the third try')
        const [first = '', second = '', ...more] = await said()
        expect(first).toMatch(/^idle-agent: try 1 of 6: cannot fetch http.*404; again in 1 s$/)
        expect(second).toMatch(/^idle-agent: try 2 of 6: what http.* gave \(37 bytes\) has the sum .*; again in 2 s$/)
        expect(more).toEqual([])
        expect(await left()).toEqual([expect.stringMatching(/^\/var\/tmp\/idle-agent\.\w{6}$/)])
        server.give('file')
        expect(await cloudInitResult(guest, 40_000)).toMatch(/"errors": \[\]/)
        expect((await said()).at(-1)).toBe(last)
        expect(await left()).toEqual(installed)
      })
    })

    test('gives up when that does not end, leaves nothing, and the boot says so', async () => {
      await delivered('nspawn-delivered-never', 2, async ({ guest, server, said, left }) => {
        server.give('page', 'missing')
        expect(await cloudInitResult(guest, 40_000)).toMatch(/scripts.user/)
        expect((await said()).at(-1)).toMatch(/^idle-agent: NOT INSTALLED: cannot fetch http.*404/)
        expect(server.asked()).toBe(2)
        expect(await left()).toEqual([])
      })
    })
  },
)

/** The entry's own command, with no more around it than cron gives. */
async function asCronDoes(guest: Guest): Promise<void> {
  const script = `set -e
    entry=$(grep ' root ' /etc/cron.d/idle-agent)
    env -i $(grep -E '^[A-Z0-9_]+=' /etc/cron.d/idle-agent) PATH=/usr/bin:/bin HOME=/root LOGNAME=root SHELL=/bin/sh /bin/sh -c "\${entry#* root }"`
  await guest.ask(script)
}
