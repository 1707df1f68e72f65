/** IP addresses and ranges of them, as `ss`, /proc/net/tcp and an operator write them. Pure. */

/** An address: its bits, and how many. An IPv4 address within IPv6 (::ffff:1.2.3.4) is the IPv4 address. */
export interface Address {
  readonly bits: bigint
  readonly length: 32 | 128
}

/** All addresses that begin with the same `prefix` bits. */
export interface Range extends Address {
  readonly prefix: number
}

const mapped = 0xffffn

function address(bits: bigint, length: Address['length']): Address {
  return length === 128 && bits >> 32n === mapped ? { bits: bits & 0xffff_ffffn, length: 32 } : { bits, length }
}

function fourBytes(text: string): bigint | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number)
  if (parts?.every((one) => one < 256) !== true) return undefined
  return parts.reduce((sum, one) => (sum << 8n) | BigInt(one), 0n)
}

function eightGroups(text: string): bigint | undefined {
  const tail = /^(.*:)([\d.]+\.[\d.]+)$/.exec(text)
  const four = tail === null ? undefined : fourBytes(tail[2] ?? '')
  if (tail !== null && four === undefined) return undefined
  const hex = four === undefined ? text : `${tail?.[1]}${(four >> 16n).toString(16)}:${(four & 0xffffn).toString(16)}`
  const [head = '', rest, more] = hex.split('::')
  const groups = (part: string): readonly string[] => (part === '' ? [] : part.split(':'))
  const [left, right] = [groups(head), groups(rest ?? '')]
  const zeros = 8 - left.length - right.length
  const all = [...left, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...right]
  if (more !== undefined || all.length !== 8 || (rest === undefined && zeros !== 0)) return undefined
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined
  return BigInt(`0x${all.map((group) => group.padStart(4, '0')).join('')}`)
}

/** Parses `10.0.0.1`, `[::1]`, `fe80::1%eth0`, `::ffff:10.0.0.1`. Throws where it is none of these. */
export function parseAddress(text: string): Address {
  const plain = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')
  const four = fourBytes(plain)
  if (four !== undefined) return address(four, 32)
  const six = plain.includes(':') ? eightGroups(plain) : undefined
  if (six === undefined) throw new Error('an address is not understood')
  return address(six, 128)
}

/** Parses `0100007F`: words of 32 bits in the byte order of the machine, which is little-endian (proc_pid_net(5)). Throws where it is none. */
export function parseHexAddress(text: string): Address {
  if (!/^(?:[0-9A-F]{8}|[0-9A-F]{32})$/i.test(text)) throw new Error('an address in /proc/net/tcp is not understood')
  const swapped = text.replace(/(..)(..)(..)(..)/g, '$4$3$2$1')
  return address(BigInt(`0x${swapped}`), text.length === 8 ? 32 : 128)
}

/** One address, or a range: `10.0.0.0/8`. For JSON Schema, too. */
export const rangePattern: string = (() => {
  const byte = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
  const four = `${byte}(\\.${byte}){3}(/([12]?[0-9]|3[0-2]))?`
  const groups = '([0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,6})?'
  const six = `(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?!([^:]*:){9})${groups}::${groups})`
  return `^(${four}|${six}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$`
})()

/** Parses what fits the pattern. Throws where it does not. */
export function parseRange(text: string): Range {
  const [start = '', prefix] = text.split('/')
  const parsed = parseAddress(start)
  return { ...parsed, prefix: prefix === undefined ? parsed.length : Number(prefix) }
}

/** Is the address in the range? */
export function isWithin({ bits, length }: Address, range: Range): boolean {
  const rest = BigInt(Math.max(0, range.length - range.prefix))
  return length === range.length && bits >> rest === range.bits >> rest
}

const loopbacks = ['127.0.0.0/8', '::1'].map(parseRange)

/** Does it lead to this machine itself, whatever its addresses are? */
export function isLoopback(one: Address): boolean {
  return loopbacks.some((range) => isWithin(one, range))
}

/** A key by which equal addresses are found. */
export function addressKey({ bits, length }: Address): string {
  return `${length}:${bits.toString(16)}`
}
