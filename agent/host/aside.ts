/** Writes the agent's own files even where something else has taken their place, which is then put aside. */
import { HostError } from '../errors.ts'
import type { Host } from './host.ts'
import { codeOf, notRegular, tooLarge } from './real-errors.ts'

/** A folder, a link, a socket, or more than anybody writes there. Not: a disk that fails or is full, a missing right. */
const strange: ReadonlySet<string | undefined> = new Set(['EISDIR', 'ELOOP', 'ENXIO', notRegular, tooLarge])

/** Does it say that something other than a file of ours is in its place? */
export function isInTheWay(error: unknown): boolean {
  return error instanceof HostError && strange.has(codeOf(error.cause))
}

/** Puts what is at `path` aside, so that it can be looked at, and keeps only the latest such thing. Throws HostError. */
export async function moveAside({ store }: Pick<Host, 'store'>, path: string): Promise<void> {
  const aside = `${path}.corrupt`
  try {
    await store.rename(path, aside)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    // A folder does not go where a file is, nor either where a folder is with something in it.
    await store.remove(aside, { whole: true })
    await store.rename(path, aside)
  }
}

/** Replaces the file as `store.replace` does. Throws HostError. */
export async function replaceFile(
  host: Host,
  { path, mode }: { readonly path: string; readonly mode: number },
  text: string,
): Promise<void> {
  await once(host, path, () => host.store.replace(path, text, mode))
}

/** Appends a line as `store.append` does, and gives back the file's size in bytes. Throws HostError. */
export async function appendLine(
  host: Host,
  { path, mode }: { readonly path: string; readonly mode: number },
  line: string,
): Promise<number> {
  return once(host, path, () => host.store.append(path, line, mode))
}

async function once<T>(host: Host, path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (!isInTheWay(error)) throw error
    await moveAside(host, path)
    return await write()
  }
}
