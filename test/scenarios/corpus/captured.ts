/** The scenarios that lie beside the corpus as capture files. */
import { join } from 'node:path'
import { corpus } from './corpus.ts'
import { type Played, play } from './play.ts'
import { toFrames } from './record.ts'
import { stage } from './variants.ts'

export const framesFolder: string = join(import.meta.dirname, 'frames')

/** A quiet machine, a tunnel, a cron job to come, GPUs, a lease, a resume, a step of the clock. */
export const captured = [
  ...['nobody', 'tunnel-silent', 'cron-job-due', 'one-gpu-of-eight', 'lease-of-a-dead-job', 'resume-after-a-night'],
  'clock-step-ahead',
] as const

/** The scenario as lines of a capture, and what was said when it was played. */
export async function captureOf(id: string): Promise<{ readonly lines: readonly string[]; readonly played: Played }> {
  const scenario = corpus.find((one) => one.id === id)
  const staged = scenario === undefined ? undefined : stage(scenario, 'base')
  if (staged === undefined) throw new Error(`there is no scenario ${id}`)
  const played = await play(staged.scenario, staged.model, { lasts: staged.lasts, keepFrames: true })
  return { lines: toFrames(played).map((frame) => `${JSON.stringify(frame)}\n`), played }
}
