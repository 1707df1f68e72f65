// Every command of docs/operating.md: on the machine in a guest whose user data `provision` made, from outside against our EC2.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { startAws } from '../clouds/aws.ts'
import { runClient, works } from '../clouds/programs.ts'
import { made, template } from '../provisioning/make.ts'
import { filesUrl, startFileServer } from './file-server.ts'
import { cloudInitResult } from './guest.ts'
import { until } from './host.ts'
import { bootNspawn } from './nspawn.ts'
import { endpoints, guestsSkipped } from './story.ts'

const commands = readFileSync('docs/operating.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('    '))
  .map((line) => line.trim().replace(/ +#.*$/, ''))
const outside = commands.filter((line) => line.startsWith('aws '))
const inside = commands.filter((line) => !line.startsWith('aws '))

/** Something of what each says where all is well. */
const says: Readonly<Record<string, RegExp>> = {
  'idle-agent version': /^idle-agent \d+\.\d+\.\d+ /,
  'cat /etc/cron.d/idle-agent': /^\* \* \* \* \* root .* check --act$/m,
  'sudo grep idle-agent: /var/log/cloud-init-output.log': /^idle-agent: installed$/m,
  'cloud-init status --long': /status: done/,
  'sudo idle-agent doctor': /ec2:StopInstances/,
  'idle-agent status': /last check/,
  'idle-agent why': /^Still up: /,
  'sudo idle-agent why': /^Still up: /,
  'sudo idle-agent history --since 2d': / held +.* grace: /,
  'sudo idle-agent history --plot': /^# in use /m,
  'sudo idle-agent check': /cpu/,
  'sudo tail -n 20 /var/log/idle-agent/audit.jsonl': /"action":"tag"/,
  'sudo tail -n 50 /var/log/idle-agent/agent.log': /^/,
  'idle-agent config show': /check_interval_minutes +1 minutes/,
  'sudo idle-agent doctor --json': /"schema":"idle-agent\.doctor/,
}

/** What a container's firmware does not tell. */
const withCloud = `sudo env ${endpoints.join(' ')} idle-agent`

function userData(): string {
  const sum = /^([0-9a-f]{64}) {2}idle-agent-linux-x64$/m.exec(readFileSync('dist/SHA256SUMS', 'utf8'))?.[1]
  const agent = { agent_url: `${filesUrl}/idle-agent-linux-{arch}`, agent_sha256: sum }
  const idle_detection = { check_interval_minutes: 1, boot_grace_minutes: 60 }
  const text = template({ size: 'm7i.large', ...agent, idle_detection })
  return made(text, { format: 'user-data' }).files[0]?.text.toString() ?? ''
}

describe.skipIf(guestsSkipped('the commands of docs/operating.md'))('on the machine', () => {
  test('each does what the page says', { timeout: 240_000 }, async () => {
    expect(inside.toSorted()).toEqual(Object.keys(says).toSorted())
    const environment = `[Service]\n${endpoints.map((one) => `Environment=${one}\n`).join('')}`
    const files = { 'etc/systemd/system/cloud-final.service.d/test.conf': environment }
    const guest = await bootNspawn({ name: 'commands', userData: userData(), files })
    try {
      const server = await startFileServer(guest.network)
      try {
        server.give('file')
        await cloudInitResult(guest, 60_000)
        await until(() => guest.ask('cat /run/idle-agent/status.json'), 90_000, 'a check by cron', 1_000)
        for (const command of inside) {
          const { code, stdout } = await guest.exec(command.replace('sudo idle-agent', withCloud), 60_000)
          // doctor ends with another code where there is something to do, as with the clock of a container.
          expect({ command, code: command.includes('doctor') ? 0 : code }).toEqual({ command, code: 0 })
          expect(stdout).toMatch(says[command] ?? /never/)
        }
      } finally {
        await server.close()
      }
    } finally {
      await guest.close()
    }
  })
})

describe.skipIf(!works('the aws command', 'aws', ['--version']))('from outside', () => {
  test('each does what the page says', { timeout: 120_000 }, async () => {
    const cloud = await startAws()
    try {
      const id = cloud.instance().id
      const { accessKeyId, secretAccessKey } = cloud.credentials.operator
      const operator = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
      for (const line of [...outside.slice(2), ...outside.slice(0, 2)]) {
        const ran = await runClient(cloud, line.replace('INSTANCE', id).split(' '), operator)
        expect({ line, code: ran.code, stderr: ran.stderr }).toEqual({ line, code: 0, stderr: '' })
        if (line.includes('describe-tags')) expect(ran.stdout).toContain('CloudWorkstation:Protected\ttrue')
        if (line.includes('describe-instances')) expect(ran.stdout).toMatch(/running/)
      }
      expect(outside).toHaveLength(4)
    } finally {
      await cloud.close()
    }
  })
})
