// The cached Debian is told by what it is made of.
import { expect, test } from 'vitest'
import { rootfsName } from './rootfs.ts'

test('another list of packages is another tree', () => {
  expect(rootfsName(['a', 'b'])).toMatch(/^rootfs-[0-9a-f]{12}$/)
  expect(rootfsName(['a', 'b'])).toBe(rootfsName(['a', 'b']))
  const others = [['a'], ['b', 'a'], ['ab'], []].map((list) => rootfsName(list))
  expect(new Set([rootfsName(['a', 'b']), ...others]).size).toBe(5)
})
