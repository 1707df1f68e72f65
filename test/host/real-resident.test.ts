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

test('nothing is compiled for speed from then on', () => {
  const script = `
    import { resident } from '${process.cwd()}/agent/host/real-resident.ts'
    const hot = (n) => { let sum = 0; for (let i = 0; i < n; i++) sum += i % 7; return sum }
    if (process.argv[1] === 'little') resident.preferLittle()
    for (let i = 0; i < 2000; i++) hot(2000)`
  const traced = (...args: string[]) => {
    const argv = ['--trace-opt', '--input-type=module', '-e', script, ...args]
    const lines = execFileSync(process.execPath, argv, { encoding: 'utf8', env: {} }).split('\n')
    return lines.filter((line) => line.includes('completed') && line.includes('hot')).length
  }
  expect(traced()).toBeGreaterThan(0)
  expect(traced('little')).toBe(0)
})
