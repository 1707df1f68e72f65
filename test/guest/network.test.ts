// The seal around guests: two runs at once do not meet, nothing leads out, and nothing is left.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { installHostPackages, run } from './host.ts'
import { addresses, createNetwork, refuseWayOut } from './network.ts'
import { guestsSkipped } from './story.ts'

async function withNetwork(use: (network: Awaited<ReturnType<typeof createNetwork>>) => unknown): Promise<void> {
  installHostPackages()
  const folder = mkdtempSync(join(tmpdir(), 'guest-network-'))
  const network = await createNetwork(folder)
  try {
    await use(network)
  } finally {
    await network.close()
    rmSync(folder, { recursive: true })
  }
  for (const name of [network.sim, network.guest]) expect(existsSync(`/run/netns/${name}`)).toBe(false)
}

describe.skipIf(guestsSkipped('the network of guests'))('the network of guests', { timeout: 120_000 }, () => {
  test('has the metadata address, and no route out; this machine has none of it', async () => {
    await withNetwork(({ inSim }) => {
      const routes = run(inSim('ip', 'route')).stdout
      expect(routes).not.toContain('default')
      expect(run(inSim('ip', '-o', 'addr')).stdout).toContain(`${addresses.metadata}/32`)
      expect(run(inSim('ip', 'route', 'get', '192.0.2.1'), { mayFail: true }).status).not.toBe(0)
      const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
      expect(own.map(({ address }) => address)).not.toContain(addresses.metadata)
    })
  })

  test('two at once have names of their own', async () => {
    await withNetwork(async (one) => {
      await withNetwork((another) => {
        expect(new Set([one.sim, one.guest, another.sim, another.guest]).size).toBe(4)
      })
    })
  })

  test.each([
    ['a default route', ['route', 'add', 'default', 'via', '10.77.0.9'], /way out/],
    ['an interface of somebody else', ['link', 'add', 'eth7', 'type', 'bridge'], /not ours: eth7/],
  ])('refuses %s', async (_what, argv, why) => {
    await withNetwork(({ sim }) => {
      refuseWayOut(sim)
      run(['ip', '-n', sim, ...argv])
      expect(() => refuseWayOut(sim)).toThrow(why)
    })
  })
})
