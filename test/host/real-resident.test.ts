/** What a process that stays gives back of its memory, in processes of their own: what is set there cannot be taken back. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

/** Prints resident memory, in MB, after 60 MB of garbage that V8 keeps, and again after what is to be done about it. */
function held(call: string): readonly [number, number, boolean] {
  const script = `
    import { resident } from '${process.cwd()}/agent/host/real-resident.ts'
    resident.preferLittle()
    let list = []
    for (let i = 0; i < 1_000_000; i++) list.push({ i, more: [i] })
    list = undefined
    const before = process.memoryUsage.rss()
    const more = ${call}
    console.log(JSON.stringify([before / 1e6, process.memoryUsage.rss() / 1e6, more]))`
  const argv = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', env: {} }))
}

test('more than is to be held goes back', () => {
  const [before, after, more] = held('resident.holdLess(1, {})')
  expect(more).toBe(true)
  expect(before).toBeGreaterThan(110)
  expect(after).toBeLessThan(before - 50)
})

test('as long as there is no more nothing is done', () => {
  const [before, after, more] = held('resident.holdLess(1e12, {})')
  expect(more).toBe(false)
  expect(after).toBeGreaterThan(before - 5)
})

/** What a program prints that is to hold less, as the executable would, while `underWay` is; its arguments are another program. */
function printed(underWay: string): string {
  const script = `
    import { spawn } from 'node:child_process'
    import { writeSync } from 'node:fs'
    import { registerHooks } from 'node:module'
    const sea = { url: 'data:text/javascript,export const isSea = () => true', shortCircuit: true }
    registerHooks({ resolve: (name, context, next) => (name === 'node:sea' ? sea : next(name, context)) })
    const { resident } = await import('${process.cwd()}/agent/host/real-resident.ts')
    ${underWay}
    resident.holdLess(1, { LEFT: 'left' })
    console.log('stayed')`
  const anew = ['--print', 'process.pid + " anew, " + process.env.LEFT + " and " + process.env.OWN']
  const argv = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script, 'name', ...anew]
  return execFileSync(process.execPath, argv, { encoding: 'utf8', env: { OWN: 'own' } })
}

test('what cannot be given back is left by beginning anew, in the same process, with its arguments and environment', () => {
  const [before, after] = printed(`writeSync(1, process.pid + '\\n')`).split('\n')
  expect(after).toBe(`${before} anew, left and own`)
})

test.each([
  [
    'a child that lives',
    `const child = spawn('sleep', ['60'], { stdio: 'ignore' }); process.on('exit', () => child.kill())`,
  ],
  [
    'a child that has ended and was not waited for',
    `spawn('true'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)`,
  ],
])('nothing begins anew beside %s', (_, underWay) => {
  expect(printed(`${underWay}\n    setTimeout(() => process.exit(), 100)`)).toBe('stayed\n')
})

test('nothing begins anew before everything is printed', () => {
  expect(printed(`process.stdout.write('x'.repeat(1_000_000))`)).toBe(`${'x'.repeat(1_000_000)}stayed\n`)
})

test('nothing is compiled for speed from then on', () => {
  const script = `
    import { resident } from '${process.cwd()}/agent/host/real-resident.ts'
    const hot = (n) => { let sum = 0; for (let i = 0; i < n; i++) sum += i % 7; return sum }
    if (process.argv[1] === 'little') resident.preferLittle()
    for (let i = 0; i < 2000; i++) hot(2000)`
  const traced = (...args: string[]) => {
    // Compiled in the thread that waits for it: in another, busy elsewhere, it might come too late to be told.
    const argv = ['--trace-opt', '--no-concurrent-recompilation', '--input-type=module', '-e', script, ...args]
    const lines = execFileSync(process.execPath, argv, { encoding: 'utf8', env: {} }).split('\n')
    return lines.filter((line) => line.includes('completed') && line.includes('hot')).length
  }
  expect(traced()).toBeGreaterThan(0)
  expect(traced('little')).toBe(0)
})
