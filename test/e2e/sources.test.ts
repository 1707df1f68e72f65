/** Every source of every sensor broken in every way, twice in a row: by the real sensors and the real host, on a whole machine in a folder. */
import { spawnSync } from 'node:child_process'
import { cpSync, lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { HostError, messageOf } from '../../agent/errors.ts'
import type { CommandResult, Host } from '../../agent/host/host.ts'
import { createHost } from '../../agent/host/real.ts'
import { readLists } from '../../agent/sensors/listed.ts'
import { sensors } from '../../agent/sensors/table.ts'
import type { Reading } from '../../agent/types.ts'
import { defaults } from '../sensors/machine.ts'
import { broken } from './faulty.ts'
import { type NotebookServer, startNotebookServer } from './notebook-server.ts'
import { faultsOf, kindAt, nameOf, putOf, rightOf, type Source, sources } from './sources.ts'
import { kernelId, startContainersAnew, subjectSettings, subjects } from './subjects.ts'
import { builder, everything, type World } from './world.ts'

type Configured = ReturnType<ReturnType<typeof readLists>['around']>[number]

const configured: readonly Configured[] = sensors.map((sensor) => ({ sensor, limits: defaults(sensor.options) }))
const listed = readLists(
  new Map(
    (['processes', 'commands', 'services'] as const).map((name) => [name, parse(subjectSettings[name])] as const),
  ),
)

let server: NotebookServer
beforeAll(async () => {
  server = await startNotebookServer(kernelId)
})
afterAll(() => server.close())

interface Look {
  readonly samples: ReadonlyMap<string, unknown>
  readonly readings: ReadonlyMap<string, Reading>
}

interface Built extends Pick<World, 'write'> {
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
  if (source.subjects === true) subjects({ root, write, link, command: (name) => commands.add(name) }, server)
  const real = createHost({ root, env: {} })
  const answer = (name: string): string => readFileSync(join(root, 'answers', name), 'utf8')
  const run: Host['run'] = async ([program = '', ...args]) => {
    const name = program.slice(program.lastIndexOf('/') + 1)
    if (!commands.has(name)) return undefined
    if (name === 'grep') return grep(root, args)
    if (name === 'setpriv') return head(root, args.at(-2) ?? '')
    if (name === 'getent' || name === 'probe') return { status: name === 'getent' ? 2 : 1, stdout: '', stderr: '' }
    const [question = ''] = args
    const file = name === 'nvidia-smi' ? question.split('=')[0] : name === 'ss' ? socketsFor(args) : name
    return { status: 0, stdout: answer(file ?? ''), stderr: '' }
  }
  const all = source.subjects === true ? [...configured, ...listed.around([])] : configured
  const displayIdleMs: Host['displayIdleMs'] = async ({ authFile = '' }) => {
    if (isPipe(join(root, authFile))) throw new HostError('setpriv did not end within 1000 ms')
    return undefined
  }
  return { root, write, commands, look: (before) => look(all, { ...real, run, displayIdleMs }, before) }
}

/** What it is asked for: connections of services in any state, or bytes of established ones. */
function socketsFor(args: readonly string[]): string {
  return args.includes('time-wait') ? 'served' : 'sockets'
}

function isPipe(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true
}

/** The beginning of a file as its owner reads it. */
function head(root: string, path: string): CommandResult {
  const full = join(root, path)
  const stat = lstatSync(full, { throwIfNoEntry: false })
  if (isPipe(full)) throw new HostError('setpriv did not end within 700 ms')
  const stdout = stat?.isFile() === true ? readFileSync(full, 'utf8').slice(0, 16_384) : ''
  return { status: stdout === '' ? 1 : 0, stdout, stderr: '' }
}

/** The real one, on files of the machine; it would wait for a pipe's writer, and be given up. */
function grep(root: string, args: readonly string[]): CommandResult {
  const below = args.map((arg) => (arg.startsWith('/') ? join(root, arg) : arg))
  if (below.some(isPipe)) throw new HostError('grep did not end within 5000 ms')
  const { status, stdout, stderr } = spawnSync('grep', below, { encoding: 'utf8', env: { LC_ALL: 'C' } })
  return { status: status ?? -1, stdout: stdout.replaceAll(root, ''), stderr: stderr.replaceAll(root, '') }
}

async function look(all: readonly Configured[], host: Host, before?: Look): Promise<Look> {
  const samples = new Map(before?.samples)
  const readings = new Map<string, Reading>()
  for (const { sensor, limits } of all) {
    const earlier = before?.samples.get(sensor.name)
    try {
      const value = await sensor.read(host, new AbortController().signal, earlier)
      const sample: unknown = JSON.parse(JSON.stringify(value))
      const span = { now: host.clocks(), ms: 5_000 }
      samples.set(sensor.name, sample)
      if (earlier !== undefined) readings.set(sensor.name, sensor.judge(sample, earlier, { span, limits }))
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
  for (const [sensor, { kind }] of usual.readings) expect([sensor, kind]).not.toContain('unknown')
  await broken({ root: machine.root, path: source.path }, putOf(machine.root, source, fault), async () => {
    if (source.subjects === true) startContainersAnew(machine)
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
