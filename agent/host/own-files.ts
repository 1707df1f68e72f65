/** The store of a check that must leave nothing behind: it writes to memory, and sees of the machine only what a check takes from others. */
import type { Host, Store } from './host.ts'
import { createMemoryStore } from './memory-store.ts'

/** Where a check finds what it does not write itself. */
export interface Inputs {
  /** Is this file or folder something that others write: a lease, the resume hook's stamp, a file of the system? */
  isInput(path: string): boolean
  readText(path: string, maxBytes: number): Promise<string | undefined>
  readPlain: Store['readPlain']
  list(path: string): Promise<readonly string[] | undefined>
}

/** As the real store (real-store.ts). */
const MAX_BYTES = 16 * 1_048_576

/** A store that reads inputs where they are, changes none of them, and keeps everything else in memory. */
export function createOwnFiles(host: Pick<Host, 'clocks'> & { readonly uid: number }, inputs: Inputs): Store {
  const memory = createMemoryStore({ uid: host.uid, wallMs: () => host.clocks().wallMs })
  const { isInput } = inputs
  return {
    read: (path) => (isInput(path) ? inputs.readText(path, MAX_BYTES) : memory.read(path)),
    readPlain: (path, maxBytes) =>
      isInput(path) ? inputs.readPlain(path, maxBytes) : memory.readPlain(path, maxBytes),
    list: async (path) => (isInput(path) ? ((await inputs.list(path)) ?? []) : memory.list(path)),
    replace: async (path, text, mode) => (isInput(path) ? undefined : memory.replace(path, text, mode)),
    append: async (path, line, mode) => (isInput(path) ? 0 : memory.append(path, line, mode)),
    create: async (path, text, mode) => isInput(path) || memory.create(path, text, mode),
    overwrite: async (path, text) => isInput(path) || memory.overwrite(path, text),
    remove: async (path, options) => (isInput(path) ? undefined : memory.remove(path, options)),
    give: async (path, uid, text) => (isInput(path) ? undefined : memory.give(path, uid, text)),
    rename: async (from, to) => (isInput(from) || isInput(to) ? undefined : memory.rename(from, to)),
    link: memory.link,
    copy: async (from, to, mode) => (isInput(from) || isInput(to) ? false : memory.copy(from, to, mode)),
    makeDir: memory.makeDir,
  }
}
