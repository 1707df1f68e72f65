// Limits, and what the bench writes down.
import { describe, expect, test } from 'vitest'
import { type Day, residentDay } from './days.ts'
import { spreadOf } from './figures.ts'
import { holds, limitsOf } from './limits.ts'
import type { CaseName, Cost, Row } from './measure-cases.ts'
import { costTable, dayTable, limitLine, missedLine, type Report, terminalTable } from './report.ts'

function cost(cpuMs: number, peakMb: number): Cost {
  const spread = spreadOf([cpuMs])
  return {
    cpuMs: spread,
    userMs: spread,
    systemMs: spread,
    wallMs: spread,
    peakMb: spreadOf([peakMb]),
    systemCalls: { calls: 100, filesOpened: 10, bytesRead: 5000, bytesWritten: 2345, bytesStored: 1200 },
  }
}

function row(name: CaseName, cpuMs: number, peakMb = 60): Row {
  const ratio = spreadOf([cpuMs / 800])
  const peer = { ...cost(800, 83), cpuRatio: ratio, wallRatio: ratio }
  return { name, about: `the ${name} case`, pairs: 15, agent: cost(cpuMs, peakMb), peer }
}

/** Of a program that uses so much for two checks, and holds so much. */
function resident(totalCpuMs: number, residentMb: number): Day {
  const cpuMs = spreadOf([totalCpuMs / 2])
  return residentDay('idle-agent', 60, { checks: 2, cpuMs, totalCpuMs, residentMb, privateMb: 12 })
}

const quiet: Report['calls'] = {
  steady: { checks: 100, ec2: 0, metadataAtMost: 2 },
  episodes: [{ metadataTags: true, checks: 5, ec2: 3, byAction: { 'api CreateTags': 2, 'api StopInstances': 1 } }],
}

function failures(rows: readonly Row[], calls = quiet, days = [resident(50, 60)]): readonly string[] {
  return limitsOf({ rows, calls, days })
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
    {
      rows: [row('steady', 81), row('writing', 150)],
      failed: ['CPU beside the peer', 'wall time beside the peer', 'CPU'],
    },
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

  test.each([
    { days: [resident(50, 60), resident(50, 60.1)], failed: ['resident: memory'] },
    { days: [resident(56, 50), resident(50, 50)], failed: ['resident: CPU a day'] },
  ])('report $failed', ({ days, failed }) => {
    expect(failures(good, quiet, days)).toEqual(failed.map((words) => expect.stringContaining(words)))
  })

  test('cannot be checked for a case that was not measured', () => {
    const days = [resident(50, 60)]
    expect(() => limitsOf({ rows: [row('steady', 60)], calls: quiet, days })).toThrow('no case writing')
    expect(() => limitsOf({ rows: good, calls: quiet, days: [] })).toThrow('resident mode was not measured')
  })

  test('say pass or FAIL first', () => {
    const limit = { what: 'CPU', atMost: 80, unit: 'ms' }
    expect(limitLine({ ...limit, measured: 79.5 })).toBe('pass  CPU: 79.5 ms, at most 80')
    expect(limitLine({ ...limit, measured: 80.01 })).toBe('FAIL  CPU: 80.01 ms, at most 80')
  })
})

test('the last line says how many limits were missed, and which', () => {
  const calls = { ...quiet, steady: { ...quiet.steady, metadataAtMost: 3 } }
  const limits = limitsOf({ rows: [row('steady', 60, 81), row('writing', 150)], days: [resident(50, 60)], calls })
  expect(missedLine(limits)).toBe(
    '2 of 10 limits missed: steady check: peak memory; metadata requests in a steady check',
  )
  expect(missedLine(limits.filter(holds))).toBe('All 8 limits hold')
})

describe('the tables', () => {
  test('have a line for each side and one for the ratio', () => {
    const lines = terminalTable(costTable([row('steady', 60)])).split('\n')
    expect(lines.map((line) => line.trim().split(/ {2,}/).slice(0, 3))).toEqual([
      ['case', 'who', 'CPU ms'],
      ['steady', 'idle-agent', '60'],
      ['peer', '800', '800 - 800'],
      ['ratio to peer', '0.075', '0.075 - 0.075'],
    ])
  })

  test('have the floor where it was measured, with a digit more', () => {
    const ratio = spreadOf([28.57, 30, 31])
    const floor = { ...cost(2.1, 1), cpuRatio: ratio, wallRatio: ratio }
    const lines = costTable([{ ...row('steady', 60), floor }]).slice(4)
    expect(lines.map((line) => line.slice(1, 4))).toEqual([
      ['floor', '2.1', '2.1 - 2.1'],
      ['ratio to floor', '30', '29 - 31'],
    ])
  })

  test('have no ratio to nothing', () => {
    const systemCalls = { calls: 10, filesOpened: 0, bytesRead: 0, bytesWritten: 10, bytesStored: 0 }
    const peer = { ...row('steady', 60).peer, systemCalls }
    expect(costTable([{ ...row('steady', 60), peer }])[3]?.slice(-4)).toEqual(['10', '-', '-', '235'])
  })

  test('show a dash where strace may not be used', () => {
    const { systemCalls: _, ...untraced } = cost(60, 60)
    const table = costTable([{ ...row('steady', 60), agent: untraced }])
    expect([table[1]?.slice(-4), table[3]?.slice(-4)]).toEqual([
      ['-', '-', '-', '-'],
      ['-', '-', '-', '-'],
    ])
  })

  test('show what is read and written in thousands of bytes', () => {
    expect(costTable([row('steady', 60)])[1]?.slice(-2)).toEqual(['5.0', '2.3'])
  })

  test('have a line for each way of being run', () => {
    expect(dayTable([resident(50, 60)]).slice(1)).toEqual([
      ['resident', 'idle-agent', '60', '25', '25 - 25', '18', '60', '12'],
    ])
  })
})
