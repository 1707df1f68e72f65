// A crowd around the bench: real processes, control groups, sockets and terminals, and their end.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { compile } from './compiler.ts'

export const crowd = { processes: 5_000, groups: 2_000, sockets: 10_000, ptys: 500 } as const

type Crowd = Readonly<Record<keyof typeof crowd, number>>

/** Where control groups of version 2 can be made, or nowhere. */
const root = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.procs'))) ?? ''

/** The tree of control groups of this process's crowd; there while that is. */
export const ownTree = join(root, `bench-crowd-${process.pid}.slice`)

/** The trees that are there, of all benches. */
export function crowdTrees(): readonly string[] {
  if (root === '') return []
  return readdirSync(root)
    .filter((name) => /^bench-crowd-\d+\.slice$/.test(name))
    .map((name) => join(root, name))
}

/** Root, a C compiler and a tree of control groups: without one of them there is no crowd. */
export function canCrowd(folder: string): boolean {
  if (process.getuid?.() !== 0 || root === '') return false
  const program = join(folder, 'crowd')
  const source = join(import.meta.dirname, 'crowd.c')
  return compile(source, program)
}

/**
 * Starts it, `size` of each; what is given back ends it, with all that it made. If it rejects, nothing is left. What a
 * bench that was killed left behind goes first.
 */
export async function gather(folder: string, size: Crowd = crowd): Promise<() => Promise<void>> {
  for (const tree of crowdTrees()) if (isEmpty(tree)) remove(tree)
  const words = [size.processes, size.ptys, size.sockets].map(String)
  const child = spawn(join(folder, 'crowd'), words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const end = async (): Promise<void> => {
    child.stdin.end()
    await ended
    if (!existsSync(ownTree)) return
    await emptied(ownTree)
    remove(ownTree)
  }
  try {
    const pids = await pidsOf(child)
    mkdirSync(ownTree)
    for (let group = 0; group < size.groups; group += 1) mkdirSync(join(ownTree, `group-${group}`))
    for (const [at, pid] of pids.entries())
      writeFileSync(join(ownTree, `group-${at % size.groups}`, 'cgroup.procs'), pid)
  } catch (error) {
    await end()
    throw error
  }
  return end
}

async function pidsOf(child: ChildProcessByStdio<Writable, Readable, null>): Promise<readonly string[]> {
  const pids: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') return pids
    pids.push(line)
  }
  throw new Error('the crowd could not be gathered')
}

function remove(tree: string): void {
  for (const group of readdirSync(tree)) if (group.startsWith('group-')) rmdirSync(join(tree, group))
  rmdirSync(tree)
}

function isEmpty(tree: string): boolean {
  return readFileSync(join(tree, 'cgroup.events'), 'utf8').includes('populated 0')
}

/** Killed processes leave their groups a little later; after a minute they are taken to hang. */
async function emptied(tree: string): Promise<void> {
  for (let attempt = 0; attempt < 1_200; attempt += 1) {
    if (isEmpty(tree)) return
    await sleep(50)
  }
  throw new Error('the crowd does not leave its control groups')
}
