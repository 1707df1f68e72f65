/** Addresses as `ss`, the kernel and an operator write them, and ranges of them. */
import { describe, expect, it, test } from 'vitest'
import {
  addressKey,
  isLoopback,
  isWithin,
  parseAddress,
  parseHexAddress,
  parseRange,
  rangePattern,
} from '../../agent/sensors/addresses.ts'

test.each<[string, string]>([
  ['10.0.0.1', '32:a000001'],
  ['[::ffff:10.0.0.1]', '32:a000001'],
  ['::FFFF:a00:1', '32:a000001'],
  ['127.0.0.1%lo', '32:7f000001'],
  ['[::1]', '128:1'],
  ['::', '128:0'],
  ['[fe80::1%eth0]', '128:fe800000000000000000000000000001'],
  ['1:2:3:4:5:6:7:8', '128:10002000300040005000600070008'],
])('%s', (text, key) => {
  expect(addressKey(parseAddress(text))).toBe(key)
})

test.each(['', '*', '10.0.0', '10.0.0.256', '1:2:3', '1::2::3', 'g::', '1:2:3:4:5:6:7:8:9', '::1.2.3', 'example.org'])(
  '%j is none',
  (text) => {
    expect(() => parseAddress(text)).toThrow('not understood')
  },
)

// Written from proc_pid_net(5), on a little-endian machine.
test.each<[string, string]>([
  ['0100007F', '127.0.0.1'],
  ['0100000A', '10.0.0.1'],
  ['00000000000000000000000001000000', '::1'],
  ['0000000000000000FFFF00000100000A', '10.0.0.1'],
  ['000080FE000000000000000001000000', 'fe80::1'],
])('%s in /proc/net/tcp is %s', (hex, text) => {
  expect(parseHexAddress(hex)).toEqual(parseAddress(text))
})

test.each(['', '0100007', 'G100007F', '0100007F00'])('%j is none in /proc/net/tcp', (hex) => {
  expect(() => parseHexAddress(hex)).toThrow('not understood')
})

describe('a range', () => {
  it.each<[string, string, boolean]>([
    ['10.0.0.0/8', '10.255.1.2', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['0.0.0.0/0', '8.8.8.8', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '2001:db8::1', true],
    ['2001:db8::/32', '2001:db8:1::5', true],
    ['2001:db8::/32', '2001:db9::5', false],
    ['35.191.0.0/16', '35.191.3.4', true],
  ])('%s holds %s: %s', (range, address, expected) => {
    expect(range).toMatch(new RegExp(rangePattern))
    expect(isWithin(parseAddress(address), parseRange(range))).toBe(expected)
  })

  it('fits its pattern only where it can be parsed', () => {
    const pieces = ['', '0', '1', '10', '255', '256', ':', '::', '.', '/', '8', '33', '128', 'ffff', 'g']
    for (const a of pieces)
      for (const b of pieces)
        for (const c of pieces)
          for (const d of pieces) {
            const text = `${a}${b}${c}${d}`
            if (new RegExp(rangePattern).test(text)) expect(() => parseRange(text)).not.toThrow()
          }
  })
})

test.each<[string, boolean]>([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::ffff:127.0.0.1', true],
  ['::1', true],
  ['128.0.0.1', false],
  ['::2', false],
])('%s is loopback: %s', (text, expected) => {
  expect(isLoopback(parseAddress(text))).toBe(expected)
})
