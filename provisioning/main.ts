/** From the text of a template to the files of a format. */
import { UsageError } from '../agent/errors.ts'
import { shellWord } from './bootstrap.ts'
import { differences } from './diff.ts'
import { endOf } from './end.ts'
import type { CloudName } from './fields.ts'
import { type Format, formats } from './formats.ts'
import type { Output } from './output.ts'
import { type Spec, specOf } from './spec.ts'
import { readTemplate } from './template.ts'
import { readText, refuseStrangers, write } from './write.ts'

/** What is asked for. */
export interface Wish {
  /** Path of the template. */
  readonly template: string
  readonly cloud: CloudName | undefined
  readonly format: string | undefined
}

/** What a template comes to. */
export interface Provisioned extends Pick<Output, 'files'> {
  readonly spec: Spec
  /** What becomes of such a machine when nobody uses it, in words. */
  readonly end: string
  readonly format: string
  /** Legal oddities, and what cannot work, one line each. */
  readonly warnings: readonly string[]
  /** What an operator does with the files once they are in a folder, a command a line. */
  commands(folder: string): readonly string[]
  /** Writes the files below a folder. Throws UsageError where something else would be lost, HostError. */
  write(folder: string): void
  /** What would change in a folder, as lines of a unified diff. Throws HostError. */
  differences(folder: string, colour: boolean): readonly string[]
}

/** Generates; writes nothing yet. Throws UsageError with all problems. */
export function provision({ template, cloud, format: name }: Wish): Provisioned {
  const read = readTemplate(readText(template), template)
  const spec = specOf(read, cloud)
  const chosen = formatOf(spec.cloud, name)
  const output = chosen.format.make(spec)
  return {
    files: output.files,
    spec,
    end: endOf(spec),
    format: chosen.name,
    warnings: [
      ...read.warnings,
      ...spec.advice.map(({ key, message, source }) => `${read.problem(key, message)} (${source})`),
    ],
    commands: (folder) => output.next.map((line) => line.replaceAll('DIR', () => wordFor(folder))),
    write: (folder) => {
      refuseStrangers(folder, output.files, template)
      write(folder, output.files)
    },
    differences: (folder, colour) => differences(folder, output.files, colour),
  }
}

/** A folder as a shell takes it: quoted where it has to be. */
function wordFor(folder: string): string {
  return /^[\w./-]+$/.test(folder) ? folder : shellWord(folder)
}

/** The names of the formats of a cloud. */
export function formatsOf(cloud: CloudName): readonly string[] {
  return Object.keys(formats).filter((name) => formats[name]?.clouds.includes(cloud))
}

function formatOf(cloud: CloudName, given: string | undefined): { readonly name: string; readonly format: Format } {
  const names = formatsOf(cloud)
  const name = given ?? names[0] ?? ''
  const format = names.includes(name) ? formats[name] : undefined
  if (format === undefined) throw new UsageError(`--format must be ${names.join(', ')} for ${cloud}, got "${name}"`)
  return { name, format }
}
