/** Every source of every sensor broken in every way, twice in a row: by the real sensors and the real host, on a whole machine in a folder. */
import { spawnSync } from 'node:child_process'
import { cpSync, lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostError, messageOf } from '../../agent/errors.ts'
import type { CommandResult, Host } from '../../agent/host/host.ts'
import { createHost } from '../../agent/host/real.ts'
import { sensors } from '../../agent/sensors/table.ts'
import type { Reading } from '../../agent/types.ts'
import { defaults } from '../sensors/machine.ts'
import { broken } from './faulty.ts'
import { faultsOf, kindAt, nameOf, putOf, rightOf, type Source, sources } from './sources.ts'
import { builder, everything } from './world.ts'

interface Look {
  readonly samples: ReadonlyMap<string, unknown>
  readonly readings: ReadonlyMap<string, Reading>
}

interface Built {
  readonly root: string
  /** The commands that are there. */
  readonly commands: Set<string>
  look(before?: Look): Promise<Look>
}

/** The machine of world.ts, whose commands answer from its files. */
function build(source: Source): Built {
  const root = join(mkdtempSync(join(tmpdir(), 'sources-')), 'root')
  cpSync(`test/fixtures/${source.fixture ?? 'ssh-tunnel'}`, root, { recursive: true, verbatimSymlinks: true })
  const commands = new Set<string>()
  const { write, link } = builder(root)
  everything({ root, write, link, command: (name) => commands.add(name) })
  for (const [path, text] of Object.entries(source.files ?? {})) write(path, text)
  const real = createHost({ root, env: {} })
  const answer = (name: string): string => readFileSync(join(root, 'answers', name), 'utf8')
  const run: Host['run'] = async ([name = '', ...args]) => {
    if (!commands.has(name)) return undefined
    if (name === 'grep') return grep(root, args)
    const [question = ''] = args
    return { status: 0, stdout: answer(name === 'ss' ? 'sockets' : (question.split('=')[0] ?? '')), stderr: '' }
  }
  return { root, commands, look: (before) => look({ ...real, run }, before) }
}

/** The real one, on files of the machine; it would wait for a pipe's writer, and be given up. */
function grep(root: string, args: readonly string[]): CommandResult {
  const below = args.map((arg) => (arg.startsWith('/') ? join(root, arg) : arg))
  const isPipe = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true
  if (below.some(isPipe)) throw new HostError('grep did not end within 5000 ms')
  const { status, stdout, stderr } = spawnSync('grep', below, { encoding: 'utf8', env: { LC_ALL: 'C' } })
  return { status: status ?? -1, stdout: stdout.replaceAll(root, ''), stderr: stderr.replaceAll(root, '') }
}

async function look(host: Host, before?: Look): Promise<Look> {
  const samples = new Map(before?.samples)
  const readings = new Map<string, Reading>()
  for (const sensor of sensors) {
    const earlier = before?.samples.get(sensor.name)
    try {
      const value = await sensor.read(host, new AbortController().signal, earlier)
      const sample: unknown = JSON.parse(JSON.stringify(value))
      const span = { now: host.clocks(), ms: 5_000 }
      samples.set(sensor.name, sample)
      if (earlier !== undefined)
        readings.set(sensor.name, sensor.judge(sample, earlier, { span, limits: defaults(sensor.options) }))
    } catch (error) {
      readings.set(sensor.name, { kind: 'unknown', reason: messageOf(error) })
    }
  }
  return { samples, readings }
}

function expectRight(seen: Look, usual: Look, given: { source: Source; fault: string; again: boolean }): void {
  const { source, fault, again } = given
  for (const sensor of source.sensors) {
    const { kind, reason } = seen.readings.get(sensor) ?? { kind: 'none', reason: '' }
    const wanted = kindAt(rightOf(source, fault), usual.readings.get(sensor)?.kind ?? 'none', again)
    expect([fault, again, sensor, kind]).toEqual([fault, again, sensor, wanted])
    if (kind === 'unknown') expect([fault, reason]).toEqual([fault, expect.stringMatching(source.says)])
  }
}

async function expectRightTwice(machine: Built, source: Source, fault: string): Promise<void> {
  const before = await machine.look()
  const usual = await machine.look(before)
  for (const sensor of sensors) expect([sensor.name, usual.readings.get(sensor.name)?.kind]).not.toContain('unknown')
  await broken({ root: machine.root, path: source.path }, putOf(machine.root, source, fault), async () => {
    const first = await machine.look(usual)
    expectRight(first, usual, { source, fault, again: false })
    expectRight(await machine.look(first), usual, { source, fault, again: true })
  })
}

describe.each(sources.map((source) => ({ name: nameOf(source), source })))('$name', ({ source }) => {
  let machine: Built
  beforeAll(() => {
    machine = build(source)
    if (source.without !== undefined) machine.commands.delete(source.without)
  })
  afterAll(() => rmSync(join(machine.root, '..'), { recursive: true }))

  for (const fault of faultsOf(source)) {
    it(`${fault}: ${rightOf(source, fault)}`, () => expectRightTwice(machine, source, fault))
  }
})
