/** A machine whose checks write the history as a check does, on a disk that is a list of pieces, so that months take seconds. */
import { closeSegment } from '../../agent/check/history.ts'
import { pathsOf } from '../../agent/check/parts.ts'
import { grown, keyOf } from '../../agent/check/segment.ts'
import type { History } from '../../agent/history/lines.ts'
import { loadHistory } from '../../agent/history.ts'
import type { Host } from '../../agent/host/host.ts'
import type { Decision } from '../../agent/types.ts'
import { type CheckUp, Machine } from '../decide/given.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

export const paths = pathsOf(undefined)

export class Recorder {
  readonly machine = new Machine()
  readonly memory: MemoryHost = createMemoryHost()
  readonly host: Host
  /** What the state holds. */
  segment: unknown
  /** The history's file. */
  pieces: string[] = []
  /** Bytes of the file, and the most it ever had. */
  size = 0
  largest = 0
  /** Of all rewritings. */
  rewritten = 0
  rewrites = 0

  constructor() {
    const { memory } = this
    const size = (): number => this.size
    this.host = {
      ...memory,
      store: {
        ...memory.store,
        read: async (path) => (path === paths.history ? this.pieces.join('') : memory.store.read(path)),
        append: async (_, line) => {
          this.#put(line)
          return size()
        },
        replace: async (_, text) => {
          this.pieces = []
          this.size = 0
          this.rewrites += 1
          this.rewritten += text.length
          this.#put(text)
        },
      },
    }
  }

  #put(text: string): void {
    this.pieces.push(text)
    this.size += Buffer.byteLength(text)
    this.largest = Math.max(this.largest, this.size)
  }

  /** A check so long after the last; `saved` false where a crash comes between the history and the state. */
  async check(ms: number, up: CheckUp = {}, saved = true): Promise<Decision> {
    const decision = this.machine.after(ms, up)
    const said = { key: keyOf(decision), decision, now: this.machine.clocks }
    const stored = { ...(typeof this.segment === 'object' ? this.segment : {}) }
    const next = grown(stored, said) ?? (await closeSegment({ host: this.host, paths }, this.segment, said)).segment
    // As the state file gives it back.
    if (saved) this.segment = JSON.parse(JSON.stringify(next))
    return decision
  }

  /** What can be read, without the segment that goes on. */
  read(): Promise<History> {
    return loadHistory(this.host, paths.history)
  }

  /** The lines of the file, whichever it is. */
  text(): string {
    return this.pieces.join('')
  }
}
