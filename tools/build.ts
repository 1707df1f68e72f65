// Builds dist/idle-agent-linux-<arch>: bundle, stripped Node, blob with code cache, injection, first run, sums.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { inject } from 'postject'
import { type Arch, checkBase, sha256 } from './base.ts'
import { type Bundle, bundle, type Identity, readIdentity } from './bundle.ts'

const sentinelFuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
const maxBytes = 115_000_000
const maxZstdBytes = 36_000_000

type Bundled = Bundle & { readonly folder: string }

/** Strips before the injection: a stripped executable that already holds its blob no longer starts. */
function stripBase(arch: Arch, folder: string): string {
  const base = checkBase(arch)
  const stripped = join(folder, `node-${arch}`)
  const { error, status, stderr } = spawnSync(base.strip, ['-o', stripped, base.path], { encoding: 'utf8' })
  if (error !== undefined) throw new Error(`cannot run ${base.strip}: install binutils`, { cause: error })
  if (status !== 0) throw new Error(`${base.strip} ended with ${status}: ${stderr}`)
  return stripped
}

// Without a fixed seed the code cache differs at every build; a fixed hash seed would be rejected at run time.
const seeded = '--random-seed=1'

/** Has the base make the code caches and the blob that it will later find in itself. */
function makeBlob(node: string, { folder, script, chunks, hot }: Bundled): Buffer {
  const run = (...args: readonly string[]) => execFileSync(resolve(node), args, { cwd: folder, env: {}, stdio: 'pipe' })
  const tool = resolve('tools/code-cache.ts')
  run(seeded, tool, 'write-whole', ...hot)
  run(seeded, tool, 'write', ...chunks.filter((name) => !hot.includes(name)))
  run(tool, 'check', ...chunks)
  const config = {
    main: script, // relative, or the folder of the build would end up in the executable
    output: 'sea.blob',
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    execArgvExtension: 'none', // NODE_OPTIONS of whoever calls it must not reach an agent that runs as root
    assets: Object.fromEntries(chunks.flatMap((name) => [name, `${name}.cache`]).map((name) => [`./${name}`, name])),
  }
  writeFileSync(join(folder, 'sea.json'), JSON.stringify(config))
  run(seeded, '--experimental-sea-config', 'sea.json')
  return readFileSync(join(folder, 'sea.blob'))
}

/** postject's ELF parser warns about section names of every Node binary; anything else it prints stays visible. */
async function injectBlob(executable: string, blob: Buffer): Promise<void> {
  const { warn, error } = console
  const quiet = (print: (text: string) => void) => (text: string) => {
    if (!String(text).startsWith("warning: Can't find string offset for section name '.note")) print(text)
  }
  console.warn = quiet(warn)
  console.error = quiet(error)
  try {
    await inject(executable, 'NODE_SEA_BLOB', blob, { sentinelFuse })
  } finally {
    console.warn = warn
    console.error = error
  }
}

/** An injection can fail in silence; only a run shows it. */
function runOnce(executable: string, identity: Identity): void {
  const { status, signal, stdout, stderr } = spawnSync(executable, ['version'], { encoding: 'utf8', env: {} })
  const good = status === 0 && stderr === '' && stdout.includes(identity.version) && stdout.includes(identity.commit)
  if (good) return
  throw new Error(
    `${executable} version: exit ${status ?? signal}, expected 0, nothing on stderr, ` +
      `and ${identity.version} and ${identity.commit} on stdout\nstdout: ${stdout}\nstderr: ${stderr}`,
  )
}

function checkSizes(executable: string): string {
  const bytes = statSync(executable).size
  const params = { [constants.ZSTD_c_compressionLevel]: 12, [constants.ZSTD_c_nbWorkers]: 2 }
  const zstdBytes = zstdCompressSync(readFileSync(executable), { params }).length
  const said = `${bytes.toLocaleString('en')} bytes, ${zstdBytes.toLocaleString('en')} by zstd -12`
  if (bytes > maxBytes || zstdBytes > maxZstdBytes) throw new Error(`${executable} is too big: ${said}`)
  return said
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { entry: { type: 'string', default: 'agent/main.ts' }, out: { type: 'string', default: 'dist' } },
  })
  const arch: Arch = 'x64'
  const folder = 'build/bundle'
  const name = `idle-agent-linux-${arch}`
  const executable = join(values.out, name)
  mkdirSync(values.out, { recursive: true })
  const identity = readIdentity()
  const bundled = await bundle(values.entry, folder, identity)
  const node = stripBase(arch, 'build')
  const blob = makeBlob(node, { ...bundled, folder })
  await injectBlob(node, blob)
  rmSync(executable, { force: true })
  // A copy, also for its own sake: postject writes in one piece, which leaves the file in large page-cache folios, and
  // then 20 MB more of it are mapped, and counted as resident, than of a file that was downloaded or copied.
  copyFileSync(node, executable)
  runOnce(executable, identity)
  const own = join(values.out, 'idle-agent')
  rmSync(own, { force: true })
  linkSync(executable, own)
  writeFileSync(join(values.out, 'SHA256SUMS'), `${sha256(executable)}  ${name}\n`)
  process.stdout.write(`${executable} ${identity.version} ${identity.commit}: ${checkSizes(executable)}\n`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
