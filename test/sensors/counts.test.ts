/** Numbers and words: exact or an error, short and printable. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grown, parseCount, secondsOf } from '../../agent/sensors/counts.ts'
import { cgroupMount, groupGrowth, parseUsage } from '../../agent/sensors/groups.ts'
import { counted, duration, rate, shown } from '../../agent/sensors/words.ts'

describe('counts', () => {
  it.each([
    undefined,
    '',
    ' ',
    ' 1',
    '1 ',
    '+1',
    '-1',
    '1.0',
    '1e3',
    '0x10',
    'NaN',
    '١',
    '9007199254740992',
    '1'.repeat(400),
  ])('refuse %j', (text) => {
    expect(() => parseCount(text, 'it')).toThrow(/^it /)
  })
  it('are exact up to 2^53', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (value) => parseCount(String(value), 'it') === value))
  })
  it.each([
    [1, 2],
    [Number.NaN, 1],
    [1, Number.NaN],
    [Number.POSITIVE_INFINITY, 1],
  ])('do not grow from %d to %d', (now, before) => {
    expect(() => grown(now, before, 'it')).toThrow(/^it /)
  })
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('have no interval of %d ms', (ms) => {
    expect(() => secondsOf(ms)).toThrow(/interval/)
  })
})

describe('groups', () => {
  it.each([
    ['', undefined],
    ['garbage\n\0', undefined],
    ['33 26 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu', undefined],
    ['41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n', '/sys/fs/cgroup/unified'],
    ['40 31 0:38 /a /mnt/part rw - cgroup2 x rw\n41 31 0:38 / /sys/fs/cgroup rw - cgroup2 x rw\n', '/sys/fs/cgroup'],
    ['40 31 0:38 /../.. /sys/fs/cgroup rw - cgroup2 x rw\n', '/sys/fs/cgroup'],
    ['41 31 0:38 / /mnt/c\\040g\\134 rw shared:4 master:2 - cgroup2 none rw\n', '/mnt/c g\\'],
  ])('are mounted in %j at %j', (text, mount) => {
    expect(cgroupMount(text)).toBe(mount)
  })
  it.each(['', 'usage_usec\n', 'usage_usec x\n', 'xusage_usec 5\n', 'usage_usec 99999999999999999999\n'])(
    'use nothing readable in %j',
    (text) => {
      expect(() => parseUsage(text)).toThrow(/usage_usec/)
    },
  )
  it.each([
    ['the same group', 5, 30],
    ['another of the same name', 6, 130],
  ])('grow as %s', (_, ino, growth) => {
    expect(groupGrowth(['a', ino, 130], [['a', 5, 100]])).toBe(growth)
  })
})

describe('words', () => {
  it('never let a control character through, and are never long', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(shown(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        expect([...shown(text)].length).toBeLessThanOrEqual(32)
        expect(shown(text)).not.toBe('')
      }),
      { seed: 6, numRuns: 1000 },
    )
  })
  it('are for a person', () => {
    expect([shown('\u001b[31m'), shown('\n'), shown('x'.repeat(40))]).toEqual([
      '[31m',
      '(no name)',
      `${'x'.repeat(31)}…`,
    ])
    expect([0, 119_000, 120_000, 7_140_000, 7_200_000, -5].map(duration)).toEqual([
      '0 s',
      '119 s',
      '2 min',
      '119 min',
      '2 h',
      '0 s',
    ])
    expect([0, 999, 1000, 1_000_000].map(rate)).toEqual(['0 B/s', '999 B/s', '1.0 kB/s', '1.0 MB/s'])
    expect([counted(1, 'x'), counted(0, 'x')]).toEqual(['1 x', '0 xs'])
  })
})
