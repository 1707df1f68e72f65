/** Captures from a guest, judged again by the real loop: what is told while somebody is there, and when the machine is stopped. */
import { describe, expect, it } from 'vitest'
import { framesOf } from '../../agent/check/frames.ts'
import { type Replayed, replayFrames } from '../../agent/check/replay.ts'
import type { Frame } from '../../agent/host/frame.ts'
import { linesOf } from '../../agent/host/frame-files.ts'
import { configOf } from '../replay/frames.ts'
import { type Capture, captures } from './corpus/captures.ts'
import { idOf } from './corpus/told.ts'

/** What an agent asks that came after the capture is taken for absent: else every new question would make it unknown. */
async function* framesOfToday(path: string): AsyncGenerator<Frame> {
  for await (const frame of framesOf(linesOf(path), path)) yield { ...frame, rest: 'absent' }
}

async function replayed({ frames, config }: Capture): Promise<readonly Replayed[]> {
  const all: Replayed[] = []
  for await (const one of replayFrames(framesOfToday(frames), { config: await configOf(config) })) all.push(one)
  return all
}

const wallOf = ({ frame }: Replayed): number => frame.clocks.wallMs

/** Between which moments the stop has to be asked for. What a notebook, a login or a job did last was within a second. */
function stopWindow(one: Capture): readonly [number, number] {
  const { kind, before, began, ending, ended, intervalMs, thresholdMs, holdMs, warnMs } = one
  const late = 2 * intervalMs + 2_000
  if (kind === 'active') return [ending - 1_000 + thresholdMs, ended + thresholdMs + late]
  const heldMs = kind === 'hold' ? holdMs + warnMs : thresholdMs
  // Whoever comes is told as coming, within two checks.
  return [before + heldMs, began + intervalMs + heldMs + late]
}

describe('captures', () => {
  it('are there', () => {
    expect(captures().length).toBeGreaterThanOrEqual(4)
  })

  it.each(captures().map((one) => [one.name, one] as const))('%s is judged right', async (_, capture) => {
    const { kind, sensor, began, ending, intervalMs } = capture
    const all = await replayed(capture)
    const acting = all.findIndex(({ checked }) => checked.decision.actions.some(({ kind: what }) => what === 'act'))
    const stop = all[acting]?.checked.look.moment.clocks.wallMs ?? Number.NaN
    const [first, last] = stopWindow(capture)
    expect(stop).toBeGreaterThanOrEqual(first)
    expect(stop).toBeLessThanOrEqual(last)
    // What is as if it were not there is told at once, everything else once it has come.
    const from = began + (kind === 'idle' ? 1 : 2.5) * intervalMs
    const within = all.slice(0, acting).filter((one) => wallOf(one) > from && wallOf(one) < ending)
    expect(within.length).toBeGreaterThan(1)
    const id = kind === 'idle' ? 'idle' : `${kind} ${sensor}`
    expect(within.map(({ object }) => idOf(object['cause']))).toEqual(within.map(() => id))
  })
})
