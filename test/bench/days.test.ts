// A day of checks, from what one check or some minutes of a program that stays have cost.
import { expect, test } from 'vitest'
import { cronDays, residentDay } from './days.ts'
import { spreadOf } from './figures.ts'
import type { Cost, Row } from './measure-cases.ts'

function cost(cpuMs: number): Cost {
  const [cpu, other] = [spreadOf([cpuMs - 1, cpuMs, cpuMs + 50]), spreadOf([1])]
  return { cpuMs: cpu, userMs: other, systemMs: other, wallMs: other, peakMb: other }
}

const ratio = spreadOf([1])
const row: Row = {
  name: 'steady',
  about: '',
  pairs: 3,
  agent: cost(100),
  peer: { ...cost(1000), cpuRatio: ratio, wallRatio: ratio },
}

test('cron starts 720 checks a day, each of the median, and holds nothing between them', () => {
  expect(cronDays(row)).toMatchObject([
    { who: 'idle-agent', mode: 'cron', checkMs: { min: 99, max: 150 }, cpuSeconds: 72, residentMb: 0 },
    { who: 'peer', mode: 'cron', cpuSeconds: 720, privateMb: 0 },
  ])
})

test('the floor is there where it was measured', () => {
  const floor = { ...cost(2), cpuRatio: ratio, wallRatio: ratio }
  expect(cronDays({ ...row, floor })[2]).toMatchObject({ who: 'floor', cpuSeconds: 1.44 })
})

test('a program that stays costs 720 times what it took from one check to the next, on average', () => {
  const stay = { checks: 4, cpuMs: spreadOf([10, 10, 10, 50]), totalCpuMs: 80, residentMb: 60, privateMb: 12 }
  expect(residentDay('idle-agent', 60, stay)).toMatchObject({
    who: 'idle-agent',
    mode: 'resident',
    intervalSeconds: 60,
    checkMs: { median: 10 },
    cpuSeconds: 14.4,
    residentMb: 60,
    privateMb: 12,
  })
})
