/** Captures of activities in a guest (test/guest/captures.test.ts), each with what truly happened and when. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'

const capturesFolder: string = join(import.meta.dirname, 'captures')

/** Moments are wall times in milliseconds. */
const truth = z.object({
  source: z.string(),
  made: z.literal('captured'),
  /** The sensor that has to tell it, and how. `idle`: as if it were not there. */
  sensor: z.string(),
  kind: z.enum(['active', 'hold', 'idle']),
  /** It began between these two, and ended between those. */
  before: z.number(),
  began: z.number(),
  ending: z.number(),
  ended: z.number(),
  intervalMs: z.number(),
  thresholdMs: z.number(),
  holdMs: z.number(),
  /** How long after the end of a hold the machine is stopped: for the time of a warning. */
  warnMs: z.number(),
  /** The configuration file in the guest. */
  config: z.string(),
})

export interface Capture extends z.infer<typeof truth> {
  readonly name: string
  readonly frames: string
}

/** All of them. Throws where what is true is not written as it should be. */
export function captures(): readonly Capture[] {
  const names = readdirSync(capturesFolder).filter((name) => name.endsWith('.json'))
  return names.map((file) => {
    const name = basename(file, '.json')
    const told = truth.parse(JSON.parse(readFileSync(join(capturesFolder, file), 'utf8')))
    return { ...told, name, frames: join(capturesFolder, `${name}.jsonl.gz`) }
  })
}
