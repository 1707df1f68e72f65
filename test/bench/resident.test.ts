// Following a program that stays: its CPU from check to check, what it waits for, and its end.
import { expect, test } from 'vitest'
import type { Command } from './processes.ts'
import { followStay } from './resident.ts'

const burn = `const burn = (ms) => { const from = process.cpuUsage()
  for (let used = 0; used < ms * 1000; ) { const { user, system } = process.cpuUsage(from); used = user + system } };`

/** Runs `body` as one check, and so on until it has been run so often. */
function program(body: string, times: number): Command {
  const script = `${burn} let n = 0; const check = () => { ${body}; console.log('check', process.pid)
    if (++n < ${times}) setTimeout(check, 10) }; check()`
  return { argv: [process.execPath, '-e', script], env: { PATH: '/usr/bin:/bin' } }
}

const options = {
  warmUps: 2,
  checks: 5,
  restMs: 20,
  isCheck: (line: string) => line.startsWith('check'),
  timeoutMs: 20_000,
  signal: new AbortController().signal,
}

test('tells what each check costs, without the start and the warm-up, and what is held', async () => {
  const stay = await followStay(
    program("if (n < 2) burn(300); else burn(20); if (n === 2) console.log('noise')", 99),
    options,
  )
  expect(stay.checks).toBe(5)
  expect(stay.cpuMs.min).toBeGreaterThan(19)
  expect(stay.cpuMs.max).toBeLessThan(250)
  expect(stay.totalCpuMs).toBeGreaterThan(95)
  expect(stay.totalCpuMs).toBeLessThan(600)
  expect(stay.privateMb).toBeGreaterThan(1)
  expect(stay.residentMb).toBeGreaterThan(stay.privateMb)
})

test('counts the children that it waited for', async () => {
  const child = `require('node:child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(`${burn} burn(100)`)}])`
  const stay = await followStay(program(child, 99), { ...options, checks: 2 })
  expect(stay.totalCpuMs).toBeGreaterThan(180)
})

test('counts threads that have ended', async () => {
  const thread = JSON.stringify(`${burn} burn(100)`)
  const script = `const { Worker } = require('node:worker_threads'); const next = () => new Worker(${thread}, { eval: true })
    .on('exit', () => { console.log('check'); next() }); next()`
  const command: Command = { argv: [process.execPath, '-e', script], env: {} }
  const stay = await followStay(command, { ...options, checks: 2 })
  expect(stay.totalCpuMs).toBeGreaterThan(180)
})

test('ends the program', async () => {
  let pid = 0
  await followStay(program('', 1e9), {
    ...options,
    isCheck(line) {
      pid = Number(line.split(' ')[1])
      return true
    },
  })
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('ends it when it is told to', async () => {
  const ending = new AbortController()
  const isCheck = (): boolean => {
    ending.abort()
    return true
  }
  const followed = followStay(program('', 1e9), { ...options, checks: 1e9, isCheck, signal: ending.signal })
  await expect(followed).rejects.toThrow(/ended after \d+ checks/)
})

test('rejects where it ends by itself, where a check fails, and where it takes too long', async () => {
  await expect(followStay(program('', 3), options)).rejects.toThrow('ended after 3 checks')
  const failing = {
    ...options,
    isCheck: () => {
      throw new Error('this check failed')
    },
  }
  await expect(followStay(program('', 99), failing)).rejects.toThrow('this check failed')
  await expect(followStay(program('', 99), { ...options, isCheck: () => false, timeoutMs: 300 })).rejects.toThrow(
    'ended after 0 checks',
  )
})
