// Every command of docs/operating.md: on the machine in a guest whose user data installed the agent, from outside against our EC2.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { startAws } from '../clouds/aws.ts'
import { runClient, works } from '../clouds/programs.ts'
import { cloudInitResult } from './guest.ts'
import { bootNspawn } from './nspawn.ts'
import { endpoints, guestsSkipped, installing, observe, seconds } from './story.ts'

const commands = readFileSync('docs/operating.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('    '))
  .map((line) => line.trim())
const outside = commands.filter((line) => line.startsWith('aws '))
const inside = commands
  .filter((line) => !line.startsWith('aws '))
  .map((line) => ({ command: line.replace(/ +#.*$/, ''), timer: /with a timer: (.*)$/.exec(line)?.[1] }))

/** Something of what each says where all is well. */
const says: Readonly<Record<string, RegExp>> = {
  'idle-agent version': /^idle-agent \d+\.\d+\.\d+ /,
  'systemctl list-timers idle-agent.timer': /idle-agent\.service/,
  'sudo grep idle-agent: /var/log/cloud-init-output.log': /idle-agent: /,
  'cloud-init status --long': /status: done/,
  'sudo idle-agent doctor': /ec2:StopInstances/,
  'idle-agent status': /as of|verdict|idle|grace|active/,
  'sudo idle-agent check': /cpu/,
  'sudo tail -n 20 /var/log/idle-agent/audit.jsonl': /"action":"tag"/,
  'journalctl -u idle-agent': /idle-agent/,
  'idle-agent config show': /idle_threshold_minutes/,
  'sudo idle-agent doctor --json': /^\{.*"schema":"idle-agent\.doctor/,
}

/** What a container's firmware does not tell. */
const withCloud = `sudo env ${endpoints.join(' ')} idle-agent`

/** Exit codes of health, not of failure: doctor ends with 1 where there is something to do. */
const mayFind = /doctor/

describe.skipIf(guestsSkipped('the commands of docs/operating.md'))('on the machine', () => {
  test('each does what the page says', { timeout: 240_000 }, async () => {
    const files = { '/var/tmp/says': 'idle-agent: installed\n' }
    const guest = await bootNspawn({
      name: 'commands',
      userData: installing({ ...seconds, action: 'report' }, { files }),
    })
    try {
      await cloudInitResult(guest, 60_000)
      await observe(guest).see(({ state }) => state !== 'grace', 60_000, 'the end of grace')
      // What user data that was generated would have said.
      await guest.ask('cat /var/tmp/says >>/var/log/cloud-init-output.log')
      // A check by cron leaves it; here is a timer.
      await guest.ask('touch /var/log/idle-agent/agent.log')
      for (const { command, timer } of inside) {
        const told = timer ?? command
        const { code, stdout, stderr } = await guest.exec(told.replace('sudo idle-agent', withCloud), 60_000)
        if (!mayFind.test(told)) expect({ told, code, stderr }).toMatchObject({ told, code: 0 })
        if (says[told] !== undefined) expect(stdout).toMatch(says[told])
      }
      expect(inside.length).toBeGreaterThan(9)
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
