// On an emulated machine whose firmware is Azure's: cloud-init's own data source installs the agent, which deallocates it and tells of it when it is back.
import { describe, expect, test } from 'vitest'
import { cloudInitResult } from './guest.ts'
import { until } from './host.ts'
import { bootQemu, type QemuGuest } from './qemu.ts'
import { emulated, guestsSkipped, installing, observe, waitForPower, waitForTag } from './story.ts'

const caPath = '/etc/ssl/test-authority.pem'
const trust = `NODE_EXTRA_CA_CERTS=${caPath}`

/** No endpoint is named: firmware and the vendor's own names lead to metadata, identity and Resource Manager. */
function userData(caCert: string): string {
  const files = {
    [caPath]: caCert,
    '/etc/systemd/system/idle-agent.service.d/trust.conf': `[Service]\nEnvironment=${trust}\n`,
  }
  return installing({ ...emulated, action: 'stop' }, { variables: [trust], files })
}

/** What the guest has asked of each server, without those that it was not given an answer for. */
async function asked({ cloud }: QemuGuest, server: string): Promise<readonly string[]> {
  const { requests } = await cloud.requests()
  const own = requests.filter((request) => request.server === server)
  return own.map(({ method, action, path, status }) => `${method} ${action ?? path} ${String(status)}`)
}

describe.skipIf(guestsSkipped('a guest on Azure'))('a guest that Azure provisions', () => {
  test('idle, deallocated by its own identity, started again: told', { timeout: 900_000 }, async () => {
    const guest = await bootQemu({ name: 'azure', userData, cloud: { cloud: 'azure', vm: {} } })
    try {
      const { see, note } = observe(guest)
      expect(await cloudInitResult(guest, 240_000)).toMatch(/"datasource": "DataSourceAzure[^"]*"(.|\n)*"errors": \[\]/)
      note('cloud-init is done')
      expect(await asked(guest, 'wireserver')).toContain('POST /machine 200')
      await see(({ state }) => state === 'counting', 120_000, 'counting')
      await waitForPower(guest, 'deallocated', 300_000)
      note('deallocated')
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
      expect(await guest.cloud.tags()).toMatchObject({ IdleStatus: 'idle', IdleAction: 'stopping' })
      await guest.cloud.power(guest.cloud.instanceId, 'start')
      await waitForPower(guest, 'running', 30_000)
      await until(() => guest.ask('cat /run/idle-agent/status.json', 3_000), 180_000, 'a check after the start', 1_000)
      note('started again')
      await waitForTag(guest, 'IdleAction', 'stopped', 120_000)
      await see(({ state }) => state === 'counting', 120_000, 'counting after the start')
      expect(await guest.cloud.stops()).toEqual(['stop accepted'])
      expect((await asked(guest, 'api')).filter((text) => !/ 20[02]$/.test(text))).toEqual([])
    } finally {
      await guest.close()
    }
  })
})
