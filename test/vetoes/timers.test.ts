/** The veto of systemd timers: the operator's and the users', told from the distribution's; and managers that do not answer. */
import { describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { parseSpan, parseTime, parseTimers, timersVeto } from '../../agent/vetoes/timers.ts'
import { createMachine, HOUR, MINUTE, MONO, minutes, NOON, read } from './machine.ts'

interface Spec {
  readonly unit?: string
  readonly realtime?: string
  readonly monotonic?: string
  readonly last?: string
}

/** A block of `systemctl show`; due in ten minutes unless said. */
function block(
  id: string,
  { unit, realtime = 'Sun 2026-11-22 12:10:00 UTC', monotonic = 'infinity', last = '' }: Spec = {},
): string {
  const lines = [`Unit=${unit ?? id.replace('.timer', '.service')}`, `NextElapseUSecRealtime=${realtime}`]
  return [...lines, `NextElapseUSecMonotonic=${monotonic}`, `LastTriggerUSec=${last}`, `Id=${id}`, ''].join('\n')
}

const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' })

/** A machine with systemd, and users whose managers run. */
function machine(
  answer: (argv: readonly string[]) => ReturnType<typeof ok> | undefined,
  users: readonly number[] = [],
) {
  const host = createMachine({ run: answer })
  host.files.makeDir('/run/systemd/system')
  for (const uid of users) host.files.write(`/run/user/${uid}/systemd/private`, '')
  return host
}

const isUser = (argv: readonly string[]): boolean => argv.includes('--user')

describe('a time of systemctl', () => {
  it.each<[string, number | undefined]>([
    ['Tue 2026-11-24 06:12:00 UTC', Date.UTC(2026, 10, 24, 6, 12)],
    ['Tue 2026-11-24 06:12:00.123456 UTC', Date.UTC(2026, 10, 24, 6, 12)],
    ['1h 30min 5.5s', 5_405_500],
    ['2d 23h', 255_600_000],
    ['1month 1w', 3_234_600_000],
    ['48y', 1_514_764_800_000],
    ['500ms 20us', 500.02],
    ['--- XXXX-XX-XX XX:XX:XX UTC', undefined],
    ['infinity', undefined],
    ['0', undefined],
    ['n/a', undefined],
    ['', undefined],
  ])('%j', (text, expected) => {
    expect(parseTime(text)).toBe(expected)
  })

  it.each(['soon', 'Tue 2026-11-24 06:12:00 CET', '5 min', '5parsec', '-5s', '5', 's'])('is none: %j', (text) => {
    expect(() => parseTime(text)).toThrow('not understood')
    expect(() => parseSpan(text)).toThrow('not understood')
  })
})

describe('what systemctl shows', () => {
  const now = { wallMs: NOON, bootMs: MONO, monoMs: MONO }
  it.each<[string, string, readonly object[]]>([
    ['nothing', '', []],
    [
      'a timer',
      block('a.timer'),
      [{ id: 'a.timer', unit: 'a.service', nextMs: NOON + 10 * MINUTE, lastMs: undefined }],
    ],
    [
      'one on the monotonic clock',
      block('a.timer', { realtime: '', monotonic: '2w 6d 20h 5min' }),
      [{ nextMs: NOON + 5 * MINUTE }],
    ],
    ['one on both', block('a.timer', { monotonic: '2w 6d 20h 15min' }), [{ nextMs: NOON + 10 * MINUTE }]],
    ['one that will not run', block('a.timer', { realtime: '' }), []],
    ['two', `${block('a.timer')}\n${block('b.timer')}`, [{ id: 'a.timer' }, { id: 'b.timer' }]],
  ])('%s', (_, text, expected) => {
    expect(parseTimers(text, now)).toMatchObject(expected)
  })

  it('is refused with a time that is none, and where it is something else', () => {
    expect(() => parseTimers('hello\n', now)).toThrow('not understood')
    expect(() => parseTimers(block('a.timer', { realtime: 'tomorrow' }), now)).toThrow('not understood')
  })
})

describe('a timer of the machine', () => {
  const waits = { reason: 'backup.timer is due at 12:10 UTC; it is waited for until 12:11 UTC', until: minutes(11) }
  it.each<[string, string, Spec, readonly object[]]>([
    ['due', 'backup.timer', {}, [waits]],
    ['due, as yesterday', 'backup.timer', { last: 'Sat 2026-11-21 12:10:01 UTC' }, [waits]],
    ['of systemd-run', 'run-u12.timer', { realtime: '', monotonic: '2w 6d 20h 5min' }, [{ until: minutes(6) }]],
    [
      'that has only just begun',
      'backup.timer',
      { realtime: 'Mon 2026-11-23 11:59:30 UTC', last: 'Sun 2026-11-22 11:59:30 UTC' },
      [{ until: minutes(0.5) }],
    ],
    [
      'that began a minute ago',
      'backup.timer',
      { realtime: 'Mon 2026-11-23 11:59:00 UTC', last: 'Sun 2026-11-22 11:59:00 UTC' },
      [],
    ],
    ['later', 'backup.timer', { realtime: 'Sun 2026-11-22 12:16:00 UTC' }, []],
    ['that always runs', 'poll.timer', { last: 'Sun 2026-11-22 11:56:00 UTC' }, []],
    ['that leaves no room for a check', 'poll.timer', { last: 'Sun 2026-11-22 11:52:00 UTC' }, []],
    ['that does', 'poll.timer', { last: 'Sun 2026-11-22 11:51:00 UTC' }, [{ until: minutes(11) }]],
    ['of the distribution', 'apt-daily.timer', {}, []],
    ['of the distribution, under another name', 'refresh.timer', { unit: 'logrotate.service' }, []],
    ['of systemd', 'systemd-tmpfiles-clean.timer', {}, []],
    ['of an agent of the cloud', 'refresh-policy-routes@ens5.timer', {}, []],
    ['our own', 'idle-agent.timer', {}, []],
    ['of a like name', 'my-apt-daily.timer', {}, [{ until: minutes(11) }]],
  ])('%s', async (_, id, spec, expected) => {
    expect(
      await read(
        timersVeto,
        machine(() => ok(block(id, spec))),
      ),
    ).toMatchObject(expected)
  })

  it.each<[string, () => ReturnType<typeof ok> | undefined, string | undefined]>([
    ['is not there', () => undefined, 'systemctl cannot be asked: env is not there'],
    ['says garbage', () => ok('\u0000\ufffd\u0007ELF\n'), 'the answer of systemctl is not understood'],
    [
      'breaks off',
      () => ok('Id=backup.timer\nUnit=backup.service\nNextEl'),
      'the answer of systemctl is not understood',
    ],
    ['shows nothing', () => ok(''), undefined],
    ['fails', () => ({ status: 1, stdout: '', stderr: 'Failed to connect to bus' }), 'systemctl ended with 1'],
    ['shows a time that is none', () => ok(block('a.timer', { realtime: 'x' })), 'not understood'],
  ])('systemctl %s', async (_, answer, message) => {
    const reading = read(timersVeto, machine(answer))
    if (message === undefined) expect(await reading).toEqual([])
    else await expect(reading).rejects.toThrow(message)
  })

  it('is not asked for without systemd', async () => {
    const host = createMachine({ run: () => ok(block('backup.timer')) })
    expect(await read(timersVeto, host)).toEqual([])
  })
})

describe("a user's timer", () => {
  it('is asked for as that user, and waited for', async () => {
    const asked: (readonly string[])[] = []
    const host = machine(
      (argv) => {
        asked.push(argv)
        return ok(isUser(argv) ? block('train.timer') : '')
      },
      [1000],
    )
    host.files.write('/run/user/1001/bus', '')
    host.files.write('/run/user/evil$(x)/systemd/private', '')
    expect(await read(timersVeto, host)).toEqual([
      {
        name: 'timer',
        reason: 'train.timer of uid 1000 is due at 12:10 UTC; it is waited for until 12:11 UTC',
        until: minutes(11),
      },
    ])
    const [user] = asked.filter(isUser)
    expect(user?.slice(0, 6)).toEqual([
      'setpriv',
      '--reuid=1000',
      '--regid=65534',
      '--clear-groups',
      '--inh-caps=-all',
      '--no-new-privs',
    ])
    expect(user).toContain('XDG_RUNTIME_DIR=/run/user/1000')
    expect(asked).toHaveLength(2)
  })

  it.each<[string, () => ReturnType<typeof ok> | undefined]>([
    ['cannot be asked as that user', () => undefined],
    [
      'hangs',
      () => {
        throw new HostError('setpriv did not end within 2000 ms')
      },
    ],
    ['says garbage', () => ok(block('x.timer', { realtime: '\u001b[31m' }))],
    ['refuses', () => ({ status: 1, stdout: '', stderr: '' })],
  ])('whose manager %s holds, and not for ever', async (_, answer) => {
    const host = machine((argv) => (isUser(argv) ? answer() : ok('')), [1000])
    const reason =
      'timers of uid 1000 may be due: their manager does not tell; it holds until 2026-11-23 11:00 UTC at the latest'
    expect(await read(timersVeto, host)).toEqual([{ name: 'timer', reason, until: MONO + 23 * HOUR }])
    host.clock.advance(23 * HOUR)
    expect(await read(timersVeto, host)).toEqual([])
  })

  it('is in doubt where its folder refuses even root a look, as a mount of the user’s own does', async () => {
    const host = machine(() => ({ status: 1, stdout: '', stderr: '' }), [1000])
    const refusing = {
      ...host,
      run: async (argv: readonly string[]) => (isUser(argv) ? { status: 1, stdout: '', stderr: '' } : ok('')),
      stat: async (path: string) => {
        if (path.startsWith('/run/user/')) throw new HostError(`cannot look at ${path}: permission denied`)
        return host.stat(path)
      },
    }
    expect(await read(timersVeto, refusing)).toMatchObject([
      { reason: expect.stringMatching(/^timers of uid 1000 may be due/), until: MONO + 23 * HOUR },
    ])
  })

  it('that is always due holds to the ceiling after the last use', async () => {
    const due = 'Mon 2026-11-23 10:55:00 UTC'
    const host = machine((argv) => ok(isUser(argv) ? block('x.timer', { realtime: due }) : ''), [1000])
    host.clock.advance(23 * HOUR - 10 * MINUTE)
    expect(await read(timersVeto, host)).toMatchObject([{ until: minutes(22 * 60 + 56) }])
    expect(await read(timersVeto, host, { idleSince: MONO - 2 * HOUR })).toEqual([])
  })

  it('is one of many users: eight are asked, the rest is in doubt', async () => {
    const asked: (readonly string[])[] = []
    const users = Array.from({ length: 20 }, (_, index) => 1000 + index)
    const host = machine((argv) => {
      asked.push(argv)
      return ok('')
    }, users)
    expect(await read(timersVeto, host)).toMatchObject([
      { reason: expect.stringMatching(/^timers of 12 more users may be due/) },
    ])
    expect(asked).toHaveLength(9)
  })
})
