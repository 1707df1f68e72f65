/** The flags of a command that takes many of them. */
import { UsageError } from '../errors.ts'

/** What a command takes: flags with a value, flags without, and how many words besides. */
export interface Taken {
  readonly valued: readonly string[]
  readonly plain: readonly string[]
  readonly words: number
}

export interface Given {
  readonly values: ReadonlyMap<string, string>
  readonly flags: ReadonlySet<string>
  readonly words: readonly string[]
}

/** Sorts the arguments of a command (`--every 2m` or `--every=2m`). Throws UsageError naming all that it does not take. */
export function sortArguments(command: string, args: readonly string[], taken: Taken): Given {
  const values = new Map<string, string>()
  const flags = new Set<string>()
  const words: string[] = []
  const problems: string[] = []
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? ''
    const [name = '', inline] = word.split(/=(.*)/s)
    if (taken.valued.includes(name)) {
      const value = inline ?? args[index + 1]
      index += inline === undefined ? 1 : 0
      if (value === undefined || value === '' || (inline === undefined && value.startsWith('--')))
        problems.push(`${name} needs a value`)
      else values.set(name, value)
    } else if (taken.plain.includes(word)) flags.add(word)
    else if (word.startsWith('-') && word !== '-') problems.push(unknown(command, word, taken))
    else words.push(word)
  }
  if (words.length > taken.words) problems.push(unknown(command, words[taken.words] ?? '', taken))
  if (problems.length > 0) throw new UsageError(problems)
  return { values, flags, words }
}

function unknown(command: string, word: string, { valued, plain }: Taken): string {
  return `${command} does not know ${JSON.stringify(word)}: it takes ${[...valued, ...plain].join(', ')}`
}
