// Limits, and what the bench writes down.
import { describe, expect, test } from 'vitest'
import { spreadOf } from './figures.ts'
import { holds, limitsOf } from './limits.ts'
import type { CaseName, Cost, Row } from './measure-cases.ts'
import { costTable, limitLine, page, type Report, terminalTable } from './report.ts'

function cost(cpuMs: number, peakMb: number): Cost {
  const spread = spreadOf([cpuMs])
  return {
    cpuMs: spread,
    userMs: spread,
    systemMs: spread,
    wallMs: spread,
    peakMb: spreadOf([peakMb]),
    systemCalls: { calls: 100, filesOpened: 10, bytesRead: 5000 },
  }
}

function row(name: CaseName, cpuMs: number, peakMb = 60): Row {
  const ratio = spreadOf([cpuMs / 800])
  const sides = { agent: cost(cpuMs, peakMb), peer: cost(800, 83) }
  return { name, about: `the ${name} case`, pairs: 15, ...sides, cpuRatio: ratio, wallRatio: ratio }
}

const quiet: Report['calls'] = {
  steady: { checks: 100, ec2: 0, metadataAtMost: 2 },
  episodes: [{ metadataTags: true, checks: 5, ec2: 3, byAction: { 'api CreateTags': 2, 'api StopInstances': 1 } }],
}

function failures(rows: readonly Row[], calls = quiet): readonly string[] {
  return limitsOf(rows, calls)
    .filter((limit) => !holds(limit))
    .map(({ what }) => what)
}

describe('limits', () => {
  const good = [row('steady', 60), row('writing', 150)]

  test('hold for a run within all of them', () => {
    expect(failures(good)).toEqual([])
  })

  test('of a crowded machine hold where there is one', () => {
    expect(failures([...good, row('crowded', 400, 110)])).toEqual([])
    expect(failures([...good, row('crowded', 501, 121)])).toEqual([
      expect.stringContaining('crowded machine: CPU'),
      expect.stringContaining('crowded machine: peak memory'),
    ])
  })

  test('are part of the limit', () => {
    expect(failures([row('steady', 80, 80), row('writing', 200)])).toEqual([])
  })

  test.each([
    { rows: [row('steady', 81), row('writing', 150)], failed: ['CPU beside the peer', 'CPU'] },
    { rows: [row('steady', 60, 81), row('writing', 150)], failed: ['peak memory'] },
    { rows: [row('steady', 60), row('writing', 201)], failed: ['writing check'] },
    { rows: good, calls: { ...quiet, steady: { ...quiet.steady, ec2: 1 } }, failed: ['EC2 calls in 100'] },
    { rows: good, calls: { ...quiet, steady: { ...quiet.steady, metadataAtMost: 3 } }, failed: ['metadata requests'] },
    {
      rows: good,
      calls: { ...quiet, episodes: [...quiet.episodes, { metadataTags: false, checks: 5, ec2: 5, byAction: {} }] },
      failed: ['tags in metadata off'],
    },
  ])('report $failed', ({ rows, calls, failed }) => {
    expect(failures(rows, calls)).toEqual(failed.map((words) => expect.stringContaining(words)))
  })

  test('cannot be checked for a case that was not measured', () => {
    expect(() => limitsOf([row('steady', 60)], quiet)).toThrow('no case writing')
  })

  test('say pass or FAIL first', () => {
    const limit = { what: 'CPU', atMost: 80, unit: 'ms' }
    expect(limitLine({ ...limit, measured: 79.5 })).toBe('pass  CPU: 79.5 ms, at most 80')
    expect(limitLine({ ...limit, measured: 80.01 })).toBe('FAIL  CPU: 80.01 ms, at most 80')
  })
})

describe('the report', () => {
  test('has a line for each side and one for the ratio', () => {
    const lines = terminalTable(costTable([row('steady', 60)])).split('\n')
    expect(lines.map((line) => line.trim().split(/ {2,}/).slice(0, 3))).toEqual([
      ['case', 'who', 'CPU ms'],
      ['steady', 'idle-agent', '60'],
      ['peer', '800', '800 - 800'],
      ['ratio', '0.075', '0.075 - 0.075'],
    ])
  })

  test('shows a dash where strace may not be used', () => {
    const { systemCalls: _, ...untraced } = cost(60, 60)
    const table = costTable([{ ...row('steady', 60), agent: untraced }])
    expect([table[1]?.slice(-3), table[3]?.slice(-3)]).toEqual([
      ['-', '-', '-'],
      ['-', '-', '-'],
    ])
  })

  test('names machine, date, peer, calls and limits on its page', () => {
    const rows = [row('steady', 90), row('writing', 150)]
    const machine = {
      cpu: 'Some CPU',
      cores: 2,
      memoryGb: 8,
      system: 'Some Linux 1',
      kernel: '6.1',
      agent: 'idle-agent 1.2.3',
      peer: 'bash 5.2, aws-cli/2.9',
    }
    const report = { at: '2026-11-22T18:00:00.000Z', machine, rows, calls: quiet, limits: limitsOf(rows, quiet) }
    const text = page(report)
    const told = [
      '2026-11-22',
      'Some CPU',
      '6.1',
      'idle-agent 1.2.3',
      'aws-cli/2.9',
      '2 CreateTags, 1 StopInstances',
      'FAIL  steady check: CPU: 90 ms',
    ]
    expect(told.filter((words) => !text.includes(words))).toEqual([])
    expect(text).not.toMatch(/undefined|NaN/)
  })
})
