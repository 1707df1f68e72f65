// `make weigh` measures every module of the executable in real processes, and says which of them every check loads.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ownerOf, sharesOf, tables } from '../../tools/weigh.ts'

const Weighed = z.object({
  modules: z.array(
    z.object({
      name: z.string(),
      ms: z.number(),
      everyCheck: z.boolean(),
      bytes: z.number(),
      cacheBytes: z.number(),
    }),
  ),
  shares: z.array(z.object({ name: z.string(), bytes: z.number(), hotBytes: z.number() })),
})

test('bytes and milliseconds of each module', { timeout: 90_000 }, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/weigh.ts', '--json', '--runs', '3'], {
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const { modules, shares } = Weighed.parse(JSON.parse(stdout))
  const find = (name: string) => modules.find((one) => one.name.split(' ')[0] === name)
  const titles = modules.map(({ name }) => name.replace(/ and \d+ more$/, ''))
  expect(titles.filter((title, at) => titles.indexOf(title) < at)).toEqual([])
  for (const { ms } of modules) expect(ms).toBeGreaterThanOrEqual(0)
  expect(find('agent/main.ts')).toMatchObject({ everyCheck: true })
  expect(find('agent/commands/check.ts')).toMatchObject({ everyCheck: true })
  expect(find('node:http')).toMatchObject({ everyCheck: true, bytes: 0 })
  expect(find('node:crypto')).toMatchObject({ everyCheck: false })
  expect(find('agent/clouds/aws-sdk.ts')).toMatchObject({ everyCheck: false })
  // The heaviest of all: more than noise, wherever it is measured.
  expect(find('systeminformation/lib/index.js')?.ms).toBeGreaterThan(
    find('agent/parse.ts')?.ms ?? Number.POSITIVE_INFINITY,
  )
  const sdk = shares.find(({ name }) => name === '@aws-sdk/client-ec2')
  expect(sdk).toMatchObject({ hotBytes: 0 })
  expect(sdk?.bytes, 'tools/shake.ts no longer knows the form of its schemas').toBeLessThan(60_000)
})

test.each([
  ['agent/agent.ts', 'agent/agent.ts'],
  ['node_modules/yaml/dist/x.js', 'yaml'],
  ['../../elsewhere/node_modules/@smithy/core/dist/x.js', '@smithy/core'],
  ['node_modules/a/node_modules/b/x.js', 'b'],
])('%s belongs to %s', (path, owner) => {
  expect(ownerOf(path)).toBe(owner)
})

test('adds up what an owner has in several chunks, hot and not, and leaves out what came to nothing', () => {
  const output = { bytes: 0, exports: [], imports: [] }
  const shares = sharesOf({
    outputs: {
      'main.js': {
        ...output,
        entryPoint: 'agent/main.ts',
        inputs: { 'node_modules/a/1.js': { bytesInOutput: 5 }, 'agent/types.ts': { bytesInOutput: 0 } },
      },
      'rare.js': {
        ...output,
        inputs: { 'node_modules/a/2.js': { bytesInOutput: 7 }, 'agent/b.ts': { bytesInOutput: 20 } },
      },
    },
  })
  expect(shares).toEqual([
    { name: 'agent/b.ts', bytes: 20, hotBytes: 0 },
    { name: 'a', bytes: 12, hotBytes: 5 },
  ])
})

test('prints the sums of all, and the heaviest only', () => {
  const module = { ms: 2, everyCheck: true, bytes: 3000, cacheBytes: 10 }
  const modules = [
    { ...module, name: 'slow.ts' },
    { ...module, name: 'quick.ts', ms: 1, everyCheck: false },
  ]
  const shares = [
    { name: 'large', bytes: 5000, hotBytes: 0 },
    { name: 'small', bytes: 1000, hotBytes: 1000 },
  ]
  const lines = tables(modules, shares, 1)
    .split('\n')
    .map((text) => text.trim().replace(/ +/g, ' '))
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^3\.0 6,000 20 2 all/),
      '2.0 3,000 10 1 what every check loads',
      '2.00 3,000 10 loads it slow.ts',
      '6,000 1,000 all of them',
      '5,000 large',
    ]),
  )
  expect(lines.filter((text) => text === 'and 1 more')).toHaveLength(2)
  expect(tables(modules, shares, 2)).toContain('small')
})
