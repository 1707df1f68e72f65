// A disk that keeps what was synced; of all the rest, any part may be there after a loss of power.
import { posix } from 'node:path'
import type { Change } from './changes.ts'

/** Something that was done and need not be on the disk yet: names that came and went, or bytes at the end of a file. */
type Pending =
  | { readonly names: readonly (readonly [path: string, inode: number | undefined])[] }
  | { readonly inode: number; readonly bytes: Buffer }

/** Files with their content, and folders (`undefined`), by path. */
export type Tree = ReadonlyMap<string, Buffer | undefined>

/** What may be found after a loss of power. */
export interface Found {
  readonly tree: Tree
  /** How much of what was not synced is lost, for a person. */
  readonly lost: string
}

/** All subsets up to this many; above it none, all, each alone and all but each. */
const MOST_IN_SUBSETS = 4

function subsets<T>(all: readonly T[]): readonly (readonly T[])[] {
  if (all.length <= MOST_IN_SUBSETS)
    return Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_one, index) => (bits >> index) % 2 === 1))
  return [[], all, ...all.map((one) => [one]), ...all.map((one) => all.filter((other) => other !== one))]
}

/** Half of the last bytes, and as many zeros: what file systems leave of a write that was cut off. */
function torn(all: readonly Pending[]): readonly (readonly Pending[])[] {
  const last = all.findLast((one) => 'bytes' in one)
  if (last === undefined) return []
  const { inode, bytes } = last
  const spoilt = [bytes.subarray(0, bytes.length >> 1), Buffer.alloc(bytes.length)]
  return spoilt.map((rest) => all.map((one) => (one === last ? { inode, bytes: rest } : one)))
}

class Content {
  readonly names: Map<string, number>
  readonly #bytes: Map<number, Buffer | undefined>

  constructor(
    names: ReadonlyMap<string, number> = new Map(),
    bytes: ReadonlyMap<number, Buffer | undefined> = new Map(),
  ) {
    this.names = new Map(names)
    this.#bytes = new Map(bytes)
  }

  /** A copy with more in it. */
  with(some: readonly Pending[]): Content {
    const copy = new Content(this.names, this.#bytes)
    for (const one of some) copy.take(one)
    return copy
  }

  /** A file or folder that nobody has a name for yet. */
  add(inode: number, bytes: Buffer | undefined): void {
    this.#bytes.set(inode, bytes)
  }

  take(one: Pending): void {
    if ('bytes' in one) {
      this.#bytes.set(one.inode, Buffer.concat([this.#bytes.get(one.inode) ?? Buffer.of(), one.bytes]))
      return
    }
    for (const [path, inode] of one.names) {
      if (inode === undefined) this.names.delete(path)
      else this.names.set(path, inode)
    }
  }

  /** Without what lies in folders that are not there, of those that should be. */
  tree(folders: { has(path: string): boolean }): Tree {
    const isThere = (path: string): boolean =>
      !folders.has(path) || (this.names.has(path) && isThere(posix.dirname(path)))
    const paths = [...this.names.keys()].filter((path) => isThere(posix.dirname(path))).sort()
    return new Map(paths.map((path) => [path, this.#bytes.get(this.names.get(path) ?? -1)]))
  }
}

/** An empty disk, and what is done to it. What `isLoose` names is never synced, and is there as a whole or not at all. */
export class Disk {
  readonly #isLoose: (path: string) => boolean
  /** As the processes see it. */
  readonly #names = new Map<string, number>()
  readonly #paths: string[] = []
  readonly #synced = new Content()
  #pending: readonly Pending[] = []

  constructor(isLoose: (path: string) => boolean) {
    this.#isLoose = isLoose
  }

  /** Throws where it is not known what a change does. */
  apply({ call, target, to, bytes }: Change): void {
    if (call === 'mkdir') this.#create(target, undefined)
    else if (call === 'openat') this.#open(target)
    else if (call === 'write' && bytes !== undefined) this.#later({ inode: this.#inodeOf(target), bytes })
    else if (call === 'rename' && to !== undefined) this.#rename(target, to)
    else if (call === 'unlink') this.#unlink(target)
    else if (call === 'fsync') this.#sync(target)
    else if (call !== 'fchmod') throw new Error(`what ${call} does to a disk is not known`)
  }

  /** What may be found after a loss of power now; the same may be there more than once. */
  afterLoss(): readonly Found[] {
    const loose = this.#pending.filter((one) => this.#isLoose(this.#placeOf(one)))
    const others = this.#pending.filter((one) => !loose.includes(one))
    const units = [...(loose.length > 0 ? [loose] : []), ...others.map((one) => [one])]
    const chosen = subsets(units).map((some) => ({ some: some.flat(), how: '' }))
    const cut = torn(others).map((some, index) => ({ some, how: index === 0 ? ', the last torn' : ', the last zeros' }))
    return [...chosen, ...cut].map(({ some, how }) => ({
      tree: this.#synced.with(some).tree(this.#names),
      lost: `${this.#pending.length - some.length} of ${this.#pending.length} unsynced lost${how}`,
    }))
  }

  #later(one: Pending): void {
    this.#pending = [...this.#pending, one]
  }

  #inodeOf(path: string): number {
    const inode = this.#names.get(path)
    if (inode === undefined) throw new Error(`${path} is used and was never made`)
    return inode
  }

  #placeOf(one: Pending): string {
    return ('bytes' in one ? this.#paths[one.inode] : one.names[0]?.[0]) ?? ''
  }

  #create(path: string, bytes: Buffer | undefined): void {
    const inode = this.#paths.push(path) - 1
    this.#names.set(path, inode)
    this.#synced.add(inode, bytes)
    this.#later({ names: [[path, inode]] })
  }

  #open(path: string): void {
    if (!this.#names.has(path)) this.#create(path, Buffer.of())
  }

  #unlink(path: string): void {
    this.#names.delete(path)
    this.#later({ names: [[path, undefined]] })
  }

  #rename(from: string, to: string): void {
    const inode = this.#inodeOf(from)
    this.#names.delete(from)
    this.#names.set(to, inode)
    const names = [[to, inode] as const, [from, undefined] as const]
    this.#later({ names })
  }

  /** A file's bytes, or the names in a folder. */
  #sync(path: string): void {
    const inode = this.#names.get(path)
    const isSynced = (one: Pending): boolean =>
      'bytes' in one ? one.inode === inode : one.names.some(([name]) => posix.dirname(name) === path)
    for (const one of this.#pending.filter(isSynced)) this.#synced.take(one)
    this.#pending = this.#pending.filter((one) => !isSynced(one))
  }
}
