// Builds dist/idle-agent-linux-<arch>: bundle, code caches, blob, blob into a Node without symbols, first run, sums.
import { spawnSync } from 'node:child_process'
import { copyFileSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Arch, sha256 } from './base.ts'
import { type Bundled, makeBlob, type Platform, platformOf } from './blob.ts'
import { bundle, type Identity, readIdentity } from './bundle.ts'
import { withBlob } from './elf.ts'

const architectures: readonly Arch[] = ['x64', 'arm64']
const maxBytes = 115_000_000

/** A blob can be ignored in silence; only a run shows it. */
function runOnce(argv: readonly string[], { version, commit }: Identity): void {
  const [program = '', ...args] = [...argv, 'version']
  const { status, signal, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: {} })
  if (status === 0 && stderr === '' && stdout.includes(version) && stdout.includes(commit)) return
  throw new Error(
    `${argv.at(-1)} version: exit ${status ?? signal}, expected 0, nothing on stderr, ` +
      `and ${version} and ${commit} on stdout\nstdout: ${stdout}\nstderr: ${stderr}`,
  )
}

function sizeOf(executable: string): string {
  const { size } = statSync(executable)
  const said = `${size.toLocaleString('en')} bytes`
  if (size > maxBytes) throw new Error(`${executable} is too big: ${said}`)
  return said
}

async function buildFor(platform: Platform, bundled: Bundled, out: string): Promise<string> {
  const { arch, node, argv } = platform
  const executable = join(out, `idle-agent-linux-${arch}`)
  const { identity } = bundled
  const whole = `build/whole-${arch}`
  writeFileSync(whole, withBlob(readFileSync(node), await makeBlob(platform, bundled)), { mode: 0o755 })
  // A copy, for its own sake: written in one piece the file lies in large page-cache folios, and then 20 MB more of it
  // are mapped, and counted as resident, than of a file that was downloaded or copied.
  const fresh = `${executable}.new`
  copyFileSync(whole, fresh)
  rmSync(whole)
  runOnce([...argv.slice(0, -1), fresh], identity)
  renameSync(fresh, executable)
  process.stdout.write(`${executable} ${identity.version} ${identity.commit}: ${sizeOf(executable)}\n`)
  return executable
}

/** Of the architectures asked for, those that can be built here; without `--may-skip` that has to be all of them. */
function platforms(wanted: readonly Arch[], maySkip: boolean): readonly Platform[] {
  return wanted.flatMap((arch) => {
    try {
      return [platformOf(arch)]
    } catch (error) {
      if (arch === process.arch || !(error instanceof Error)) throw error
      if (!maySkip) throw new Error(`${error.message}\nFor this machine alone: make dist/idle-agent`, { cause: error })
      process.stderr.write(`SKIPPED: no executable for ${arch}: ${error.message}\n`)
      return []
    }
  })
}

/** The sums, and the name without architecture. Nothing of an earlier version stays beside them. */
function finish(out: string, executables: readonly string[]): void {
  const all = architectures.map((arch) => join(out, `idle-agent-linux-${arch}`))
  for (const path of all) if (!executables.includes(path)) rmSync(path, { force: true })
  const own = executables.find((path) => path.endsWith(`-${process.arch}`))
  rmSync(join(out, 'idle-agent.new'), { force: true })
  if (own !== undefined) {
    linkSync(own, join(out, 'idle-agent.new'))
    renameSync(join(out, 'idle-agent.new'), join(out, 'idle-agent'))
  }
  const sums = executables.map((path) => `${sha256(path)}  ${basename(path)}\n`)
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''))
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      entry: { type: 'string', default: 'agent/main.ts' },
      out: { type: 'string', default: 'dist' },
      bundle: { type: 'string', default: 'build/bundle' },
      arch: { type: 'string', multiple: true, default: [...architectures] },
      'may-skip': { type: 'boolean', default: false },
    },
  })
  const folder = values.bundle
  const wanted = architectures.filter((arch) => values.arch.includes(arch))
  const built = platforms(wanted, values['may-skip'])
  const identity = readIdentity()
  const bundled = { ...(await bundle(values.entry, folder, identity)), folder, identity }
  mkdirSync(values.out, { recursive: true })
  const executables = await Promise.all(built.map((platform) => buildFor(platform, bundled, values.out)))
  finish(values.out, executables)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
