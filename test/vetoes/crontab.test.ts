/** Crontabs as crontab(5) has them: which lines run when, and which are none. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dueMinute, parseCrontab, parseField } from '../../agent/vetoes/crontab.ts'
import { wallMinutes, zoneOf } from '../../agent/vetoes/wall-time.ts'
import { createMachine } from './machine.ts'

const hours = { from: 0, to: 23 }

describe('a field', () => {
  it.each<[string, readonly number[]]>([
    ['7', [7]],
    ['07', [7]],
    ['1-4', [1, 2, 3, 4]],
    ['1-9/3', [1, 4, 7]],
    ['*/9', [0, 9, 18]],
    ['1,3,20-22', [1, 3, 20, 21, 22]],
    ['20/2', [20, 22]],
    ['*/99', [0]],
    ['0-0', [0]],
  ])('%s', (text, values) => {
    expect([...parseField(text, hours)]).toEqual(values)
  })

  it('takes names, in any case, where there are some', () => {
    const names = { from: 0, to: 7, names: ['sun', 'mon', 'tue'] }
    expect([...parseField('Sun,MON-tue', names)]).toEqual([0, 1, 2])
  })

  it.each([
    '',
    '24',
    '-1',
    '1-',
    '-',
    '5-2',
    '*/0',
    '*/',
    '1,,2',
    'x',
    '1.5',
    '*-5',
    '1-2-3',
    '1~5',
    '0x1',
    '²',
    'mon',
    '1e1',
  ])('is none: %j', (text) => {
    expect(() => parseField(text, hours)).toThrow('not understood')
  })
})

describe('a crontab', () => {
  it('is its lines that run something', () => {
    const text = [
      '# comment',
      '',
      'MAILTO=root',
      ' PATH = "/bin" ',
      '5 4 * * * backup --all',
      '@daily  x',
      '@reboot y',
      '\t-1 2 3 4 5\tz',
      '',
    ].join('\n')
    expect(parseCrontab(text, false).map(({ command }) => command)).toEqual(['backup --all', 'x', 'z'])
  })

  it("names a user in the system's own", () => {
    expect(parseCrontab('5 4 * * * root backup --all\n@hourly me x y', true).map(({ command }) => command)).toEqual([
      'backup --all',
      'x y',
    ])
  })

  it('may name a time zone, for the lines that follow', () => {
    const text =
      '0 1 * * * a\nCRON_TZ=Asia/Tokyo\n0 1 * * * b\nCRON_TZ="Europe/Berlin"\n0 1 * * * c\nCRON_TZ=\n0 1 * * * d\n'
    expect(parseCrontab(text, false).map(({ zone }) => zone)).toEqual([
      undefined,
      'Asia/Tokyo',
      'Europe/Berlin',
      undefined,
    ])
  })

  it.each<[string, string, boolean]>([
    ['a line of too few fields', '5 4 * * backup', false],
    ['a line without a command', '5 4 * * *', false],
    ['a line without a command in the system crontab', '5 4 * * * root', true],
    ['an unknown nickname', '@fortnightly x', false],
    ['a nickname without a command', '@daily', false],
    ['text', 'hello world', false],
    ['zeros', '\0\0\0', false],
    ['a wrong hour', '0 24 * * * x', false],
    ['a month by a wrong name', '0 0 1 foo * x', false],
  ])('is none with %s', (_, text, system) => {
    expect(() => parseCrontab(text, system)).toThrow()
  })

  it('throws or reads whatever it is given', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('*', '0', '*/5', '1-5', '@daily', 'x', '=', ' '))
    fc.assert(
      fc.property(
        fc.array(word).map((words) => words.join(' ')),
        fc.boolean(),
        (text, system) => {
          try {
            parseCrontab(text, system)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        },
      ),
    )
  })
})

/** The runs of a line in the hours after a time in UTC, as `DD HH:MM` there. */
function runs(line: string, from: string, count = 72, zone = 'UTC'): readonly string[] {
  const first = Date.parse(from) / 60_000
  const minutes = wallMinutes(zone, first, first + count * 60)
  const [parsed] = parseCrontab(`${line} x`, false)
  const found: string[] = []
  for (const [index, { at }] of minutes.entries()) {
    const one = minutes.slice(index, index + 1)
    if (parsed !== undefined && dueMinute(parsed, { minutes: one, from: 0, horizon: 0 }) !== undefined)
      found.push(new Date(at * 60_000).toISOString().slice(8, 16).replace('T', ' '))
  }
  return found
}

describe('a line runs', () => {
  it.each<[string, string, readonly string[]]>([
    ['30 6 * * *', 'daily', ['22 06:30', '23 06:30', '24 06:30']],
    ['0 12 23 * *', 'on a day of the month', ['23 12:00']],
    ['0 12 * * mon', 'on a weekday', ['23 12:00']],
    ['0 12 * * 7', 'on a Sunday, which is 7 as well', ['22 12:00']],
    ['0 12 24 * 1', 'on the 24th, and on Mondays', ['23 12:00', '24 12:00']],
    ['0 12 */24 * 1', 'on a Monday that is a 1st or a 25th', []],
    ['0 12 24 * */2', 'on the 24th, if that is a day of even number', ['24 12:00']],
    ['0 12 31 2 *', 'never', []],
    ['0 12 * 12 *', 'in December', []],
    ['59 23 * nov sun-mon', 'at the end of the day', ['22 23:59', '23 23:59']],
  ])('%s: %s', (line, _, expected) => {
    expect(runs(line, '2026-11-22T00:00Z')).toEqual(expected)
  })

  it.each<[string, string, string, readonly string[]]>([
    ['Europe/Berlin', '30 6 * * *', '2026-11-22T00:00Z', ['22 05:30']],
    ['America/St_Johns', '30 0 * * *', '2026-11-22T00:00Z', ['22 04:00']],
    ['Asia/Kathmandu', '0 0 23 * *', '2026-11-22T00:00Z', ['22 18:15']],
    // The last Sunday of October: the hour from two to three comes twice, and its minutes run twice here.
    ['Europe/Berlin', '30 2 * * *', '2026-10-25T00:00Z', ['25 00:30', '25 01:30']],
    // The last Sunday of March: there is no half past two.
    ['Europe/Berlin', '30 2 * * *', '2026-03-29T00:00Z', []],
  ])('in %s: %s', (zone, line, from, expected) => {
    expect(runs(line, from, 23, zone)).toEqual(expected)
  })
})

describe('the run that is waited for', () => {
  const noon = Date.parse('2026-11-22T12:00Z') / 60_000
  const around = (horizon: number) => ({
    minutes: wallMinutes('UTC', noon - horizon, noon + horizon),
    from: noon,
    horizon,
  })
  it.each<[string, number, number | undefined]>([
    ['10 12 * * *', 15, 10],
    ['15 12 * * *', 15, 15],
    ['16 12 * * *', 15, undefined],
    ['0 12 * * *', 15, 0],
    ['59 11 * * *', 15, undefined],
    ['* * * * *', 15, undefined],
    ['*/5 * * * *', 15, undefined],
    ['*/15 * * * *', 15, undefined],
    ['8,28,48 * * * *', 15, 8],
    ['*/2 12 * * *', 15, 0],
    ['*/5 12 * * *', 15, 0],
    ['3 * * * *', 15, 3],
    ['3 * * * *', 90, undefined],
    ['50 11,12 * * *', 60, undefined],
    ['10,12,14 12 * * *', 15, 10],
    ['10 12 * * *', 0, undefined],
  ])('%s, horizon %i min', (line, horizon, expected) => {
    const [parsed] = parseCrontab(`${line} x`, false)
    const due = parsed === undefined ? undefined : dueMinute(parsed, around(horizon))
    expect(due === undefined ? undefined : due - noon).toBe(expected)
  })
})

describe("the machine's time zone", () => {
  it.each<[string, (host: ReturnType<typeof createMachine>) => void, string]>([
    [
      'where the link leads',
      (host) => host.files.link('/etc/localtime', '/usr/share/zoneinfo/Europe/Berlin'),
      'Europe/Berlin',
    ],
    [
      'relative, with leap seconds',
      (host) => host.files.link('/etc/localtime', '../usr/share/zoneinfo/right/Asia/Tokyo'),
      'Asia/Tokyo',
    ],
    [
      'a copy, with its name beside it',
      (host) => {
        host.files.write('/etc/localtime', 'TZif')
        host.files.write('/etc/timezone', 'Asia/Tokyo\n')
      },
      'Asia/Tokyo',
    ],
    [
      'a copy without a name',
      (host) => host.files.write('/etc/localtime', 'TZif'),
      new Intl.DateTimeFormat().resolvedOptions().timeZone,
    ],
    ['an empty name', (host) => host.files.write('/etc/timezone', ''), 'UTC'],
    ['none', () => {}, 'UTC'],
  ])('%s', async (_, prepare, expected) => {
    const host = createMachine()
    prepare(host)
    expect(await zoneOf(host)).toBe(expected)
  })

  it('is refused where there is none of that name', () => {
    expect(() => wallMinutes('Mars/Olympus', 0, 1)).toThrow(RangeError)
  })
})
