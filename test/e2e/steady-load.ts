// What a process of the executable has loaded, told by Node's own coverage, and whether a steady check may.
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Metafile } from 'esbuild'
import { z } from 'zod'
import { hotOutputs } from '../../tools/bundle.ts'
import { ownerOf } from '../../tools/weigh.ts'

/** Bytes of source by chunk, and the built-in modules that can be asked for by name. */
export interface Loaded {
  readonly chunks: ReadonlyMap<string, number>
  readonly builtins: readonly string[]
}

export interface Budget {
  readonly maxBytes: number
  readonly modules: readonly string[]
  readonly builtins: readonly string[]
}

const Range = z.object({ startOffset: z.number(), endOffset: z.number(), count: z.number() })
const Covered = z.object({
  url: z.string(),
  // The first function is the whole script, the first range the whole function.
  functions: z.array(z.object({ functionName: z.string(), ranges: z.tuple([Range], Range) })),
})
const Coverage = z.object({ result: z.array(Covered) })

/** Bytes by chunk of a script that was loaded: hot.js holds each as a function of its name, which runs where the chunk is loaded. */
function chunksOf({ url, functions }: z.infer<typeof Covered>): readonly (readonly [string, number])[] {
  const ran = functions.filter(({ ranges }) => ranges[0].count > 0)
  const chunks = url === './hot.js' ? ran.filter(({ functionName }) => functionName.startsWith('./')) : ran.slice(0, 1)
  return chunks.map(({ functionName, ranges: [whole] }) => {
    return [basename(functionName || url), whole.endOffset - whole.startOffset]
  })
}

/** What the one process that ran with `NODE_V8_COVERAGE` set to this folder has loaded. */
export function loadedIn(folder: string): Loaded {
  const [file, ...others] = readdirSync(folder)
  if (file === undefined || others.length > 0) throw new Error(`${folder}: not the coverage of one process`)
  const { result } = Coverage.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))
  const chunks = result.filter(({ url }) => url.startsWith('./')).flatMap(chunksOf)
  const builtins = result.map(({ url }) => url).filter((url) => /^node:(?!internal\/)/.test(url))
  return { chunks: new Map(chunks), builtins: builtins.sort() }
}

const list = 'tools/steady-load.json'

/** Each way in which a steady check loads other things than it may, in a sentence. Throws if the bundle is another's. */
export function budgetProblems(
  loaded: Loaded,
  { outputs }: Pick<Metafile, 'outputs'>,
  budget: Budget,
): readonly string[] {
  const byName = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]))
  const problems: string[] = []
  const modules = new Map<string, number>()
  for (const name of loaded.chunks.keys()) {
    const output = byName.get(name)
    if (output === undefined) throw new Error(`${name} is not in build/bundle: that is not of this executable`)
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      const owner = ownerOf(path)
      if (bytesInOutput > 0) modules.set(owner, (modules.get(owner) ?? 0) + bytesInOutput)
    }
  }
  for (const [path, bytes] of modules) {
    if (budget.modules.includes(path)) continue
    problems.push(
      `${path} (${bytes} bytes) is loaded and not in ${list}: by await import() where it is needed, or there`,
    )
  }
  for (const name of loaded.builtins) {
    if (!budget.builtins.includes(name)) problems.push(`${name} is loaded and not in ${list}`)
  }
  const known = [...modules.keys(), ...loaded.builtins]
  for (const name of [...budget.modules, ...budget.builtins]) {
    if (!known.includes(name)) problems.push(`${name} is in ${list} and no longer loaded: take it out`)
  }
  const bytes = [...loaded.chunks.values()].reduce((sum, one) => sum + one, 0)
  if (bytes > budget.maxBytes) problems.push(`${bytes} bytes of source are loaded, more than ${budget.maxBytes}`)
  return [...problems, ...aheadProblems(loaded, outputs)]
}

/** What every check loads is compiled ahead, and only that. */
function aheadProblems({ chunks }: Loaded, outputs: Metafile['outputs']): readonly string[] {
  const ahead = [...hotOutputs(outputs)].map((path) => basename(path))
  const late = [...chunks.keys()].filter((name) => !ahead.includes(name))
  const idle = ahead.filter((name) => !chunks.has(name))
  return [
    ...late.map(
      (name) => `${name} is loaded and not compiled ahead: hotRoots in tools/check-imports.ts lacks its entry`,
    ),
    ...idle.map(
      (name) => `${name} is compiled ahead and not loaded: hotRoots in tools/check-imports.ts names too much`,
    ),
  ]
}
