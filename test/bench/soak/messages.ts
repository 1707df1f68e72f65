// What the soak and the process that it watches say to each other, one object a message.
import type { Clocks } from '../../../agent/types.ts'

export type ToResident =
  /** Check now. `hurried`: what hangs is waited for a twentieth of its time. `diesAt`: dies at that change of its files. */
  | { readonly kind: 'check'; readonly clocks: Clocks; readonly hurried: boolean; readonly diesAt?: number }
  /** What it slept for is over. */
  | { readonly kind: 'go'; readonly clocks: Clocks; readonly hurried: boolean }
  | { readonly kind: 'measure' }

export type FromResident =
  | { readonly kind: 'ready' }
  /** So long it sleeps, and so long it has waited for what hangs since the last message, in milliseconds. */
  | { readonly kind: 'sleep'; readonly ms: number; readonly waitedMs: number }
  | { readonly kind: 'done'; readonly said: readonly string[]; readonly waitedMs: number }
  | { readonly kind: 'measured'; readonly held: Held }

/** What a process holds, after its garbage is collected. */
export interface Held {
  readonly rssBytes: number
  /** In V8's heap, compiled code apart. */
  readonly heapBytes: number
  /** Compiled code, and what V8 keeps beside it: it compiles what runs often, whenever that is. */
  readonly codeBytes: number
  /** Buffers, and whatever else V8 holds outside its heap. */
  readonly externalBytes: number
  /** Open descriptors. */
  readonly descriptors: number
  /** Timers, sockets, pipes, requests under way, as Node counts them. */
  readonly resources: number
}
