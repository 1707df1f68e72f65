// Where a simulated cloud may listen, case by case.

import { describe, expect, test } from 'vitest'
import { startAws } from './aws.ts'
import { bindProblem, type RoutingTables } from './bind-guard.ts'

const header = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n'
const local = `${header}br0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`
const world = `${header}eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`
const zeros = '0'.repeat(32)
const lo6 = `${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200       lo\n`
const world6 = `${zeros} 00 ${zeros} 00 fe80000000000000 00000400 00000001 00000000 00000003     eth0\n`

const cases: readonly (readonly [string, string, RoutingTables, RegExp | undefined])[] = [
  ['loopback on a connected machine', '127.0.0.1', { ipv4: world, ipv6: world6 }, undefined],
  ['another loopback address', '127.8.9.1', { ipv4: world, ipv6: '' }, undefined],
  ['IPv6 loopback', '::1', { ipv4: world, ipv6: '' }, undefined],
  ['metadata address in a sealed namespace', '169.254.169.254', { ipv4: local, ipv6: lo6 }, undefined],
  ['metadata address without IPv6', '169.254.169.254', { ipv4: local, ipv6: undefined }, undefined],
  ['metadata address on a connected machine', '169.254.169.254', { ipv4: world, ipv6: '' }, /default route/],
  ['every address on a connected machine', '0.0.0.0', { ipv4: world, ipv6: '' }, /default route/],
  ['IPv6 default route only', '10.77.0.1', { ipv4: local, ipv6: lo6 + world6 }, /default route/],
  ['routes unreadable', '10.77.0.1', { ipv4: undefined, ipv6: undefined }, /cannot be read/],
  ['a name', 'localhost', { ipv4: local, ipv6: '' }, /not an IP address/],
  ['loopback spelled into IPv6', '::ffff:10.0.0.1', { ipv4: world, ipv6: '' }, /default route/],
]

describe('where a simulated cloud may listen', () => {
  test.each(cases)('%s', (_name, address, routes, problem) => {
    const found = bindProblem(address, routes)
    if (problem) expect(found).toMatch(problem)
    else expect(found).toBeUndefined()
  })
})

test('a refused address leaves nothing open', async () => {
  await expect(startAws({ metadata: { address: 'localhost' } })).rejects.toThrow('not an IP address')
})
