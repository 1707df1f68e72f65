/** Whatever stands in the file: a configuration, or a UsageError with lines fit to print; nothing else, and always the same. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { allSettings } from '../../agent/config/lists.ts'
import { loadConfig } from '../../agent/config.ts'
import { UsageError } from '../../agent/errors.ts'
import { createMemoryHost } from '../host/memory.ts'

const FILE = '/etc/idle-agent/config.yaml'
const CACHE = '/state/config.json'
const source = { path: FILE, explicit: false, cachePath: CACHE }
const seed = 20_261_122

/** The problems, or `undefined` for a configuration, which then must come out of its compiled form unchanged. */
async function outcome(text: string): Promise<readonly string[] | undefined> {
  const host = createMemoryHost({ files: { [FILE]: text } })
  try {
    const { cache, ...fresh } = await loadConfig(host, source)
    host.files.write(CACHE, cache ?? '')
    expect(await loadConfig(host, source)).toEqual(fresh)
    return undefined
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    expect(error.problems.length).toBeGreaterThan(0)
    for (const problem of error.problems) {
      expect(problem).toMatch(/^\/etc\/idle-agent\/config\.yaml(:\d+:\d+ |: )/)
      expect(problem.replace(/ {2}idle_|for example:\n|\n {4}/g, '')).not.toMatch(/\p{Cc}|\p{Cf}/u)
    }
    return error.problems
  }
}

/** A block with settings that exist, values that may fit, and now and then something else. */
function blocks(): fc.Arbitrary<unknown> {
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.double({ min: 0, max: 100, noNaN: true }) },
    fc.boolean(),
    fc.constantFrom('hibernate', 'stop', 'report', 'optional', 'yes', '5', '5min', '', null),
    fc.double(),
    fc.constantFrom(
      [],
      ['eth0'],
      [{ name: 'train' }],
      [{ port: 8080 }, { port: 1 }],
      [{ argv: ['/bin/true'] }],
      [{ name: 5, x: [] }],
    ),
    fc.jsonValue({ maxDepth: 2 }),
  )
  const names = fc.subarray(allSettings.map(({ path }) => path))
  const entries = names.chain((paths) => fc.tuple(...paths.map((path) => fc.tuple(fc.constant(path), value))))
  return entries.map((pairs) => {
    const block: Record<string, unknown> = {}
    for (const [path, given] of pairs) put(block, path, given)
    return block
  })
}

function put(block: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path
  if (rest.length === 0) block[key] = value
  else {
    const inner = Object(block[key] ?? {})
    block[key] = inner
    put(inner, rest, value)
  }
}

/** Checks the property over `runs` texts, and that both outcomes came up at all. */
async function holds(texts: fc.Arbitrary<string>, expected: { readonly runs: number; readonly valid: boolean }) {
  let valid = 0
  let wrong = 0
  const property = fc.asyncProperty(texts, async (text) => {
    if ((await outcome(text)) === undefined) valid += 1
    else wrong += 1
  })
  await fc.assert(property, { seed, numRuns: expected.runs })
  expect(wrong).toBeGreaterThan(0)
  if (expected.valid) expect(valid).toBeGreaterThan(0)
}

test('any JSON', () => holds(fc.json({ maxDepth: 6 }), { runs: 2000, valid: false }))

test('any JSON value as the block', () =>
  holds(
    fc.jsonValue().map((idle_detection) => JSON.stringify({ idle_detection })),
    { runs: 2000, valid: false },
  ))

test('any text', () => holds(fc.string({ unit: 'binary', maxLength: 200 }), { runs: 2000, valid: false }))

test('any text below the block', () => {
  const piece = fc.constantFrom(
    ...'\n -:{}[]&*!|>"\'%@#?,~<=\t',
    '\n  ',
    ': ',
    'enabled',
    'true',
    '<<',
    '---',
    '\r\n',
    '5',
    '\u2028',
  )
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => `idle_detection:\n  ${pieces.join('')}`)
  return holds(text, { runs: 5000, valid: false })
})

test('settings with values of all kinds, as JSON and as YAML', { timeout: 120_000 }, async () => {
  const files = blocks().map((idle_detection) => ({ idle_detection }))
  await holds(
    files.map((file) => JSON.stringify(file)),
    { runs: 1500, valid: true },
  )
  await holds(
    files.map((file) => stringify(file)),
    { runs: 1500, valid: true },
  )
})

test('every problem of a block is told at once: mending those that are told leaves none', async () => {
  const wrong = allSettings.map(({ name, path, option }) => ({
    name,
    path,
    value: option.type === 'text' ? '/' : 'wrong',
  }))
  await fc.assert(
    fc.asyncProperty(fc.subarray(wrong, { minLength: 1 }), async (chosen) => {
      const block: Record<string, unknown> = {}
      for (const { path, value } of chosen) put(block, path, value)
      const problems = (await outcome(stringify({ idle_detection: block }))) ?? []
      const told = problems.map((line) => / idle_detection\.(\S+): /.exec(line)?.[1] ?? '')
      expect(told.toSorted()).toEqual(chosen.map(({ name }) => name).toSorted())
    }),
    { seed, numRuns: 300 },
  )
})
