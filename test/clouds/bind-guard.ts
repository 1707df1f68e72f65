// Keeps a simulated cloud from being reachable by, or reaching, anything outside the machine or a sealed namespace.

import { readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

export interface RoutingTables {
  /** Text of /proc/net/route, `undefined` when it cannot be read. */
  readonly ipv4: string | undefined
  /** Text of /proc/net/ipv6_route, `undefined` when it cannot be read. */
  readonly ipv6: string | undefined
}

/** Says why a simulated cloud must not listen on `address`; `undefined` when it may. */
export function bindProblem(address: string, routes: RoutingTables = readRoutes()): string | undefined {
  const family = isIP(address)
  if (family === 0) return `bind address '${address}' is not an IP address`
  if (loopback.check(address, family === 6 ? 'ipv6' : 'ipv4')) return undefined
  if (routes.ipv4 === undefined) return `will not listen on ${address}: /proc/net/route cannot be read`
  if (hasDefaultIpv4(routes.ipv4) || hasDefaultIpv6(routes.ipv6 ?? '')) {
    return `will not listen on ${address}: this network has a default route (use a sealed network namespace)`
  }
  return undefined
}

function readRoutes(): RoutingTables {
  return { ipv4: readText('/proc/net/route'), ipv6: readText('/proc/net/ipv6_route') }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // absent on other systems and with IPv6 off; the caller decides
  }
}

// Columns of /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask; RTF_UP is 0x1.
function hasDefaultIpv4(text: string): boolean {
  for (const line of text.split('\n').slice(1)) {
    const columns = line.split(/\s+/)
    const up = (Number.parseInt(columns[3] ?? '0', 16) & 1) === 1
    if (up && columns[1] === '00000000' && columns[7] === '00000000') return true
  }
  return false
}

// Columns of /proc/net/ipv6_route: dest, dest prefix length, …, flags (9th), device (last).
// The kernel itself puts unreachable defaults on `lo`.
function hasDefaultIpv6(text: string): boolean {
  for (const line of text.split('\n')) {
    const columns = line.trim().split(/\s+/)
    if (columns.length >= 10 && /^0{32}$/.test(columns[0] ?? '') && columns[1] === '00' && columns[9] !== 'lo')
      return true
  }
  return false
}
