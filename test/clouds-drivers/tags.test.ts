/** What an operator's tags mean. */
import { describe, expect, it } from 'vitest'
import { isProtected, keepAwakeUntil, tagKey, writtenTags } from '../../agent/clouds/tags.ts'

it('keys carry the prefix', () => {
  expect(tagKey('CloudWorkstation', 'IdleStatus')).toBe('CloudWorkstation:IdleStatus')
})

it("the agent never writes an operator's tag", () => {
  expect(writtenTags).toEqual(['IdleStatus', 'IdleSince', 'IdleAction', 'IdleReason'])
})

describe('Protected', () => {
  const cases: readonly [string | undefined, boolean][] = [
    [undefined, false],
    ['false', false],
    ['False', false],
    [' FALSE\n', false],
    ['', true],
    ['true', true],
    ['no', true],
    ['0', true],
    ['falsee', true],
    ['"false"', true],
    ['until Friday', true],
  ]
  it.each(cases)('%j protects: %j', (value, expected) => {
    expect(isProtected(value)).toBe(expected)
  })
})

describe('KeepAwakeUntil', () => {
  const utc = Date.UTC
  const cases: readonly [string, number | 'unreadable'][] = [
    ['2026-11-22T18:00:00Z', utc(2026, 10, 22, 18)],
    ['2026-11-22T18:00:00.123Z', utc(2026, 10, 22, 18)],
    ['2026-11-22T18:00Z', utc(2026, 10, 22, 18)],
    ['2026-11-22 18:00', utc(2026, 10, 22, 18)],
    ['2026-11-22T18:00:30', utc(2026, 10, 22, 18, 0, 30)],
    ['  2026-11-22t18:00:00z  ', utc(2026, 10, 22, 18)],
    ['2026-11-22T18:00:00+01:00', utc(2026, 10, 22, 17)],
    ['2026-11-22T18:00:00+0530', utc(2026, 10, 22, 12, 30)],
    ['2026-11-22T18:00:00-08', utc(2026, 10, 23, 2)],
    ['2026-11-22T24:00:00Z', utc(2026, 10, 23)],
    ['2026-12-31', utc(2027, 0, 1)],
    ['2028-02-29', utc(2028, 2, 1)],
    ['1795370400', 1_795_370_400_000],
    ['', 'unreadable'],
    ['tomorrow', 'unreadable'],
    ['18:00', 'unreadable'],
    ['2026', 'unreadable'],
    ['20261122', 'unreadable'],
    ['0', 'unreadable'],
    ['-1795370400', 'unreadable'],
    ['1795370400.5', 'unreadable'],
    ['1795370400000', 'unreadable'],
    ['2026-02-30', 'unreadable'],
    ['2027-02-29T10:00:00Z', 'unreadable'],
    ['2026-13-01', 'unreadable'],
    ['2026-11-22T25:00:00Z', 'unreadable'],
    ['2026-11-22T24:30:00Z', 'unreadable'],
    ['2026-11-22T18:60:00Z', 'unreadable'],
    ['2026-11-22T18:00:00+24:00', 'unreadable'],
    ['2026-11-22T18:00:00 CET', 'unreadable'],
    ['22.11.2026', 'unreadable'],
    ['11/22/2026', 'unreadable'],
    ['0000-00-00', 'unreadable'],
    ['2026-11-22T18:00:00Z; DROP', 'unreadable'],
    ['NaN', 'unreadable'],
  ]
  it.each(cases)('%j', (value, expected) => {
    expect(keepAwakeUntil(value)).toBe(expected)
  })

  it('no tag holds nothing', () => {
    expect(keepAwakeUntil(undefined)).toBeUndefined()
  })
})
