// Machines that boot from exactly what `provision` made of a template: installed, held, stopped by themselves, told when they are back.
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { provision } from '../../provisioning/main.ts'
import { filesUrl, startFileServer } from './file-server.ts'
import { cloudInitResult } from './guest.ts'
import { until } from './host.ts'
import { bootQemu, type QemuGuest, type QemuSpec } from './qemu.ts'
import { smallArchiveOnly, smallPackage, writeSmallArchive } from './small-archive.ts'
import { apiOnly, guestsSkipped, type Observer, observe, waitForPower, waitForTag } from './story.ts'

const executable = 'idle-agent-linux-x64'

/** The shortest that the default schedule can express; an emulated processor makes more of a check than 0.1 cores. */
const settings = {
  check_interval_minutes: 1,
  idle_threshold_minutes: 1,
  hibernate_threshold_minutes: 2,
  boot_grace_minutes: 1,
  sensors: { cpu: { cores: 0.4 } },
}

interface Launched {
  readonly folder: string
  /** User data as generated. */
  readonly text: string
}

/** A template as an operator writes it, the executable from where the guest can reach it. */
function generate(name: string, keys: Readonly<Record<string, unknown>>): Launched {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  const sum = /^([0-9a-f]{64}) {2}idle-agent-linux-x64$/m.exec(readFileSync('dist/SHA256SUMS', 'utf8'))?.[1]
  const agent = { agent_url: `${filesUrl}/idle-agent-linux-{arch}`, agent_sha256: sum }
  const template = join(folder, 'template.yaml')
  writeFileSync(template, stringify({ name, base: 'ubuntu-22.04', ...agent, idle_detection: settings, ...keys }))
  const made = provision({ template, cloud: undefined, format: 'user-data' })
  return { folder, text: made.files[0]?.text.toString() ?? '' }
}

/** Boots it beside a server with the executable and a package. */
async function launch(spec: QemuSpec, folder: string, story: (guest: QemuGuest) => Promise<void>): Promise<void> {
  const served = join(folder, 'served')
  mkdirSync(served)
  linkOrCopy(served)
  writeSmallArchive(served)
  const guest = await bootQemu(spec)
  try {
    const server = await startFileServer(guest.network, served)
    try {
      server.give('file')
      await story(guest)
    } finally {
      await server.close()
    }
  } finally {
    await guest.close()
    rmSync(folder, { recursive: true })
  }
}

function linkOrCopy(folder: string): void {
  const path = join(folder, executable)
  try {
    linkSync(join('dist', executable), path)
  } catch {
    writeFileSync(path, readFileSync(join('dist', executable)))
  }
}

/** What is in the guest after its first boot, of the agent and of the operator. */
async function expectInstalled(guest: QemuGuest, account: string): Promise<void> {
  const output = await guest.ask('cat /var/log/cloud-init-output.log')
  expect(output).toContain('idle-agent: installed')
  expect(await guest.ask(`cat ${smallPackage.file}`)).toBe('here\n')
  expect(await guest.ask('cat /root/own')).toBe(`it's "mine" $HOME\n`)
  expect(await guest.ask('id -nG alice')).toContain('adm')
  expect(await guest.ask('cat /home/alice/.ssh/authorized_keys')).toContain('ssh-ed25519 AAAA alice')
  expect(await guest.ask(`id -nG ${account}`)).toContain('sudo')
  expect(await guest.ask('cat /etc/timezone')).toBe('Europe/Berlin\n')
}

/** Somebody at the machine holds it, and is named. */
async function expectHeld(guest: QemuGuest, { see, note }: Observer, account: string): Promise<void> {
  const person = guest.ssh({ as: account })
  try {
    await until(() => person.text().includes('$'), 60_000, 'a prompt', 1_000)
    const typing = setInterval(() => person.type(' '), 3_000)
    const held = await see(
      ({ readings }) => readings.some(({ sensor, kind }) => sensor === 'sessions' && kind === 'active'),
      180_000,
      'somebody there',
    ).finally(() => clearInterval(typing))
    note(`held: ${held.reason}`)
  } finally {
    await person.close()
  }
}

const keys = {
  packages: [smallPackage.name],
  time_zone: 'Europe/Berlin',
  users: [{ name: 'alice', ssh_keys: ['ssh-ed25519 AAAA alice'], groups: ['adm'] }],
}

describe.skipIf(guestsSkipped('provisioned guests'))('what provision made', () => {
  test('on EC2: installs beside a script and packages of the operator, hibernates, and is told', {
    timeout: 1_200_000,
  }, async () => {
    const own = `#!/bin/sh\necho "it's \\"mine\\" \\$HOME" >/root/own\n`
    const { folder, text } = generate('provisioned-aws', { ...keys, cloud: 'aws', size: 'm7i.large', user_data: own })
    // Instead of the vendor's name for its API, which leads nowhere here.
    const environment = `[Service]\nEnvironment=${apiOnly.join(' ')}\n`
    const files = { ...smallArchiveOnly, 'etc/systemd/system/cloud-final.service.d/test.conf': environment }
    const cloud = { cloud: 'aws', instance: { metadataTags: true, hibernation: true } } as const
    await launch({ name: 'provisioned-aws', userData: () => text, files, cloud }, folder, async (guest) => {
      const observer = observe(guest)
      expect(await cloudInitResult(guest, 400_000)).toMatch(/"datasource": "DataSourceEc2Local"(.|\n)*"errors": \[\]/)
      observer.note('cloud-init is done')
      await expectInstalled(guest, 'debian')
      await expectHeld(guest, observer, 'debian')
      await waitForPower(guest, 'stopped', 500_000)
      observer.note('asleep on disk')
      expect(await guest.cloud.stops()).toEqual(['hibernate accepted'])
      await guest.cloud.power(guest.cloud.instanceId, 'start')
      await waitForPower(guest, 'running', 30_000)
      await waitForTag(guest, 'IdleAction', 'hibernated', 240_000)
      await observer.see(({ state }) => state === 'counting', 240_000, 'counting anew')
      expect(await guest.cloud.stops()).toEqual(['hibernate accepted'])
    })
  })

  test('on Azure: the same from custom data, deallocated by its own identity', { timeout: 1_200_000 }, async () => {
    const ca = '/etc/ssl/test-authority.pem'
    let folder = ''
    // The authority that our Resource Manager is signed by, as an operator would add one of their own.
    const userData = (caCert: string): string => {
      const write_files = [
        { path: ca, content: caCert },
        { path: '/etc/environment', content: `NODE_EXTRA_CA_CERTS=${ca}\n` },
        { path: '/root/own', content: `it's "mine" $HOME\n` },
      ]
      const user_data = `#cloud-config\n${stringify({ write_files })}`
      const made = generate('provisioned-azure', {
        ...keys,
        cloud: 'azure',
        size: 'Standard_D2s_v5',
        hibernation: false,
        user_data,
      })
      folder = made.folder
      return made.text
    }
    const prepared = mkdtempSync(join(tmpdir(), 'provisioned-'))
    const spec: QemuSpec = {
      name: 'provisioned-azure',
      userData,
      files: smallArchiveOnly,
      cloud: { cloud: 'azure', vm: { hibernation: false } },
    }
    await launch(spec, prepared, async (guest) => {
      const observer = observe(guest)
      expect(await cloudInitResult(guest, 400_000)).toMatch(/"datasource": "DataSourceAzure[^"]*"(.|\n)*"errors": \[\]/)
      observer.note('cloud-init is done')
      await expectInstalled(guest, 'azureuser')
      await expectHeld(guest, observer, 'azureuser')
      await waitForPower(guest, 'deallocated', 500_000)
      observer.note('deallocated')
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
      await guest.cloud.power(guest.cloud.instanceId, 'start')
      await waitForPower(guest, 'running', 30_000)
      await waitForTag(guest, 'IdleAction', 'stopped', 300_000)
      const changed = `idle_detection: ${JSON.stringify({ ...settings, protected: true })}\n`
      await guest.cloud.change(guest.cloud.instanceId, { userData: changed })
      const taken = async (): Promise<boolean> => (await guest.ask('cat /etc/idle-agent/config.yaml')) === changed
      await until(taken, 200_000, 'the configuration of the new user data', 5_000)
      observer.note('a configuration was taken from user data')
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
    })
    rmSync(folder, { recursive: true })
  })
})
