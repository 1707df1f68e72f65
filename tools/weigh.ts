// Prints what each package and folder puts into the executable, and which of it every check loads.
import { mkdirSync } from 'node:fs'
import type { Metafile } from 'esbuild'
import { bundle, readIdentity } from './bundle.ts'

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

/** The files that are loaded without an `await import()`, from the entry on. */
function hotInputs(inputs: Metafile['inputs'], entry: string): ReadonlySet<string> {
  const hot = new Set([entry])
  for (const path of hot) {
    for (const one of inputs[path]?.imports ?? []) {
      if (one.kind !== 'dynamic-import' && one.external !== true) hot.add(one.path)
    }
  }
  return hot
}

/** One row an owner, heaviest first. */
export function weigh(metafile: Metafile): readonly Weight[] {
  const rows = new Map<string, Weight>()
  for (const output of Object.values(metafile.outputs)) {
    const hot = hotInputs(metafile.inputs, output.entryPoint ?? '')
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      const name = ownerOf(path)
      const row = rows.get(name) ?? { name, bytes: 0, hotBytes: 0 }
      const hotBytes = row.hotBytes + (hot.has(path) ? bytesInOutput : 0)
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
  mkdirSync('build', { recursive: true })
  const weights = weigh(await bundle('agent/main.ts', 'build', readIdentity()))
  const sum = (field: 'bytes' | 'hotBytes') => weights.reduce((total, row) => total + row[field], 0)
  process.stdout.write(line('bytes', 'every check', 'package or file'))
  for (const { name, bytes, hotBytes } of weights) process.stdout.write(line(bytes, hotBytes, name))
  process.stdout.write(line(sum('bytes'), sum('hotBytes'), 'in all, of the script'))
}
