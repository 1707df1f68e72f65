// Faults that `doctor` must name, each really prepared in a running guest and taken back again.
import type { Fault } from '../clouds/faults.ts'
import type { Guest } from './guest.ts'

/** Mark, name, what it says, what to do. */
export type Expected = readonly ['!' | '✗', string, RegExp, RegExp]

export interface PreparedFault {
  readonly what: string
  /** Takes it back: resolves when it is undone. */
  prepare(guest: Guest): Promise<() => Promise<unknown>>
  readonly findings: readonly Expected[]
  /** Exit code of doctor. */
  readonly code: 0 | 2 | 3 | 5
}

export type Row = readonly [PreparedFault['what'], PreparedFault['prepare'], PreparedFault['code'], ...Expected[]]

/** By two shell commands. */
export function shell(prepare: string, undo: string): PreparedFault['prepare'] {
  return async (guest) => {
    await guest.ask(prepare)
    return () => guest.ask(undo)
  }
}

/** By what the cloud answers. */
export function cloud(
  ...orders: readonly { readonly server: 'api' | 'metadata'; readonly action?: string; readonly fault: Fault }[]
) {
  return async ({ cloud: { orderFault, clearFaults } }: Guest) => {
    for (const order of orders) await orderFault(order)
    return () => clearFaults()
  }
}

/** By what the instance is. */
export function instance(
  changes: Parameters<Guest['cloud']['change']>[1],
  back: typeof changes,
): PreparedFault['prepare'] {
  return async ({ cloud: { change, instanceId } }) => {
    await change(instanceId, changes)
    return () => change(instanceId, back)
  }
}

/** One after the other; taken back in the opposite order. */
export function both(one: PreparedFault['prepare'], other: PreparedFault['prepare']): PreparedFault['prepare'] {
  return async (guest) => {
    const undo = await one(guest)
    const undoOther = await other(guest)
    return async () => {
      await undoOther()
      await undo()
    }
  }
}

/** Where `install` puts it. */
export const config = '/etc/idle-agent/config.yaml'
/** Keeps a copy of a file; `bringBack` puts it back. */
export const keep = (path: string): string => `cp -p ${path} /root/kept`
export const bringBack = (path: string): string => `rm -f ${path}; mv /root/kept ${path}`

/** A row of a table of them. */
export function fromRow([what, prepare, code, ...findings]: Row): PreparedFault {
  return { what, prepare, code, findings }
}
