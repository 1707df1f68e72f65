/** Right configurations: the forms of the file, the defaults, the units, and what is legal but odd. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { settings } from '../../agent/config/options.ts'
import { loadConfig, locateConfig, policyOf } from '../../agent/config.ts'
import { createMemoryHost } from '../host/memory.ts'

const FILE = '/etc/idle-agent/config.yaml'
const source = { path: FILE, explicit: false }

function load(text: string) {
  return loadConfig(createMemoryHost({ files: { [FILE]: text } }), source)
}

function givenIn(loaded: Awaited<ReturnType<typeof load>>) {
  return Object.fromEntries(loaded.given.map(({ name, value }) => [name, value]))
}

describe('without a file', () => {
  test('every setting has the default of the design', async () => {
    const { config, given, warnings, cache } = await loadConfig(createMemoryHost(), source)
    expect({ given, warnings, cache }).toEqual({ given: [], warnings: [], cache: undefined })
    expect(config).toMatchObject({
      enabled: true,
      idleThresholdMs: 300_000,
      hibernateThresholdMs: 600_000,
      checkIntervalMs: 120_000,
      bootGraceMs: 600_000,
      notReadyMs: 600_000,
      unknownCeilingMs: 86_400_000,
      tagPrefix: 'CloudWorkstation',
      tagWindowMs: 0,
      protected: false,
      operatorTags: 'optional',
      allow: [],
      keepCeilingMs: 86_400_000,
      horizonMs: 900_000,
      source: 'defaults',
    })
    expect(config).not.toHaveProperty('action')
    expect(config.sensors['cpu']).toEqual({ enabled: true, limits: expect.objectContaining({ cores: 0.1 }) })
    expect(config.sensors['sessions']?.limits).toMatchObject({ connection_hold_minutes: 60, output_hold_minutes: 120 })
    expect(config.sensors['network']?.limits).toMatchObject({ in_bytes_per_second: 10_000, out_bytes_per_second: 5000 })
  })

  test('the action follows the cloud', async () => {
    const { config } = await loadConfig(createMemoryHost(), source)
    expect(policyOf(config, 'report').action).toBe('report')
    expect(policyOf(config, 'hibernate').action).toBe('hibernate')
  })
})

test.each(['hibernate', 'stop', 'report'] as const)(
  'action: %s overrules a cloud that has a driver',
  async (action) => {
    const { config } = await load(`idle_detection: { action: ${action} }`)
    expect(policyOf(config, 'report').action).toBe('report')
    expect(policyOf(config, 'hibernate').action).toBe(action)
  },
)

describe('forms of the file', () => {
  const block = 'idle_detection:\n  idle_threshold_minutes: 3\n'
  const cases = [
    { name: 'the block alone', text: block },
    { name: 'a byte order mark', text: `\uFEFF${block}` },
    { name: 'carriage returns', text: block.replaceAll('\n', '\r\n') },
    { name: 'comments and a document start', text: `# mine\n---\n${block}# end\n` },
    { name: 'JSON', text: '{"idle_detection": {"idle_threshold_minutes": 3}}' },
    { name: 'an anchor that nothing in the block uses', text: `x: &x 1\ny: *x\n${block}` },
    { name: 'tags of the template', text: `user_data: !Sub "x"\nbase: !Ref y\n${block}` },
    { name: 'a key that the template sets twice', text: `name: a\nname: b\n${block}` },
    { name: 'a near miss beside the block', text: `idle_detecton: 5\n${block}` },
    { name: 'a prototype beside the block', text: `__proto__: { idle_detection: 5 }\n${block}` },
    {
      name: 'a whole template',
      text: `name: x\ndescription: y\nbase: ubuntu\npackages:\n  system: [git]\nusers: [{name: a}]\n${block}user_data: |\n  #!/bin/sh\n`,
    },
  ]
  test.each(cases)('$name', async ({ text }) => {
    const loaded = await load(text)
    expect(givenIn(loaded)).toEqual({ idle_threshold_minutes: 3 })
    expect(loaded.warnings).toEqual([])
    expect(loaded.config).toMatchObject({ idleThresholdMs: 180_000, source: FILE })
  })

  test.each(['source-block.yaml', 'source-template.yaml'])('%s of the source description', async (name) => {
    const loaded = await load(readFileSync(new URL(`../fixtures/config/${name}`, import.meta.url), 'utf8'))
    expect(givenIn(loaded)).toEqual({
      enabled: true,
      idle_threshold_minutes: 5,
      hibernate_threshold_minutes: 10,
      check_interval_minutes: 2,
    })
    expect(loaded.warnings).toEqual([])
  })

  test('an empty block in braces means the defaults', async () => {
    const { config } = await load('idle_detection: {}\n')
    const defaults = await loadConfig(createMemoryHost(), source)
    expect(config).toEqual({ ...defaults.config, source: FILE })
  })
})

test('every setting can be given, at both of its bounds', async () => {
  for (const { name, path, option } of settings) {
    const values = option.type === 'number' ? [option.min, option.max] : option.type === 'choice' ? option.values : []
    for (const value of values) {
      const block: unknown = path.reduceRight((inner: unknown, key) => ({ [key]: inner }), value)
      // The other threshold follows, so that the pair stays in order.
      const pair = { idle_threshold_minutes: 0.05, hibernate_threshold_minutes: 10_080 }
      const text = JSON.stringify({ idle_detection: { ...pair, ...Object(block) } })
      expect(givenIn(await load(text)), text).toMatchObject({ [name]: value })
    }
  }
})

test.each([
  ['[]', []],
  ['[spot]', ['spot']],
  ['[scheduled-events, flexible-scale-set]', ['flexible-scale-set', 'scheduled-events']],
  ['[instance-store-data, spot, spot]', ['spot', 'instance-store-data']],
  ['\n    - standby\n', ['standby']],
])('allow: %s', async (text, allow) => {
  expect((await load(`idle_detection:\n  allow: ${text}`)).config.allow).toEqual(allow)
})

test('fractions of a minute become milliseconds', async () => {
  const { config } = await load('idle_detection: { idle_threshold_minutes: 0.1, hibernate_threshold_minutes: 0.3333 }')
  expect([config.idleThresholdMs, config.hibernateThresholdMs]).toEqual([6000, 19_998])
})

test('a zero with a sign is a zero', async () => {
  const { config } = await load('idle_detection: { boot_grace_minutes: -0 }')
  expect(Object.is(config.bootGraceMs, 0)).toBe(true)
})

test.each(['CloudWorkstation', 'a', 'team.x_y-z=1+2,3@4', 'a:b', 'awsome', 'x'.repeat(64)])(
  'the tag prefix %s',
  async (prefix) => {
    expect((await load(`idle_detection: { tag_prefix: "${prefix}" }`)).config.tagPrefix).toBe(prefix)
  },
)

describe('legal and odd', () => {
  const cases = [
    {
      name: 'checks further apart than the idle threshold',
      text: 'idle_detection:\n  check_interval_minutes: 6\n',
      warnings: [
        `${FILE}:2:3 idle_detection.check_interval_minutes: 6 is more than idle_threshold_minutes (5, the default): people on the machine are warned that much later`,
      ],
    },
    {
      name: 'checks further apart than both thresholds',
      text: 'idle_detection:\n  idle_threshold_minutes: 1\n  hibernate_threshold_minutes: 1.5\n',
      warnings: [
        `${FILE}:3:3 idle_detection.check_interval_minutes: 2 is more than hibernate_threshold_minutes (1.5): the machine stays up that much longer`,
      ],
    },
    {
      name: 'a threshold as long as a hold',
      text: 'idle_detection:\n  hibernate_threshold_minutes: 60\n',
      warnings: [
        `${FILE}:2:3 idle_detection.sensors.sessions.connection_hold_minutes: 60 has no effect: hibernate_threshold_minutes (60) is not shorter`,
        `${FILE}:2:3 idle_detection.sensors.editors.connection_hold_minutes: 60 has no effect: hibernate_threshold_minutes (60) is not shorter`,
        `${FILE}:2:3 idle_detection.sensors.desktops.connection_hold_minutes: 60 has no effect: hibernate_threshold_minutes (60) is not shorter`,
        `${FILE}:2:3 idle_detection.sensors.gpu.memory_hold_minutes: 60 has no effect: hibernate_threshold_minutes (60) is not shorter`,
        `${FILE}:2:3 idle_detection.sensors.notebooks.connection_hold_minutes: 60 has no effect: hibernate_threshold_minutes (60) is not shorter`,
      ],
    },
    {
      name: 'the same with the sensors switched off',
      text:
        'idle_detection:\n  hibernate_threshold_minutes: 60\n  sensors:\n' +
        ['sessions', 'editors', 'desktops', 'gpu', 'notebooks']
          .map((name) => `    ${name}: { enabled: false }\n`)
          .join(''),
      warnings: [],
    },
    {
      name: 'no grace',
      text: 'idle_detection:\n  boot_grace_minutes: 0\n',
      warnings: [
        `${FILE}:2:3 idle_detection.boot_grace_minutes: 0: a machine that was just started is judged before anybody can log in`,
      ],
    },
    {
      name: 'a setting beside the block',
      text: 'idle_detection: {}\nprotected: true\n',
      warnings: [`${FILE}:2:1 protected: stands beside idle_detection and has no effect there`],
    },
  ]
  test.each(cases)('$name', async ({ text, warnings }) => {
    expect((await load(text)).warnings).toEqual(warnings)
  })
})

describe('which file', () => {
  const cases = [
    { name: 'the flag first', flag: '/a', env: '/b', path: '/a', explicit: true },
    { name: 'then the environment', flag: undefined, env: '/b', path: '/b', explicit: true },
    { name: 'then the default', flag: undefined, env: undefined, path: FILE, explicit: false },
    { name: 'an empty variable is none', flag: undefined, env: '', path: FILE, explicit: false },
  ]
  test.each(cases)('$name', ({ flag, env, path, explicit }) => {
    const host = createMemoryHost({ env: env === undefined ? {} : { IDLE_AGENT_CONFIG: env } })
    expect(locateConfig(host, flag)).toEqual({ path, explicit })
  })
})
