/** A scenario as a capture: the frames of all checks, each line saying only what has changed (docs of the capture format). */
import type { Frame as CaptureFrame } from '../../../agent/host/frame.ts'
import { changes, type Frame } from './frame.ts'
import type { Played } from './play.ts'

const parts = ['files', 'folders', 'stats', 'links', 'commands', 'http', 'displays'] as const

function answersOf(now: Frame, before: Frame | undefined): Partial<CaptureFrame> {
  const found = {
    files: changes(now.files, before?.files ?? {}),
    folders: changes(now.folders, before?.folders ?? {}),
    stats: changes(now.stats, before?.stats ?? {}),
    links: changes(now.links, before?.links ?? {}),
    commands: changes(now.commands, before?.commands ?? {}),
    http: changes(now.http, before?.http ?? {}),
    displays: changes(now.displays, before?.displays ?? {}),
  }
  return Object.fromEntries(
    parts.flatMap((part) => (Object.keys(found[part]).length === 0 ? [] : [[part, found[part]]])),
  )
}

/** The frames of a scenario that was played with `keepFrames`. */
export function toFrames({ seen }: Played): readonly CaptureFrame[] {
  let before: Frame | undefined
  return seen.map(({ looks }): CaptureFrame => {
    const [first, ...later] = looks
    if (first === undefined) throw new Error('the scenario was played without keeping its frames')
    const { schema, clocks, host, self, rest } = first
    const hostChanged = JSON.stringify(host) !== JSON.stringify(before?.host)
    const again = later.map((look) => ({
      clocks: look.clocks,
      self: { cpuMs: look.self.cpuMs },
      ...answersOf(look, first),
    }))
    const frame = {
      ...{ schema, clocks, self, ...answersOf(first, before) },
      ...(hostChanged ? { host } : {}),
      ...(before === undefined ? { rest } : {}),
      ...(again.length === 0 ? {} : { again }),
    }
    before = first
    return frame
  })
}
