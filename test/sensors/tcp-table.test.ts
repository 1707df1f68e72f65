/** Lines of /proc/net/tcp: each understood as a whole, or the table is not. */
import { describe, expect, it } from 'vitest'
import { parseTcp } from '../../agent/sensors/tcp-table.ts'

const heading = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const peer = '0100007F:D431'

/** SOURCE: written from proc_net_tcp.rst. */
function row(near: string, state: string, ino: number | string, far = peer): string {
  return `   0: ${near} ${far} ${state} 00000000:00000000 02:000004F0 00000000  1000        0 ${ino} 2 0 20 4 30 10 -1\n`
}

const six = '00000000000000000000000001000000'

describe('parseTcp', () => {
  it('takes every socket, in the order of the table', () => {
    const text = heading + row('0100007F:1F90', '0A', 7) + row(`${six}:FFFF`, '06', 0, `${six}:0001`)
    expect(parseTcp(text)).toEqual([
      { near: { address: '0100007F', port: 8080 }, far: { address: '0100007F', port: 54_321 }, state: '0A', ino: 7 },
      { near: { address: six, port: 65_535 }, far: { address: six, port: 1 }, state: '06', ino: 0 },
    ])
    expect(parseTcp(heading)).toEqual([])
  })

  const near = '0100007F:0050'
  it.each([
    ['a line that is cut off', row(near, '01', 5).slice(0, 80)],
    ['a line without its end', row(near, '01', 5).slice(0, -1)],
    ['an inode that is none', row(near, '01', '-5')],
    ['an inode beyond all numbers', row(near, '01', '9'.repeat(20))],
    ['another state', row(near, 'XX', 5)],
    ['an address that is none', row('XYZ:0050', '01', 5)],
    ['an address of another length', row('0100007F00:0050', '01', 5)],
    ['a peer that is none', row(near, '01', 5, '0100007F')],
    ['an end without a port', row('0100007F0050', '01', 5)],
    ['a message', 'no such thing\n'],
    ['an empty line', '\n'],
  ])('throws at %s', (_, line) => {
    expect(() => parseTcp(heading + line)).toThrow(/not understood|cut off/)
  })

  it('throws at nothing at all', () => {
    expect(() => parseTcp('')).toThrow('empty')
  })
})
