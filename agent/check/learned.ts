/** Takes ten quiet minutes into what is known of this machine's noise, if nobody is there at all. Loaded at most every ten minutes. */
import { busiest, learnAll, parseMemory } from '../learn/memory.ts'
import { learnables } from '../sensors/learnables.ts'
import { presence } from '../sensors/presence.ts'
import type { Episode } from './episode.ts'
import type { Floors } from './noise.ts'
import type { Parts } from './parts.ts'
import { within } from './within.ts'

const LOOK_MS = 2_000

/** What everybody's figures were in the last interval, by sensor and key. Those of a sensor that cannot tell are left out. */
function figuresOf({ look, base }: Episode): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const found: Record<string, Readonly<Record<string, number>>> = {}
  for (const [name, learnable] of Object.entries(learnables)) {
    const [now, before] = [look.samples[name], base?.samples[name]]
    if (now === undefined || now.at !== undefined || before === undefined || before.at !== undefined) continue
    // One interval of several stands for all of them: over a year that is the same.
    found[name] = learnable.figures(now.sample, before.sample, look.coveredMs)
  }
  return found
}

/** What is known after these quiet minutes; as before, and counted anew from now, where somebody is there or cannot be ruled out. */
export async function learned(parts: Parts, episode: Episode, old: Floors): Promise<Floors> {
  const unchanged = { ...old, quietMs: 0 }
  // A Host object of its own, so that the process table is of now.
  const host = { ...parts.host }
  const { clocks, identity } = episode.look.moment
  try {
    return await within(host, { ms: LOOK_MS, what: 'who is here' }, async (signal) => {
      const { somebody, units, mixed } = await presence(host, signal)
      if (somebody !== undefined) return unchanged
      const cores = ((await host.readText('/proc/stat')) ?? '').match(/^cpu\d+ /gm)?.length ?? 0
      const machine = `${identity.instanceId ?? ''} ${cores}`
      const { cpu, ...others } = figuresOf(episode)
      const cpuIdle = episode.look.readings.every(({ sensor, kind }) => sensor !== 'cpu' || kind === 'idle')
      // Bytes have no owner: learned only while the processor shows no work either.
      const figures = { ...(cpu === undefined ? {} : { cpu }), ...(cpuIdle ? others : {}) }
      const quiet = { wallMs: clocks.wallMs, minutes: old.quietMs / 60_000 }
      return {
        quietMs: 0,
        ...learnAll(parseMemory(old.memory, machine), { figures, quiet, mixed, busy: busiest(units, clocks.bootMs) }),
      }
    })
  } catch (error) {
    if (error instanceof Error) return unchanged
    throw error
  }
}
