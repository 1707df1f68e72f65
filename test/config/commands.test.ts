/** `config check`, `config show`, `config schema`: what they print and how they end. */
import { describe, expect, test } from 'vitest'
import { config } from '../../agent/commands/config.ts'
import { allSettings, sentence } from '../../agent/config/lists.ts'
import { UsageError } from '../../agent/errors.ts'
import { createMemoryHost } from '../host/memory.ts'
import { contextFor } from './context.ts'

const FILE = '/etc/idle-agent/config.yaml'
const OTHER = '/tmp/other.yaml'

async function run(
  args: readonly string[],
  options: { files?: Record<string, string>; json?: boolean; config?: string } = {},
) {
  const { files = {}, json = false } = options
  const { context, lines } = contextFor(createMemoryHost({ files }), { json, config: options.config }, args)
  return { status: await config(context), lines }
}

describe('check', () => {
  test('says that a file is valid', async () => {
    expect(await run(['check'], { files: { [FILE]: 'idle_detection: {}' } })).toEqual({
      status: 0,
      lines: [`${FILE}: valid`],
    })
  })

  test('says that there is no file', async () => {
    expect(await run(['check'])).toEqual({ status: 0, lines: [`${FILE}: no such file, the defaults apply`] })
  })

  test('takes the file that was named, and refuses one that is not there', async () => {
    const files = { [OTHER]: 'idle_detection: {}' }
    expect(await run(['check'], { files, config: OTHER })).toEqual({ status: 0, lines: [`${OTHER}: valid`] })
    await expect(run(['check'], { config: OTHER })).rejects.toThrow(new UsageError(`${OTHER}: no such file`))
  })

  test('prints warnings after the verdict', async () => {
    const files = { [FILE]: 'idle_detection:\n  boot_grace_minutes: 0\n' }
    const warning = `${FILE}:2:3 idle_detection.boot_grace_minutes: 0: a machine that was just started is judged before anybody can log in`
    expect((await run(['check'], { files })).lines).toEqual([`${FILE}: valid`, `warning: ${warning}`])
    const { lines } = await run(['check'], { files, json: true })
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { schema: 'idle-agent.config-check.v1', file: FILE, valid: true, problems: [], warnings: [warning] },
    ])
  })

  test.each([
    [
      'processes: [{ name: "*" }]',
      ['idle_detection.processes: the name "*" fits every program, and the machine always stays up'],
    ],
    ['processes: [{ name: "*", min_cpu_cores: 1 }, { name: "*", user: root }]', []],
    ['ignore: { interfaces: ["*"] }', ['idle_detection.ignore.interfaces: "*" leaves out all there are']],
    [
      'ignore: { disks: ["**"], interfaces: ["veth*"] }',
      ['idle_detection.ignore.disks: "**" leaves out all there are'],
    ],
    [
      'ignore: { programs: ["our*"] }',
      ['idle_detection.ignore.programs: "our*" is a whole name, in which * stands for itself'],
    ],
  ])('warns of what is hardly meant: %s', async (block, warnings) => {
    const { lines } = await run(['check'], { files: { [FILE]: `idle_detection: { ${block} }` }, json: true })
    const told: unknown = JSON.parse(lines[0] ?? '')
    expect(told).toMatchObject({ valid: true, warnings: warnings.map((one) => expect.stringContaining(one)) })
  })

  test('--json prints the problems as one object and ends with 2', async () => {
    const { status, lines } = await run(['check'], {
      files: { [FILE]: 'idle_detection:\n  x: 1\n  y: 2\n' },
      json: true,
    })
    expect(status).toBe(2)
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        schema: 'idle-agent.config-check.v1',
        file: FILE,
        valid: false,
        problems: [`${FILE}:2:3 idle_detection.x: unknown setting`, `${FILE}:3:3 idle_detection.y: unknown setting`],
        warnings: [],
      },
    ])
  })
})

describe('commands in a file that others could have written', () => {
  const given = '  commands: [{ argv: [/bin/probe] }]\n'
  const doubt = `${FILE} idle_detection.commands: not taken, since root would run them and ${FILE} belongs to uid 1000; make the file and its folders root's, writable by nobody else`

  function draft(args: readonly string[], text: string) {
    const host = createMemoryHost({ files: { [FILE]: text } })
    host.files.touch(FILE, { uid: 1000 })
    const { context, lines } = contextFor(host, {}, args)
    return { lines, done: config(context) }
  }

  test.each([
    ['alone', given, [doubt]],
    ['beside another mistake', `  x: 1\n${given}`, [`${FILE}:2:3 idle_detection.x: unknown setting`, doubt]],
  ])('are a problem to check, %s', async (_, block, problems) => {
    const refused: unknown = await draft(['check'], `idle_detection:\n${block}`).done.catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(UsageError)
    expect(refused).toHaveProperty('problems', problems)
  })

  test('are shown, with a warning', async () => {
    const { lines, done } = draft(['show'], `idle_detection:\n${given}`)
    expect(await done).toBe(0)
    expect(lines.find((line) => line.startsWith('commands'))).toContain('{ argv: [/bin/probe] }')
    expect(lines.at(-1)).toBe(`warning: ${doubt}`)
  })
})

const onEc2 = { '/sys/class/dmi/id/sys_vendor': 'Amazon EC2\n' }

describe('show', () => {
  test.each([
    ['{}', /^allow +none +default$/],
    ['{ allow: [standby, spot] }', /^allow +standby, spot +\S+:1$/],
  ])('shows the list that %s gives', async (block, line) => {
    const { lines } = await run(['show'], { files: { [FILE]: `idle_detection: ${block}` } })
    expect(lines.find((one) => one.startsWith('allow'))).toMatch(line)
  })

  test('shows what lists hold, in one line each, and as they are with --json', async () => {
    const block =
      '{ processes: [{ name: rsync, max_hours: 2 }, { name: x }], commands: [{ argv: [/opt/probe, -v] }], ignore: { disks: [sda] } }'
    const all = { files: { [FILE]: `idle_detection: ${block}` } }
    const { lines } = await run(['show'], all)
    expect(lines.find((one) => one.startsWith('processes'))).toMatch(
      /^processes +{ name: rsync, max_hours: 2 }, { name: x } +\S+:1$/,
    )
    expect(lines.find((one) => one.startsWith('commands'))).toMatch(/ { argv: \[\/opt\/probe, -v\] } +\S+:1$/)
    expect(lines.find((one) => one.startsWith('ignore.disks'))).toMatch(/ sda +\S+:1$/)
    expect(lines.find((one) => one.startsWith('services'))).toMatch(/^services +none +default$/)
    const json: unknown = JSON.parse((await run(['show'], { ...all, json: true })).lines[0] ?? '')
    const processes = { name: 'processes', value: [{ name: 'rsync', max_hours: 2 }, { name: 'x' }], from: `${FILE}:1` }
    expect(json).toHaveProperty('settings', expect.arrayContaining([processes]))
  })

  test('a long list widens no line but its own', async () => {
    const block = `{ processes: [${Array.from({ length: 9 }, (_, index) => `{ name: job-${index} }`).join(', ')}] }`
    const { lines } = await run(['show'], { files: { [FILE]: `idle_detection: ${block}` } })
    const long = lines.filter((line) => line.length > 140)
    expect(long).toEqual([expect.stringMatching(/^processes .*job-8 } {2}\S+:1$/)])
  })

  const files = { [FILE]: 'name: x\nidle_detection:\n  sensors:\n    cpu:\n      cores: 0.25\n  action: stop\n' }

  test('is a table in the order of declaration, with the place of what was given', async () => {
    const { status, lines } = await run(['show'], { files: { ...files, ...onEc2 } })
    expect(status).toBe(0)
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['SETTING', ...allSettings.map(({ name }) => name)])
    const starts = lines.map((line) => line.search(/(default|FROM|\/etc\S+)$/))
    expect(new Set(starts).size).toBe(1)
    expect(lines.find((line) => line.startsWith('action'))).toMatch(/^action +stop +\/etc\/idle-agent\/config\.yaml:6$/)
    expect(lines.find((line) => line.startsWith('sensors.cpu.cores'))).toMatch(/ 0\.25 cores +\S+:5$/)
    expect(lines.find((line) => line.startsWith('idle_threshold'))).toMatch(/ 5 minutes +default$/)
  })

  const onAzure = { '/sys/class/dmi/id/chassis_asset_tag': '7783-7084-3265-9085-8269-3286-77\n' }
  const onGcp = { '/sys/class/dmi/id/product_name': 'Google Compute Engine\n' }
  test.each([
    ['set, with a driver', 'action: stop', onEc2, / stop +\S+:1$/, 'stop'],
    ['set, without one', 'action: stop', {}, / stop, in force report: local has no driver +\S+:1$/, 'report'],
    [
      'set, on a cloud without one',
      'action: stop',
      onGcp,
      / stop, in force report: gcp has no driver +\S+:1$/,
      'report',
    ],
    ['set, on Azure', 'action: stop', onAzure, / stop +\S+:1$/, 'stop'],
    ['not set, on Azure', '', onAzure, / hibernate \(not set; the default on azure\) +default$/, 'hibernate'],
    ['not set, with a driver', '', onEc2, / hibernate \(not set; the default on aws\) +default$/, 'hibernate'],
    ['not set, without one', '', {}, / report \(not set; local has no driver\) +default$/, 'report'],
  ])('says which action is in force: %s', async (_name, setting, firmware, line, inForce) => {
    const all = { files: { [FILE]: `idle_detection: {${setting}}`, ...firmware } }
    expect((await run(['show'], all)).lines.find((one) => one.startsWith('action'))).toMatch(line)
    const json: unknown = JSON.parse((await run(['show'], { ...all, json: true })).lines[0] ?? '')
    expect(json).toHaveProperty(
      'settings',
      expect.arrayContaining([expect.objectContaining({ name: 'action', inForce })]),
    )
  })

  test('--json is one object', async () => {
    const { lines } = await run(['show'], { files: { ...files, ...onEc2 }, json: true })
    expect(lines.length).toBe(1)
    const shown: unknown = JSON.parse(lines[0] ?? '')
    expect(shown).toMatchObject({ schema: 'idle-agent.config-show.v1', source: FILE, warnings: [] })
    expect(shown).toHaveProperty(
      'settings',
      expect.arrayContaining([
        { name: 'action', value: 'stop', from: `${FILE}:6`, inForce: 'stop' },
        { name: 'sensors.cpu.cores', value: 0.25, unit: 'cores', from: `${FILE}:5` },
        { name: 'enabled', value: true, from: 'default' },
      ]),
    )
  })

  test('refuses what check refuses', async () => {
    await expect(run(['show'], { files: { [FILE]: 'idle_detection: 5' }, json: true })).rejects.toBeInstanceOf(
      UsageError,
    )
  })
})

describe('schema', () => {
  test('describes every setting with its default, bounds and sentence', async () => {
    const { status, lines } = await run(['schema'])
    expect(status).toBe(0)
    const schema = JSON.parse(lines.join('\n'))
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
    expect(schema.required).toEqual(['idle_detection'])
    expect(schema.additionalProperties).not.toBe(false) // the rest belongs to the template
    for (const { path, option } of allSettings) {
      let node = schema.properties.idle_detection
      for (const key of path) {
        expect(node.additionalProperties).toBe(false)
        expect(node.required).toBeUndefined()
        node = node.properties[key]
      }
      expect(node.description).toContain(sentence(option))
      expect(node.default).toEqual('default' in option ? option.default : undefined)
      if (option.type === 'number')
        expect(node).toMatchObject({ type: 'number', minimum: option.min, maximum: option.max })
      if (option.type === 'boolean') expect(node.type).toBe('boolean')
      if (option.type === 'choice') expect(node.enum).toEqual(option.values)
      if (option.type === 'text') expect(node.pattern).toBe(option.pattern)
    }
  })

  test('--json is one line', async () => {
    expect((await run(['schema'], { json: true })).lines.length).toBe(1)
  })
})

test.each([
  [[]],
  [['chekc']],
  [['check', 'a', 'b']],
  [['schema', 'extra']],
  [['check', '--all']],
  [['__proto__']],
  [['toString']],
])('config %j is refused', async (args) => {
  await expect(run(args)).rejects.toThrow(new UsageError('usage: idle-agent config check|show|schema'))
})

test.each(['check', 'show'])('config %s says how to name the file', async (name) => {
  await expect(run([name, 'my.yaml'])).rejects.toThrow(
    new UsageError(`config ${name} takes the file by its flag: idle-agent config ${name} --config my.yaml`),
  )
})
