// The rest of the simulated Azure: the wireserver, the control server with its client, and certificates.

import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { startAzure } from './azure.ts'
import { createAuthority } from './certificates.ts'
import { raw } from './clients.ts'
import { type AzureKind, createControlClient } from './control-client.ts'

test('the wireserver has a goal state, and hears that the guest is ready', async () => {
  const cloud = await startAzure({ wireserver: {} })
  try {
    const url = cloud.wireserverUrl ?? ''
    const headers = { 'x-ms-version': '2012-11-30', 'x-ms-agent-name': 'WALinuxAgent' }
    expect((await raw(`${url}/machine/?comp=goalstate`)).status).toBe(400)
    const goal = await raw(`${url}/machine/?comp=goalstate`, { headers })
    expect(goal.text).toMatch(
      /<ContainerId>[0-9a-f-]{36}<\/ContainerId>\s*<RoleInstanceList>\s*<RoleInstance>\s*<InstanceId>_workstation-1<\/InstanceId>/,
    )
    expect((await raw(`${url}/?comp=versions`)).text).toContain('<Version>2012-11-30</Version>')
    expect((await raw(`${url}/machine?comp=nothing`, { headers })).status).toBe(404)
    const health = (state: string) =>
      raw(`${url}/machine?comp=health`, { method: 'POST', headers, body: `<Health><State>${state}</State></Health>` })
    await health('NotReady')
    expect(cloud.instance().provisioned).toBe(false)
    await health('Ready')
    expect(cloud.instance().provisioned).toBe(true)
    expect(cloud.requests.counts().byKind['wireserver POST /machine']).toBe(2)
    expect(cloud.requests.list({ server: 'wireserver' }).at(-1)?.params).toEqual({ comp: 'health', state: 'Ready' })
  } finally {
    await cloud.close()
  }
})

test('an address that may not be bound is refused, and nothing is left', async () => {
  const left = (): readonly string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('loopback-azure-'))
  const folder = mkdtempSync(join(tmpdir(), 'left-'))
  vi.stubEnv('TMPDIR', folder)
  try {
    await expect(startAzure({ bind: '192.0.2.1' })).rejects.toThrow(/default route|EADDRNOTAVAIL/)
    await expect(startAzure({ instances: [{}, {}] })).rejects.toThrow(/two VMs have the id/)
    expect(left()).toEqual([])
    const cloud = await startAzure()
    expect(left()).toHaveLength(1)
    await cloud.close()
    expect(left()).toEqual([])
  } finally {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the control server sets, switches and shows a VM', async () => {
  const cloud = await startAzure()
  try {
    const control = createControlClient<AzureKind>(cloud.controlUrl)
    const { id } = cloud.instance()
    const changed = await control.change(id, { hibernation: false, lock: 'ReadOnly', tags: { a: '1' } })
    expect(changed).toMatchObject({ id, hibernation: false, lock: 'ReadOnly', tags: { a: '1' }, state: 'running' })
    expect((await control.change(id, { lock: null })).lock).toBe(null)
    for (const body of [{ lock: 'Write' }, { hibernation: 'yes' }, { state: 'stopped' }, { priority: null }]) {
      const init = { method: 'PATCH', body: JSON.stringify({ size: 'Standard_D2s_v5', ...body }) }
      expect((await raw(`${cloud.controlUrl}/_control/instances/${id}`, init)).status).toBe(400)
    }
    expect((await control.instance(id)).size).toBe('Standard_D4s_v5')
    for (const [verb, state] of [
      ['guest-off', 'stopped'],
      ['deallocate', 'deallocated'],
      ['start', 'running'],
      ['hibernate', 'hibernated'],
    ] as const) {
      await control.power(id, verb)
      await cloud.waitForState(state)
    }
    await control.change(id, { scheduledEvents: '[]' })
    expect((await control.instance(id)).eventsIncarnation).toBe(2)
    await control.expireCredentials()
  } finally {
    await cloud.close()
  }
})

const hasOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0
if (!hasOpenssl) process.stderr.write('skipped: openssl not here\n')

describe('certificates', () => {
  const authority = createAuthority({ commonName: 'Test', now: Date.now() })
  const names = ['127.0.0.1', 'fd00:ec2::254', '::1', 'localhost', 'management.azure.com']
  const { cert } = authority.issue(names)

  test('are for the names that were asked for', () => {
    const found = new X509Certificate(cert)
    expect(found.subjectAltName).toBe(
      'IP Address:127.0.0.1, IP Address:FD00:EC2:0:0:0:0:0:254, IP Address:0:0:0:0:0:0:0:1, DNS:localhost, DNS:management.azure.com',
    )
    expect(found.checkIssued(new X509Certificate(authority.cert))).toBe(true)
    expect([found.ca, new X509Certificate(authority.cert).ca]).toEqual([false, true])
    expect(found.checkHost('example.org')).toBe(undefined)
  })

  test.skipIf(!hasOpenssl)('satisfy openssl at its strictest', () => {
    const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
    try {
      const [ca, server] = [join(folder, 'ca.pem'), join(folder, 'server.pem')]
      writeFileSync(ca, authority.cert)
      writeFileSync(server, cert)
      const verify = (...more: readonly string[]) => {
        const argv = [
          'verify',
          '-x509_strict',
          '-check_ss_sig',
          '-purpose',
          'sslserver',
          '-CAfile',
          ca,
          ...more,
          server,
        ]
        return spawnSync('openssl', argv, { encoding: 'utf8' })
      }
      expect(verify().stdout).toMatch(/: OK\n$/)
      expect(verify('-verify_hostname', 'management.azure.com').status).toBe(0)
      expect(verify('-verify_hostname', 'example.org').status).not.toBe(0)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
