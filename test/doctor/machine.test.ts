// What `doctor` says of a machine: each prepared fault is named, with its remedy.
import { describe, expect, it } from 'vitest'
import { hibernationFinding, type MachineFacts, machineFindings } from '../../agent/doctor/machine.ts'
import { installedFiles } from '../../agent/install/files.ts'

const plan = { intervalMs: 120_000, environment: { AWS_ENDPOINT_URL_EC2: 'http://10.0.0.1' } }
const [cronFile] = installedFiles({ ...plan, schedule: 'cron' })
const timerFile = installedFiles({ ...plan, schedule: 'timer' })[1]

const healthy: MachineFacts = {
  cronEntry: cronFile?.text,
  timerUnit: undefined,
  cronRuns: true,
  timerRuns: false,
  intervalMs: 120_000,
  lastCheckMs: 60_000,
  hookThere: true,
  systemd: true,
  predecessorsThere: [],
  corruptState: false,
  ssThere: true,
  clockSynchronised: 'yes',
  memoryKb: 1_000_000,
  swapKb: 0,
  swapFileKb: 4_000_000,
  hibinit: 'active',
}

describe('machineFindings', () => {
  it('has nothing to say of a healthy machine, with cron or with a timer', () => {
    const timer = { ...healthy, cronEntry: undefined, timerUnit: timerFile?.text, timerRuns: true, cronRuns: false }
    for (const facts of [healthy, timer]) {
      expect(machineFindings(facts).filter(({ level }) => level !== 'ok')).toEqual([])
    }
  })

  it.each<[string, Partial<MachineFacts>, string, RegExp, RegExp]>([
    ['no schedule', { cronEntry: undefined }, 'fault', /nothing starts the checks/, /install/],
    [
      'another interval in cron',
      { intervalMs: 300_000 },
      'fault',
      /does not match check_interval_minutes \(5\)/,
      /install/,
    ],
    ['an interval that cron cannot do', { intervalMs: 90_000 }, 'fault', /does not match/, /install/],
    ['no cron daemon', { cronRuns: false }, 'fault', /no cron daemon/, /systemctl enable/],
    ['two schedules', { timerUnit: timerFile?.text }, 'worry', /both/, /install/],
    [
      'a timer of another interval',
      { cronEntry: undefined, timerUnit: timerFile?.text, timerRuns: true, intervalMs: 180_000 },
      'fault',
      /does not match/,
      /install/,
    ],
    [
      'a timer that is off',
      { cronEntry: undefined, timerUnit: timerFile?.text },
      'fault',
      /not active/,
      /enable --now/,
    ],
    ['no check yet', { lastCheckMs: undefined }, 'worry', /none since boot/, /check --act/],
    ['checks that stopped', { lastCheckMs: 3_600_000 }, 'fault', /3600 s ago/, /schedule/],
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
    ['a state set aside', { corruptState: true }, 'worry', /set aside/, /corrupt/],
  ])('names %s', (_what, change, level, text, remedy) => {
    const found = machineFindings({ ...healthy, ...change }).filter((one) => one.level !== 'ok')
    expect(found).toEqual([
      { name: expect.any(String), level, text: expect.stringMatching(text), remedy: expect.stringMatching(remedy) },
    ])
  })
})

describe('hibernationFinding', () => {
  it.each<[string, Partial<MachineFacts>, string, boolean | undefined, string]>([
    ['ready', {}, 'hibernate', true, 'ok'],
    ['not wanted', {}, 'stop', false, 'ok'],
    ['not configured', {}, 'hibernate', false, 'worry'],
    ['not told', {}, 'hibernate', undefined, 'worry'],
    ['too little swap', { swapFileKb: 500_000 }, 'hibernate', true, 'fault'],
    ['a failed unit', { hibinit: 'failed' }, 'hibernate', true, 'fault'],
  ])('%s', (_what, change, wanted, configured, level) => {
    const found = hibernationFinding({ ...healthy, ...change }, wanted, configured)
    expect(found.level).toBe(level)
    expect(found.remedy === undefined).toBe(level === 'ok')
  })
})
