/** Whom /etc/subuid gives an id to is the one behind it. */
import { expect, it } from 'vitest'
import { usersBehind } from '../../agent/leases/subordinate.ts'
import { createMemoryHost } from '../host/memory.ts'

const subuid = 'alice:100000:65536\nbob:165536:65536\n1003:300000:10\nldap:400000:10\nbroken:x:y\n\n'
const passwd = 'root:x:0:0::/root:/bin/sh\nalice:x:1001:1001::/home/alice:/bin/sh\nbob:x:1002:1002:::\n'

it.each([
  [1001, 1001],
  [65_535, 65_535],
  [99_999, 99_999],
  [100_000, 1001],
  [165_535, 1001],
  [165_536, 1002],
  [300_009, 1003],
  [300_010, 300_010],
  [400_005, 400_000],
])('%i is %i', async (uid, user) => {
  const host = createMemoryHost({ files: { '/etc/subuid': subuid, '/etc/passwd': passwd } })
  expect((await usersBehind(host, new Set([uid]))).get(uid)).toBe(user)
})

it('is read only where an id may be one, and need not be there', async () => {
  const host = createMemoryHost()
  host.files.failing.set('/etc/subuid', 'broken')
  expect((await usersBehind(host, new Set([1001]))).get(1001)).toBe(1001)
  await expect(usersBehind(host, new Set([100_001]))).rejects.toThrow('broken')
  host.files.failing.clear()
  expect((await usersBehind(host, new Set([100_001]))).get(100_001)).toBe(100_001)
})
