/** The compiled configuration: as good as the file, used only while it is true, and loaded without parser and schema. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../agent/config.ts'
import { createMemoryHost } from '../host/memory.ts'

const FILE = '/etc/idle-agent/config.yaml'
const CACHE = '/var/lib/idle-agent/config.json'
const source = { path: FILE, explicit: false, cachePath: CACHE }
const text =
  'name: x\nidle_detection:\n  action: stop\n  check_interval_minutes: 6\n  sensors: { cpu: { cores: 0.5 } }\n'

async function compiled(): Promise<string> {
  const { cache } = await loadConfig(createMemoryHost({ files: { [FILE]: text } }), source)
  if (cache === undefined) throw new Error('nothing to keep')
  return cache
}

/** Loads with `cache` lying there; `cache` in the answer tells that it was not used. */
function loadWith(cache: string, file = text) {
  return loadConfig(createMemoryHost({ files: { [FILE]: file, [CACHE]: cache } }), source)
}

test('a cached configuration equals a fresh one', async () => {
  const { cache, ...fresh } = await loadConfig(createMemoryHost({ files: { [FILE]: text } }), source)
  const cached = await loadWith(cache ?? '')
  expect(cached).toEqual(fresh)
  expect(cached.warnings.length).toBe(1)
  expect(cached.config.sensors['cpu']?.limits['cores']).toBe(0.5)
})

const lists = `idle_detection:
  processes:
    - { name: "train*", user: ann, min_cpu_cores: 0.5 }
    - { name: rsync }
  commands: [{ argv: [/opt/probe, "--key", ""], timeout_seconds: 2 }]
  services: [{ port: 2049, loopback: true, ignore_clients: [10.0.0.0/8, "::1"] }]
  ignore: { programs: [our-agent], interfaces: [eth*], disks: [], units: [nightly@a.service] }
`

test('a cached configuration with lists equals a fresh one', async () => {
  const { cache, ...fresh } = await loadConfig(createMemoryHost({ files: { [FILE]: lists } }), source)
  const cached = await loadWith(cache ?? '', lists)
  expect(cached).toEqual(fresh)
  expect(Object.fromEntries(cached.config.lists)).toMatchObject({
    processes: [{ name: 'train*', user: 'ann', min_cpu_cores: 0.5 }, { name: 'rsync' }],
    commands: [{ argv: ['/opt/probe', '--key', ''], timeout_seconds: 2 }],
    'ignore.interfaces': ['eth*'],
  })
})

test('is offered, not written', async () => {
  const written: string[] = []
  const host = createMemoryHost({ files: { [FILE]: text }, onMutation: ({ path }) => written.push(path) })
  expect((await loadConfig(host, source)).cache).toBeTypeOf('string')
  expect((await loadConfig(host, { path: FILE, explicit: false })).cache).toBeUndefined()
  expect(written).toEqual([])
})

test('is not used for another text', async () => {
  const loaded = await loadWith(await compiled(), text.replace('stop', 'report'))
  expect(loaded.config.action).toBe('report')
  expect(loaded.cache).toBeTypeOf('string')
})

test('is not used for a text that differs in a comment only, and whose lines so differ', async () => {
  const loaded = await loadWith(await compiled(), `# new\n${text}`)
  expect(loaded.given.find(({ name }) => name === 'action')?.line).toBe(4)
})

test('is not used without its file', async () => {
  const loaded = await loadConfig(createMemoryHost({ files: { [CACHE]: await compiled() } }), source)
  expect(loaded.config.source).toBe('defaults')
})

test('holds the version and the commit', async () => {
  expect(JSON.parse(await compiled())).toMatchObject({ build: '0.0.0-test 000000000000', path: FILE, text })
})

describe('is not used', () => {
  // Each edit also plants a value that would show if the edited file were believed.
  const cases: readonly { readonly name: string; readonly edit: Readonly<Record<string, unknown>> }[] = [
    { name: 'when another version made it', edit: { build: '0.0.1-test 000000000000' } },
    { name: 'when another commit made it', edit: { build: '0.0.0-test 000000000001' } },
    { name: 'without a version', edit: { build: undefined } },
    { name: 'for another path', edit: { path: '/tmp/other.yaml' } },
    { name: 'with an unknown setting', edit: { given: [{ name: 'no_such', value: 1, line: 1, column: 1 }] } },
    {
      name: 'with a value out of range',
      edit: { given: [{ name: 'sensors.cpu.cores', value: 1e9, line: 1, column: 1 }] },
    },
    { name: 'with a value of another type', edit: { given: [{ name: 'enabled', value: 'no', line: 1, column: 1 }] } },
    {
      name: 'with an action that does not exist',
      edit: { given: [{ name: 'action', value: 'x', line: 1, column: 1 }] },
    },
    {
      name: 'with a prefix that is not legal',
      edit: { given: [{ name: 'tag_prefix', value: '/', line: 1, column: 1 }] },
    },
    ...[
      { name: 'a list that is none', list: 'processes', value: { name: 'x' } },
      { name: 'an entry that is none', list: 'processes', value: ['x'] },
      { name: 'an entry without what it needs', list: 'processes', value: [{}] },
      { name: 'an entry with more than it can have', list: 'processes', value: [{ name: 'x', shell: 'y' }] },
      { name: 'an entry out of range', list: 'services', value: [{ port: 70_000 }] },
      { name: 'a command in one text', list: 'commands', value: [{ argv: 'reboot' }] },
      { name: 'a command without a program', list: 'commands', value: [{ argv: [] }] },
      { name: 'a text that does not fit', list: 'ignore.units', value: ['x'] },
      { name: 'too many texts', list: 'ignore.disks', value: Array.from({ length: 65 }, () => 'sda') },
    ].map(({ name, list, value }) => ({
      name: `with ${name}`,
      edit: { given: [{ name: list, value, line: 1, column: 1 }] },
    })),
    { name: 'with a setting without a line', edit: { given: [{ name: 'enabled', value: false }] } },
    { name: 'without settings', edit: { given: undefined } },
    { name: 'with settings that are no list', edit: { given: { length: 0 } } },
    { name: 'with warnings that are no text', edit: { warnings: [1] } },
  ]
  test.each(cases)('$name', async ({ edit }) => {
    const planted = { given: [{ name: 'action', value: 'hibernate', line: 1, column: 1 }] }
    const loaded = await loadWith(JSON.stringify({ ...JSON.parse(await compiled()), ...planted, ...edit }))
    expect(loaded.cache).toBeTypeOf('string')
    expect(loaded.config.action).toBe('stop')
  })

  test.each(['', '{', 'null', '5', '[]', '"x"', '\0'])('when it holds %j', async (cache) => {
    expect((await loadWith(cache)).config.action).toBe('stop')
  })

  test('when it cannot be read', async () => {
    const host = createMemoryHost({ files: { [FILE]: text, [CACHE]: await compiled() } })
    host.files.failing.set(CACHE, 'permission denied')
    const loaded = await loadConfig(host, source)
    expect(loaded.cache).toBeTypeOf('string')
    expect(loaded.config.action).toBe('stop')
  })
})

describe('the hot path', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-hot-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** Packages that a process of its own loads for one load of the configuration. */
  function packagesLoaded(file: string, cachePath: string): { packages: readonly string[]; cache: string | undefined } {
    const script = join(import.meta.dirname, 'load-in-child.ts')
    const { stdout, stderr, status } = spawnSync(process.execPath, [script, file, cachePath], {
      encoding: 'utf8',
      env: {},
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    return JSON.parse(stdout)
  }

  test('loads neither parser nor schema; the cold one loads both', () => {
    const [file, cachePath] = [join(folder, 'config.yaml'), join(folder, 'config.json')]
    writeFileSync(file, text)
    const cold = packagesLoaded(file, cachePath)
    expect(cold.packages).toEqual(['yaml', 'zod'])
    writeFileSync(cachePath, cold.cache ?? '')
    expect(packagesLoaded(file, cachePath)).toEqual({ packages: [] })
  })

  test('without a file loads neither', () => {
    expect(packagesLoaded(join(folder, 'none.yaml'), join(folder, 'none.json'))).toEqual({ packages: [] })
  })

  test('reaches no package statically in the bundle', async () => {
    const { metafile } = await build({
      entryPoints: ['agent/config.ts'],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      metafile: true,
      write: false,
      logLevel: 'silent',
    })
    const reached = new Set(['agent/config.ts'])
    for (const path of reached) {
      for (const one of metafile.inputs[path]?.imports ?? []) {
        if (one.kind !== 'dynamic-import' && one.external !== true) reached.add(one.path)
      }
    }
    expect([...reached].filter((path) => path.includes('node_modules'))).toEqual([])
    expect(Object.keys(metafile.inputs).some((path) => path.includes('node_modules/zod'))).toBe(true)
  })
})
