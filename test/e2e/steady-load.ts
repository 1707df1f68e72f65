// What a process of the executable has loaded, told by Node's own coverage, and whether a steady check may.
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Metafile } from 'esbuild'
import { z } from 'zod'
import { hotOutputs } from '../../tools/bundle.ts'
import { ownerOf } from '../../tools/weigh.ts'

/** Bytes of source by script, and the built-in modules that can be asked for by name. */
export interface Loaded {
  readonly scripts: ReadonlyMap<string, number>
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

/** What the one process that ran with `NODE_V8_COVERAGE` set to this folder has loaded. */
export function loadedIn(folder: string): Loaded {
  const [file, ...others] = readdirSync(folder)
  if (file === undefined || others.length > 0) throw new Error(`${folder}: not the coverage of one process`)
  const { result } = Coverage.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))
  const scripts = result.flatMap(({ url, functions: [whole] }) => {
    if (!url.startsWith('./') || whole === undefined || whole.ranges[0].count === 0) return []
    return [[basename(url), whole.ranges[0].endOffset] as const]
  })
  const builtins = result.map(({ url }) => url).filter((url) => /^node:(?!internal\/)/.test(url))
  return { scripts: new Map(scripts), builtins: builtins.sort() }
}

const list = 'tools/steady-load.json'
/** Holds all that tools/bundle.ts takes for what every check reads. */
const hotScript = 'hot.js'

/** Each way in which a steady check loads other things than it may, in a sentence. Throws if the bundle is another's. */
export function budgetProblems(
  loaded: Loaded,
  { outputs }: Pick<Metafile, 'outputs'>,
  budget: Budget,
): readonly string[] {
  const byName = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]))
  const ahead = [...hotOutputs(outputs)].map((path) => basename(path))
  const late = [...loaded.scripts.keys()].filter((name) => name !== hotScript)
  const problems: string[] = []
  const modules = new Map<string, number>()
  for (const name of loaded.scripts.has(hotScript) ? [...ahead, ...late] : late) {
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
  const bytes = [...loaded.scripts.values()].reduce((sum, one) => sum + one, 0)
  if (bytes > budget.maxBytes) problems.push(`${bytes} bytes of source are loaded, more than ${budget.maxBytes}`)
  for (const name of late) {
    problems.push(`${name} is loaded and not compiled ahead: hotRoots in tools/check-imports.ts lacks its entry`)
  }
  return problems
}
