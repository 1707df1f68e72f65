// Enforces who may import whom (docs: "Imports point down") and that the outside world comes in through `Host` only.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { type Import, type Scan, scan } from './scan.ts'

interface Row {
  readonly of: readonly string[]
  readonly may: readonly string[]
  /** May also `import type` the type files of the folders in its own row. */
  readonly siblingTypes?: boolean
}

const bottom = ['host', 'log', 'errors', 'types']
const middle = 'sensors clouds leases state history audit lock warn note notify health runbooks fleet'.split(' ')
/** What turns data into other data, for everybody. */
const plain = ['parse', 'words', 'draw']
const pure = ['decide', 'learn', 'install']
const checks = ['agent', 'check']
const top = ['main', 'cli', 'commands', ...checks]
const below = ['config', 'vetoes', ...middle, ...pure, 'doctor', ...plain, ...bottom]

const rows: readonly Row[] = [
  { of: ['main', 'cli', 'commands'], may: [...top, ...below] },
  // What a check is must not depend on how it is asked for.
  { of: checks, may: [...checks, ...below] },
  { of: ['config'], may: ['config', 'vetoes', ...middle, ...pure, ...plain, ...bottom] },
  { of: middle, may: ['host', 'errors', 'types', ...plain], siblingTypes: true },
  // A lease is a veto; everything else about leases is no veto's business.
  { of: ['vetoes'], may: ['leases', 'host', 'errors', 'types', ...plain], siblingTypes: true },
  { of: pure, may: ['types', ...plain] },
  { of: ['doctor'], may: ['install', 'types', ...plain] },
  { of: plain, may: ['types'] },
  { of: bottom, may: bottom },
  { of: ['provisioning'], may: ['config', 'install', 'errors', 'types', 'provisioning', ...plain] },
]

/** Lists that sensors and vetoes share; there is no code in them. */
const dataFiles = new Set(['agent/sensors/known-agents.ts'])
const typeFiles = new Set(['agent/sensors/sensor.ts', 'agent/vetoes/veto.ts', 'agent/clouds/cloud.ts'])

/** Where a package may be imported, and by which files in there statically; a package that is not here may not be used. */
const packages: readonly { readonly name: RegExp; readonly where: RegExp; readonly statically?: RegExp }[] = [
  // `await import()` of the SDK itself brings all its commands (105 MiB at the peak); a file that names the few that are
  // used, and is itself imported by `await import()`, leaves the others out of the executable (66 MiB).
  { name: /^(@aws-sdk|@smithy|@azure)\//, where: /^agent\/clouds\/[^/]*-sdk\.ts$/, statically: /./ },
  { name: /^systeminformation$/, where: /^agent\/commands\/(doctor|inventory)/ },
  { name: /^yaml$/, where: /^(agent\/config|provisioning\/)/, statically: /./ },
  { name: /^diff$/, where: /^provisioning\/diff\.ts$/, statically: /./ },
  { name: /^zod(\/|$)/, where: /^(agent|provisioning)\//, statically: /./ },
]

/** Modules that only compute. Every other `node:` module is a way to the outside. */
const computing = new Set(
  'node:zlib node:path node:path/posix node:util node:crypto node:buffer node:events node:url'.split(' '),
)
const reachesOut = /^(agent\/host\/|agent\/main\.ts$|provisioning\/write\.ts$)/

/**
 * A steady check starts here; what these files import statically is loaded every two minutes. It asks the driver of its
 * cloud who the machine is, and most machines are on EC2. test/e2e/stories/steady-load.ts compares this with a real check.
 */
export const hotRoots = ['agent/main.ts', 'agent/commands/check.ts', 'agent/clouds/aws.ts']
const slowToLoad = new Set(
  'crypto http https http2 tls net zlib child_process worker_threads'.split(' ').map((name) => `node:${name}`),
)

/** The row a file belongs to: its folder, or at the top of agent/ its name (`state` for state-intents.ts too). */
function rowName(path: string): string {
  const [folder = '', second = ''] = path.split('/')
  return folder === 'agent' ? second.replace(/(-.*)?\.ts$/, '') : folder
}

function checkRelative(path: string, one: Import): string | undefined {
  const target = posix.join(posix.dirname(path), one.target)
  const [from, to] = [rowName(path), rowName(target)]
  if (to === 'provisioning' && from !== 'provisioning') {
    if (path === 'agent/commands/provision.ts' && one.kind === 'dynamic') return undefined
    return 'only agent/commands/provision.ts imports provisioning/, and by await import()'
  }
  if (from === 'provisioning' && to === 'clouds') {
    if (target === 'agent/clouds/tags.ts' || one.names.every((name) => name === 'permissions')) return undefined
    return 'provisioning/ takes only `permissions` and the names of the tags from agent/clouds/'
  }
  // What writes for provisioning is a host of its own, and need not do again what the other does.
  if (path === 'provisioning/write.ts' && target === 'agent/host/real-files.ts') return undefined
  const row = rows.find(({ of }) => of.includes(from))
  if (row === undefined) return undefined
  if (from === 'types' && one.kind !== 'type') return 'agent/types.ts holds no code and needs none'
  if (from === to || row.may.includes(to)) return undefined
  if (row.siblingTypes === true && one.kind === 'type' && typeFiles.has(target)) return undefined
  if (from === 'vetoes' && dataFiles.has(target)) return undefined
  return `${from} may import ${row.may.join(', ')}; ${target} is in ${to}`
}

function checkPackage(path: string, one: Import): string | undefined {
  if (one.target.startsWith('node:')) {
    if (one.kind === 'type' || computing.has(one.target) || reachesOut.test(path)) return undefined
    return `${one.target} reaches the outside; only agent/host/, agent/main.ts and provisioning/write.ts may`
  }
  if (one.target === '?') return 'import() of something other than a string cannot be bundled'
  const rule = packages.find(({ name }) => name.test(one.target))
  if (rule === undefined) return `${one.target} is not in the table of packages in tools/check-imports.ts`
  if (one.kind === 'type' && path.startsWith('agent/clouds/')) return undefined
  if (!rule.where.test(path)) return `${one.target} may be imported only in ${rule.where.source}, see docs/decisions.md`
  if (one.kind === 'static' && rule.statically?.test(path) !== true) return `${one.target}: only by await import()`
  return undefined
}

function checkFile(path: string, { imports, reaches }: Scan): readonly string[] {
  const problems: string[] = []
  if (!rows.some(({ of }) => of.includes(rowName(path)))) {
    problems.push(`${path}: ${rowName(path)} is in no row of the table in tools/check-imports.ts`)
  }
  for (const one of imports) {
    const problem = one.target.startsWith('.') ? checkRelative(path, one) : checkPackage(path, one)
    if (problem !== undefined) problems.push(`${path}:${one.line}: ${problem}`)
  }
  if (reachesOut.test(path)) return problems
  return [...problems, ...reaches.map(({ what, line }) => `${path}:${line}: ${what} reaches past the Host`)]
}

/** Every file that a steady check loads, each with the chain of imports that leads to it. */
function hotFiles(scans: ReadonlyMap<string, Scan>): ReadonlyMap<string, string> {
  const chains = new Map(hotRoots.filter((root) => scans.has(root)).map((root) => [root, root]))
  for (const [path, chain] of chains) {
    for (const { kind, target } of scans.get(path)?.imports ?? []) {
      const next = posix.join(posix.dirname(path), target)
      if (kind === 'static' && target.startsWith('.') && !chains.has(next)) chains.set(next, `${chain} > ${next}`)
    }
  }
  return chains
}

/** What a steady check would load although it does not need it. */
function checkHotPath(scans: ReadonlyMap<string, Scan>): readonly string[] {
  const problems: string[] = []
  for (const [path, chain] of hotFiles(scans)) {
    const imports = scans.get(path)?.imports ?? []
    const heavy = imports.filter(({ kind, target }) => kind === 'static' && isHeavy(target))
    for (const { target, line } of heavy) {
      problems.push(`${path}:${line}: every check would load ${target} (${chain}); use await import()`)
    }
  }
  return problems
}

function isHeavy(target: string): boolean {
  if (target.startsWith('.')) return false
  return slowToLoad.has(target) || !target.startsWith('node:')
}

function sources(root: string): readonly string[] {
  const folders = ['agent', 'provisioning'].filter((folder) => existsSync(join(root, folder)))
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
    )
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts') && statSync(join(root, path)).isFile())
    .sort()
}

/** Every broken rule in the tree below `root`, one sentence each, with file and line. */
export function importProblems(root: string): readonly string[] {
  const scans = new Map(sources(root).map((path) => [path, scan(path, readFileSync(join(root, path), 'utf8'))]))
  return [...[...scans].flatMap(([path, found]) => checkFile(path, found)), ...checkHotPath(scans)]
}

if (import.meta.main) {
  const problems = importProblems('.')
  for (const problem of problems) process.stderr.write(`${problem}\n`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
