// Prints what each module adds to the executable in bytes and to a process in milliseconds, and which of it every check loads.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Metafile } from 'esbuild'
import type { Arch } from './base.ts'
import { type Bundled, makeBlob, platformOf } from './blob.ts'
import { bundle, hotOutputs, readIdentity } from './bundle.ts'
import { withBlob } from './elf.ts'
import budget from './steady-load.json' with { type: 'json' }

/** What is loaded as one: a chunk of the bundle, or a built-in module of Node. */
interface Module {
  readonly name: string
  /** Median of some processes; without what it loads in turn. */
  readonly ms: number
  readonly everyCheck: boolean
  /** Source and code cache; nothing for what is built in. */
  readonly bytes: number
  readonly cacheBytes: number
}

interface Title {
  readonly main: string
  readonly others: number
}

/** What a package, or a file of ours, adds to the source in the executable. */
interface Share {
  readonly name: string
  readonly bytes: number
  readonly hotBytes: number
}

/** A package by its name; a file of ours by itself. */
export function ownerOf(path: string): string {
  const inPackage = path.match(/.*node_modules\/(@[^/]+\/[^/]+|[^/]+)/)
  return inPackage?.[1] ?? path
}

/** One row an owner, heaviest first. */
export function sharesOf({ outputs }: Pick<Metafile, 'outputs'>): readonly Share[] {
  const rows = new Map<string, Share>()
  const hot = hotOutputs(outputs)
  for (const [output, { inputs }] of Object.entries(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = ownerOf(path)
      const row = rows.get(name) ?? { name, bytes: 0, hotBytes: 0 }
      const hotBytes = row.hotBytes + (hot.has(output) ? bytesInOutput : 0)
      rows.set(name, { name, bytes: row.bytes + bytesInOutput, hotBytes })
    }
  }
  return [...rows.values()].filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
}

/** What a chunk is known by, and how many modules lie in it: where it is entered, or the heaviest it holds. */
function titleOf({ entryPoint, inputs }: Metafile['outputs'][string]): Title {
  const byWeight = Object.entries(inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput)
  const main = (entryPoint ?? byWeight[0]?.[0] ?? '').replace(/^node_modules\//, '')
  return { main: main || "esbuild's own", others: byWeight.filter(([path]) => !path.endsWith(main)).length }
}

/** An executable like the real one, but for its loader. */
async function buildWeighing(bundled: Bundled): Promise<string> {
  const loader = 'weigh-loader.cjs'
  copyFileSync(join('tools', loader), join(bundled.folder, loader))
  const platform = platformOf(process.arch as Arch)
  // Each chunk by itself, to be weighed.
  const blob = await makeBlob(platform, { ...bundled, script: loader }, bundled.chunks)
  const executable = join(bundled.folder, 'weighing')
  writeFileSync(executable, withBlob(readFileSync(platform.node), blob), { mode: 0o755 })
  return resolve(executable)
}

/** Built-in modules that a text names, wherever it loads them. */
function builtinsIn(text: string): readonly string[] {
  return [...text.matchAll(/["'`](node:[a-z_/0-9]+)["'`]/g)].flatMap(([, name = '']) => name)
}

/** Milliseconds by name. First what a check loads, as it does; then all that is left, so that each takes its own time only. */
async function measure(bundled: Bundled, runs: number): Promise<ReadonlyMap<string, number>> {
  const executable = await buildWeighing(bundled)
  const { folder, hot, chunks } = bundled
  const builtins = chunks.flatMap((name) => builtinsIn(readFileSync(join(folder, name), 'latin1')))
  const own = ['main.js', ...hot, ...chunks].map((name) => `./${name}`)
  const every = new Set([...own.slice(0, hot.length + 1), ...budget.builtins, ...own, ...builtins])
  const list = JSON.stringify([...every])
  const measured = new Map<string, number[]>()
  for (let run = 0; run < runs; run += 1) {
    const { status, stderr } = spawnSync(executable, [list], { encoding: 'utf8', env: {} })
    if (status !== 0) throw new Error(`the weighing executable ended with ${status}: ${stderr}`)
    for (const { name, ms } of JSON.parse(stderr) as readonly { name: string; ms: number }[]) {
      measured.set(name, [...(measured.get(name) ?? []), ms])
    }
  }
  return new Map([...measured].map(([name, all]) => [name, all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0]))
}

async function modulesOf(bundled: Bundled, runs: number): Promise<readonly Module[]> {
  const { outputs } = bundled.metafile
  const titles = new Map(Object.entries(outputs).map(([path, output]) => [`./${basename(path)}`, titleOf(output)]))
  const rows = new Map<string, Module & Title>()
  for (const [name, ms] of await measure(bundled, runs)) {
    const { main, others } = titles.get(name) ?? { main: name, others: 0 }
    const everyCheck = titles.has(name) ? bundled.hot.includes(basename(name)) : budget.builtins.includes(name)
    const chunk = titles.has(name) ? bytesOf(bundled.folder, name) : { bytes: 0, cacheBytes: 0 }
    // Where a module is entered by a chunk of its own and lies in another, the two are one row.
    const key = `${main} ${everyCheck}`
    const row = rows.get(key)
    rows.set(key, {
      main,
      others: others + (row?.others ?? 0),
      name: '',
      ms: ms + (row?.ms ?? 0),
      bytes: chunk.bytes + (row?.bytes ?? 0),
      cacheBytes: chunk.cacheBytes + (row?.cacheBytes ?? 0),
      everyCheck,
    })
  }
  return [...rows.values()]
    .map(({ main, others, ...row }) => ({ ...row, name: others === 0 ? main : `${main} and ${others} more` }))
    .sort((a, b) => b.ms - a.ms)
}

function bytesOf(folder: string, chunk: string): Pick<Module, 'bytes' | 'cacheBytes'> {
  return {
    bytes: statSync(join(folder, chunk)).size,
    cacheBytes: statSync(join(folder, process.arch, `${chunk}.cache`)).size,
  }
}

function line(...cells: readonly (number | string)[]): string {
  const text = (cell: number | string) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)
  return `${cells
    .slice(0, -1)
    .map((cell) => text(cell).padStart(12))
    .join('')}  ${cells.at(-1) ?? ''}\n`
}

function sum<Row>(rows: readonly Row[], field: (row: Row) => number): number {
  return rows.reduce((all, row) => all + field(row), 0)
}

/** The sums first, then the heaviest, `most` of each. */
export function tables(modules: readonly Module[], shares: readonly Share[], most: number): string {
  const total = (name: string, rows: readonly Module[]) =>
    line(
      sum(rows, ({ ms }) => ms).toFixed(1),
      sum(rows, ({ bytes }) => bytes),
      sum(rows, ({ cacheBytes }) => cacheBytes),
      rows.length,
      name,
    )
  const every = modules.filter(({ everyCheck }) => everyCheck)
  return [
    line('ms', 'bytes', 'code cache', 'rows', ''),
    total('all that the executable can load: its bundle, and the modules of Node that this names', modules),
    total('what every check loads', every),
    `\nModules as they are loaded, slowest first; a median of processes, without what a module loads in turn\n`,
    line('ms', 'bytes', 'code cache', 'every check', 'module'),
    ...modules
      .slice(0, most)
      .map(({ name, ms, bytes, cacheBytes, everyCheck }) =>
        line(ms.toFixed(2), bytes || '', cacheBytes || '', everyCheck ? 'loads it' : '', name),
      ),
    left(modules.length - most),
    `\nSource in the bundle by package, or file of ours, largest first\n`,
    line('bytes', 'of it hot', 'package or file; hot: every check loads it'),
    line(
      sum(shares, ({ bytes }) => bytes),
      sum(shares, ({ hotBytes }) => hotBytes),
      'all of them',
    ),
    ...shares.slice(0, most).map(({ name, bytes, hotBytes }) => line(bytes, hotBytes || '', name)),
    left(shares.length - most),
  ].join('')
}

function left(rows: number): string {
  return rows > 0 ? line('', `and ${rows} more`) : ''
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      all: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      runs: { type: 'string', default: '15' },
    },
  })
  const folder = 'build/weigh'
  mkdirSync('build', { recursive: true })
  if (!values.json)
    process.stdout.write(`bundling, then loading all of it in ${values.runs} processes: half a minute\n\n`)
  const identity = readIdentity()
  const bundled = { ...(await bundle('agent/main.ts', folder, identity)), folder, identity }
  const [modules, shares] = [await modulesOf(bundled, Number(values.runs)), sharesOf(bundled.metafile)]
  if (values.json) process.stdout.write(`${JSON.stringify({ modules, shares })}\n`)
  else {
    writeFileSync('build/weigh.txt', tables(modules, shares, Number.POSITIVE_INFINITY))
    process.stdout.write(tables(modules, shares, values.all ? Number.POSITIVE_INFINITY : 20))
    if (!values.all) process.stdout.write('\nAll of it: build/weigh.txt\n')
  }
}
