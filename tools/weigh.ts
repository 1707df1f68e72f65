// Prints what each package and folder puts into the executable, and which of it every check loads.
import type { Metafile } from 'esbuild'
import { bundle, hotOutputs, readIdentity } from './bundle.ts'

interface Weight {
  readonly name: string
  readonly bytes: number
  readonly hotBytes: number
}

/** A package by its name; a file of ours by itself. */
function ownerOf(path: string): string {
  const inPackage = path.match(/.*node_modules\/(@[^/]+\/[^/]+|[^/]+)/)
  return inPackage?.[1] ?? path
}

/** One row an owner, heaviest first. */
export function weigh({ outputs }: Pick<Metafile, 'outputs'>): readonly Weight[] {
  const rows = new Map<string, Weight>()
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

function line(...[bytes, hotBytes, name]: readonly (number | string)[]): string {
  const cell = (value: number | string | undefined) => (value ?? '').toLocaleString('en').padStart(12)
  return `${cell(bytes)}${cell(hotBytes)}  ${name}\n`
}

if (import.meta.main) {
  const { metafile } = await bundle('agent/main.ts', 'build/weigh', readIdentity())
  const weights = weigh(metafile)
  const sum = (field: 'bytes' | 'hotBytes') => weights.reduce((total, row) => total + row[field], 0)
  const rows = weights.map(({ name, bytes, hotBytes }) => line(bytes, hotBytes, name))
  const head = line('bytes', 'every check', 'package or file')
  const foot = line(sum('bytes'), sum('hotBytes'), 'in all, of the script')
  process.stdout.write([head, ...rows, foot].join(''))
}
