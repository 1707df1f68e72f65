/** What a format comes to: files, and what an operator does with them. */

/** A file below the output folder. */
export interface OutputFile {
  readonly name: string
  readonly text: string | Buffer
}

export interface Output {
  readonly files: readonly OutputFile[]
  /** Commands, one a line, with `DIR` for the folder. */
  readonly next: readonly string[]
}

/** JSON as people read it; serialised here and nowhere else. */
export function jsonFile(name: string, value: unknown): OutputFile {
  return { name, text: `${JSON.stringify(value, undefined, 2)}\n` }
}
