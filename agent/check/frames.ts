/** From the lines of a capture to its frames. */
import { UsageError } from '../errors.ts'
import { type Frame, parseFrame } from '../host/frame.ts'
import type { Line } from '../host/frame-files.ts'

/** Problems that are named; the rest is counted. */
const MOST_NAMED = 50

/** The frames of a capture up to the first that is wrong; what is wrong, with its line, throws a UsageError at the end, for all of them at once. */
export async function* framesOf(lines: AsyncIterable<Line>, name: string): AsyncGenerator<Frame> {
  const problems: string[] = []
  let frames = 0
  let more = 0
  for await (const { number, text } of lines) {
    const parsed = parseFrame(text)
    if ('problems' in parsed) {
      const told = parsed.problems.slice(0, MOST_NAMED - problems.length)
      problems.push(...told.map((problem) => `${name}:${number}: ${problem}`))
      more += parsed.problems.length - told.length
    } else if (problems.length === 0) {
      frames += 1
      yield parsed.frame
    }
  }
  if (more > 0) throw new UsageError([...problems, `${more} more problems`])
  if (problems.length > 0) throw new UsageError(problems)
  if (frames === 0) throw new UsageError(`${name}: it holds no frame`)
}
