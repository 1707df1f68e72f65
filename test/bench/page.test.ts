// The page, and that README.md quotes nothing else.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cronDays, residentDay } from './days.ts'
import { spreadOf } from './figures.ts'
import { limitsOf } from './limits.ts'
import type { CaseName, Cost, Row } from './measure-cases.ts'
import { inShort, page, withQuote } from './page.ts'
import type { Report } from './report.ts'

function cost(cpuMs: number, peakMb: number): Cost {
  const [cpu, peak] = [spreadOf([cpuMs]), spreadOf([peakMb])]
  const systemCalls = { calls: 1600, filesOpened: 160, bytesRead: 60_000, bytesWritten: 7900, bytesStored: 6510 }
  return { cpuMs: cpu, userMs: cpu, systemMs: cpu, wallMs: cpu, peakMb: peak, systemCalls }
}

function row(name: CaseName): Row {
  const ratios = { cpuRatio: spreadOf([0.11]), wallRatio: spreadOf([0.12]) }
  const peer = { ...cost(820, 83), ...ratios }
  return {
    name,
    about: `the ${name} case`,
    pairs: 15,
    agent: cost(91, 61),
    peer,
    floor: { ...cost(1.4, 1), ...ratios },
  }
}

const rows = [row('steady'), row('writing')]
const stay = { checks: 2, cpuMs: spreadOf([20]), totalCpuMs: 40, residentMb: 59.4, privateMb: 12 }
const days = [
  ...cronDays(row('steady')),
  residentDay('idle-agent', 60, stay),
  residentDay('idle-agent', 3, { ...stay, totalCpuMs: 30, residentMb: 62 }),
  residentDay('autosuspend', 3, stay),
]
const calls: Report['calls'] = {
  steady: { checks: 100, ec2: 0, metadataAtMost: 2 },
  episodes: [{ metadataTags: true, checks: 5, ec2: 3, byAction: { 'api CreateTags': 2, 'api StopInstances': 1 } }],
}
const report: Report = {
  at: '2026-11-22T18:00:00.000Z',
  seconds: 421,
  machine: {
    executableMb: 113.4,
    cpu: 'Some CPU',
    cores: 2,
    memoryGb: 8,
    system: 'Some Linux 1',
    kernel: '6.1',
    agent: 'idle-agent 1.2.3',
    peer: 'bash 5.2, aws-cli/2.9',
    autosuspend: '4.2.0',
  },
  rows,
  days,
  calls,
  limits: limitsOf({ rows, days, calls }),
  skipped: ['the crowded machine: no root'],
}

test('what is told in short comes from the steady case and from the days', () => {
  const text = inShort(report).replaceAll('\n', ' ')
  expect(text).toContain(
    'takes 91 ms of CPU and 61 MB of memory while it runs, nothing between two checks. One every two minutes: 66 s of CPU a day, 0.08 % of one core. EC2 is asked 0 times in 100',
  )
  expect(text).toContain(
    'takes 9.1 times the CPU (median of 15 pairs). Resident (`run`): 14 s of CPU a day, 62 MB held,',
  )
  expect(text).toContain('checks every 60 s and 3 s. On disk: 113 MB for the executable; a check writes 6.5 kB there')
  expect(text).toContain(': 4.7 MB a day.')
  const { systemCalls: _, ...untraced } = cost(91, 61)
  expect(inShort({ ...report, rows: [{ ...row('steady'), agent: untraced }] })).toMatch(/executable\.$/)
  expect(() => inShort({ ...report, rows: [] })).toThrow('no steady check')
})

test('names machine, date, time, peers, calls, limits and what was left out on its page', () => {
  const text = page(report)
  const told = [
    'in 8 minutes',
    'measured over 2 checks every 60 s, 2 checks every 3 s',
    '2026-11-22',
    'Some CPU',
    '6.1',
    'idle-agent 1.2.3',
    'aws-cli/2.9',
    "Debian's 4.2.0",
    '|  | ratio to floor | 0.110 |',
    '| resident | autosuspend | 3 | 20 |',
    '2 CreateTags, 1 StopInstances',
    'FAIL  steady check: CPU: 91 ms',
    'FAIL  resident: memory between checks: 62 MB',
    'SKIPPED  the crowded machine: no root',
    inShort(report),
  ]
  expect(told.filter((words) => !text.includes(words))).toEqual([])
  expect(text).not.toMatch(/undefined|NaN/)
})

describe('README.md', () => {
  const readme = readFileSync('README.md', 'utf8')

  test('quotes docs/benchmarks.md to the letter', () => {
    const [, quote = ''] = /<!-- from docs\/benchmarks\.md [^\n]*\n([\s\S]+)\n<!-- end -->/.exec(readme) ?? []
    expect(quote).toContain('ms of CPU')
    expect(readFileSync('docs/benchmarks.md', 'utf8')).toContain(quote)
  })

  test('says of the files what docs/soak.md does', () => {
    const [, most = '', atMost = ''] =
      /^\| all files, kB \|[^|]*\|[^|]*\| ([\d.]+) \| ([\d.]+) \|/m.exec(readFileSync('docs/soak.md', 'utf8')) ?? []
    const [took, mayTake] = [most, atMost].map((kilobytes) => `${Number((Number(kilobytes) / 1000).toFixed(1))} MB`)
    expect(readme).toContain(`State, history and log may take ${mayTake};`)
    expect(readme).toContain(`they took ${took} at most.`)
  })

  test('is changed in that place and nowhere else', () => {
    const changed = withQuote(readme, 'one\ntwo')
    const lines = readme.split('\n')
    expect(changed.split('\n').filter((line) => !lines.includes(line))).toEqual(['one', 'two'])
    expect(withQuote(changed, inShort(report))).toContain(inShort(report))
    expect(() => withQuote('# idle-agent\n', 'one')).toThrow('no place')
  })
})
