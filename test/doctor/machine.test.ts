// What `doctor` says of a machine: each prepared fault is named, with its remedy.
import { describe, expect, it } from 'vitest'
import { help } from '../../agent/clouds/aws-help.ts'
import type { Folder, MachineFacts } from '../../agent/doctor/facts.ts'
import { hibernationFinding } from '../../agent/doctor/hibernation.ts'
import { machineFindings } from '../../agent/doctor/machine.ts'
import { installedFiles } from '../../agent/install/files.ts'

const plan = { intervalMs: 120_000, environment: { AWS_ENDPOINT_URL_EC2: 'http://10.0.0.1' } }
const [cronFile] = installedFiles({ ...plan, schedule: 'cron' })
const timerFile = installedFiles({ ...plan, schedule: 'timer' })[1]
const cronEntry = { text: cronFile?.text ?? '', uid: 0, mode: 0o644 }

function edited(from: string | RegExp, to: string): Partial<MachineFacts> {
  return { cronEntry: { ...cronEntry, text: cronEntry.text.replace(from, to) } }
}

function folder(path: string, wanted: number, found: Folder['found']): Partial<MachineFacts> {
  return { folders: [{ path, wanted, found }] }
}

const healthy: MachineFacts = {
  executable: { uid: 0, mode: 0o755 },
  cronEntry,
  timerUnit: undefined,
  cronRuns: true,
  timerRuns: false,
  timerEnabled: '',
  schedulable: true,
  resident: undefined,
  intervalMs: 120_000,
  lastCheckMs: 60_000,
  lockedBy: undefined,
  folders: [
    { path: '/var/lib/idle-agent', wanted: 0o700, found: { uid: 0, mode: 0o700 } },
    { path: '/run/idle-agent/leases', wanted: 0o1733, found: { uid: 0, mode: 0o1733 } },
    { path: '/var/log/idle-agent', wanted: 0o750, found: undefined },
  ],
  space: [{ path: '/var/lib/idle-agent', freeKb: 1024, freeInodes: 1, readOnly: false }],
  hookThere: true,
  systemd: true,
  predecessorsThere: [],
  corruptState: undefined,
  ssThere: true,
  clockSynchronised: 'yes',
  memoryKb: 1_000_000,
  swapKb: 0,
  swapFileKb: 4_000_000,
  preparer: 'there',
  extensionProblem: undefined,
}

const underTimer = { cronEntry: undefined, timerUnit: timerFile?.text, timerRuns: true, timerEnabled: 'enabled' }

describe('machineFindings', () => {
  it('has nothing to say of a healthy machine, with cron or with a timer', () => {
    const timer = { ...healthy, ...underTimer, cronRuns: false }
    const others: readonly Partial<MachineFacts>[] = [
      edited('* * * * root', '* *  *\t* root'),
      edited('command exec 2>>/var/log/idle-agent/agent.log; ', ''),
      // A check that is running is nothing to tell as long as the last one is not late.
      { lockedBy: 812 },
      { cronEntry: undefined, cronRuns: false, resident: 812 },
      { cronEntry: undefined, schedulable: false, resident: 812 },
      { space: [] },
      folder('/var/log/idle-agent', 0o750, { uid: 0, mode: 0o700 }),
      folder('/run/idle-agent', 0o755, { uid: 0, mode: 0o750 }),
    ]
    for (const facts of [healthy, timer, ...others.map((change) => ({ ...healthy, ...change }))]) {
      expect(machineFindings(facts).filter(({ level }) => level !== 'ok')).toEqual([])
    }
  })

  it.each<[string, Partial<MachineFacts>, string, RegExp, RegExp]>([
    ['no schedule', { cronEntry: undefined }, 'fault', /nothing starts the checks/, /install/],
    [
      'neither cron nor systemd',
      { cronEntry: undefined, schedulable: false },
      'fault',
      /nothing starts the checks: neither cron nor systemd is here/,
      /^keep "idle-agent run" running$/,
    ],
    [
      'cron, and run as well',
      { resident: 812 },
      'worry',
      /both a cron entry and "idle-agent run" \(pid 812\)/,
      /kill 812/,
    ],
    [
      'another interval in cron',
      { intervalMs: 300_000 },
      'fault',
      /cron\.d\/idle-agent says "\*\/2 \* \* \* \*".* check_interval_minutes \(5\): "\*\/5 \* \* \* \*"/,
      /install/,
    ],
    ['an interval that cron cannot do', { intervalMs: 90_000 }, 'fault', /cron cannot .* 1\.5 min/, /--schedule timer/],
    ['an entry that is commented out', edited(/^\*/m, '#*'), 'fault', /no line of .* starts a check/, /install/],
    ['an entry without --act', edited('--act', '--json'), 'fault', /no line of .* starts a check/, /install/],
    ['an entry for another program', edited('/local', ''), 'fault', /no line of .* starts a check/, /install/],
    ['an empty entry', edited(/(?:.|\n)*/, ''), 'fault', /no line of .* starts a check/, /install/],
    ['an entry that all may write', { cronEntry: { ...cronEntry, mode: 0o666 } }, 'fault', /passes over/, /chmod 644/],
    ["somebody else's entry", { cronEntry: { ...cronEntry, uid: 1000 } }, 'fault', /passes over/, /chown root/],
    ['no cron daemon', { cronRuns: false }, 'fault', /no cron daemon/, /systemctl enable/],
    ['two schedules', { timerUnit: timerFile?.text }, 'worry', /both/, /install/],
    [
      'a timer of another interval',
      { ...underTimer, intervalMs: 180_000 },
      'fault',
      /timer says "120s", .* check_interval_minutes \(3\): "180s"/,
      /install/,
    ],
    ['a timer that says nothing', { ...underTimer, timerUnit: '' }, 'fault', /says "nothing"/, /install/],
    ['a timer that is off', { ...underTimer, timerRuns: false }, 'fault', /not active/, /enable --now/],
    ['a timer until the next boot', { ...underTimer, timerEnabled: 'disabled' }, 'fault', /disabled/, /enable --now/],
    ['a timer that nobody knows', { ...underTimer, timerEnabled: '' }, 'fault', /not enabled/, /enable --now/],
    ['no check yet', { lastCheckMs: undefined }, 'worry', /since boot/, /check --act/],
    ['no check yet, one is running', { lastCheckMs: undefined, lockedBy: 812 }, 'worry', /since boot/, /check --act/],
    ['checks that stopped', { lastCheckMs: 3_600_000 }, 'fault', /3600 s ago/, /schedule/],
    ['a check that hangs', { lastCheckMs: 3_600_000, lockedBy: 812 }, 'fault', /3600 s .*pid 812/, /kill -9 812/],
    ['no executable', { executable: undefined }, 'fault', /bin\/idle-agent is not there/, /install/],
    ['one that is no program', { executable: { uid: 0, mode: 0o644 } }, 'fault', /not executable \(644\)/, /chmod 755/],
    [
      'one that others may replace',
      { executable: { uid: 0, mode: 0o775 } },
      'fault',
      /replace/,
      /chown root:.*chmod 755/,
    ],
    ["somebody else's executable", { executable: { uid: 1000, mode: 0o755 } }, 'fault', /user 1000/, /chown root:/],
    [
      'a state that all may read',
      folder('/var/lib/idle-agent', 0o700, { uid: 0, mode: 0o755 }),
      'fault',
      /lib\/idle-agent is root's, 755 instead of root's, 700/,
      /chmod 700/,
    ],
    [
      'leases that nobody may take',
      folder('/run/idle-agent/leases', 0o1733, { uid: 0, mode: 0o755 }),
      'fault',
      /leases is root's, 755/,
      /chmod 1733/,
    ],
    [
      'a log that others may write',
      folder('/var/log/idle-agent', 0o750, { uid: 0, mode: 0o770 }),
      'fault',
      /770/,
      /chmod 750/,
    ],
    [
      "somebody else's folder",
      folder('/run/idle-agent', 0o755, { uid: 33, mode: 0o755 }),
      'fault',
      /of user 33/,
      /chown root: \/run/,
    ],
    ['a full disk', { space: [{ path: '/v', freeKb: 1023, readOnly: false }] }, 'fault', /full \(1023 KiB/, /df \/v/],
    [
      'a disk without inodes',
      { space: [{ path: '/v', freeKb: 9000, freeInodes: 0, readOnly: false }] },
      'fault',
      /inode/,
      /free some/,
    ],
    ['a read-only disk', { space: [{ path: '/v', freeKb: 0, readOnly: true }] }, 'fault', /read-only/, /read-write/],
    ['no resume hook', { hookThere: false }, 'worry', /missing/, /install/],
    ['an unsynchronised clock', { clockSynchronised: 'no' }, 'worry', /not synchronised/, /chrony/],
    ['nothing that tells of the clock', { clockSynchronised: undefined }, 'worry', /nothing tells/, /chrony/],
    ['no ss', { ssThere: false }, 'worry', /ss is missing/, /iproute2/],
    [
      'the agent before',
      { predecessorsThere: ['/etc/cron.d/cloudworkstation-idle'] },
      'fault',
      /cloudworkstation-idle/,
      /install/,
    ],
    [
      'a state set aside',
      { corruptState: '/srv/x/state.json.corrupt' },
      'worry',
      /set aside/,
      /look at \/srv\/x\/state.json.corrupt,/,
    ],
  ])('names %s', (_what, change, level, text, remedy) => {
    const found = machineFindings({ ...healthy, ...change }).filter((one) => one.level !== 'ok')
    expect(found).toEqual([
      { name: expect.any(String), level, text: expect.stringMatching(text), remedy: expect.stringMatching(remedy) },
    ])
  })
})

it.each([
  [[], /^none of 3 is there yet: .*first check/],
  [[0], /^1 of 3 are there, with the right owner and mode$/],
  [[0, 1, 2], /^3 with the right owner and mode$/],
])('tells how many folders there are: %j', (there, text) => {
  const folders = healthy.folders.map((one, index) => ({
    ...one,
    found: there.includes(index) ? { uid: 0, mode: one.wanted } : undefined,
  }))
  const found = machineFindings({ ...healthy, folders }).find(({ name }) => name === 'folders')
  expect(found).toEqual({ name: 'folders', level: 'ok', text: expect.stringMatching(text) })
})

const words = help.hibernation

describe('hibernationFinding', () => {
  it.each<[string, Partial<MachineFacts>, boolean | undefined, string, RegExp]>([
    ['ready', {}, true, 'ok', /3906 MiB of swap/],
    ['ready without systemd', { preparer: undefined }, true, 'ok', /configured/],
    ['not configured', {}, false, 'worry', /stopped instead/],
    ['not told', {}, undefined, 'worry', /does not tell/],
    [
      'too little swap',
      { swapFileKb: 500_000 },
      true,
      'fault',
      /488 MiB .* 977 MiB, so EC2 will stop .* memory is lost/,
    ],
    ['no swap at all', { swapFileKb: 0 }, true, 'fault', /0 MiB/],
    ['a failed unit', { preparer: 'failed' }, true, 'fault', /failed/],
    [
      'no unit',
      { preparer: 'missing' },
      true,
      'worry',
      /no unit hibinit-agent; unless .*, EC2 will stop .* memory is lost/,
    ],
    ['an extension that failed', { extensionProblem: 'no space' }, true, 'fault', /extension failed/],
  ])('%s', (_what, change, configured, level, text) => {
    const found = hibernationFinding({ ...healthy, ...change }, { wanted: 'hibernate', configured, words })
    expect(found).toEqual({
      name: 'hibernation',
      level,
      text: expect.stringMatching(text),
      ...(level === 'ok' ? {} : { remedy: expect.any(String) }),
    })
  })

  it('says nothing where it is not wanted, and what to install where swap and unit are missing', () => {
    expect(
      hibernationFinding({ ...healthy, preparer: 'failed' }, { wanted: 'stop', configured: false, words }).level,
    ).toBe('ok')
    for (const preparer of ['missing', undefined] as const) {
      const bare = { ...healthy, swapFileKb: 0, preparer }
      expect(hibernationFinding(bare, { wanted: 'hibernate', configured: true, words }).remedy).toMatch(
        /install ec2-hibinit-agent .*action: stop/,
      )
    }
  })
})
