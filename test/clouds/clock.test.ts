// The cloud's clock and its timers.

import { describe, expect, test } from 'vitest'
import { createClock } from './clock.ts'

describe('a manual clock', () => {
  test('stands still, then runs what came due in order and at its time', () => {
    const clock = createClock({ manual: true, start: 1000 })
    const seen: string[] = []
    clock.after(30, () => seen.push(`b@${String(clock.now())}`))
    clock.after(10, () => clock.after(5, () => seen.push(`nested@${String(clock.now())}`)))
    clock.after(10, () => seen.push('a'))
    expect(clock.now()).toBe(1000)
    clock.advance(9)
    expect(seen).toEqual([])
    clock.advance(1)
    expect(seen).toEqual(['a'])
    clock.advance(20)
    expect(seen).toEqual(['a', 'nested@1015', 'b@1030'])
  })

  test('a cancelled timer does not run, and time does not go back', () => {
    const clock = createClock({ manual: true, start: 0 })
    let ran = false
    clock.after(1, () => {
      ran = true
    })()
    clock.advance(10)
    expect(ran).toBe(false)
    expect(() => clock.advance(-1)).toThrow(RangeError)
  })
})

test('a running clock fires timers by itself and sooner when advanced', async () => {
  const clock = createClock()
  await new Promise<void>((resolve) => clock.after(1, resolve))
  let ran = false
  clock.after(3_600_000, () => {
    ran = true
  })
  clock.advance(3_600_000)
  expect(ran).toBe(true)
  expect(clock.now() - Date.now()).toBeGreaterThanOrEqual(3_599_000)
  clock.close()
})
