// A crowd around the bench: real processes, control groups, sockets and terminals, and their end.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compile } from './compiler.ts'

export const crowd = { processes: 5_000, groups: 2_000, sockets: 10_000, ptys: 500 } as const

/** Where control groups of version 2 can be made, or nowhere. */
const root = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.procs')))

/** Root, a C compiler and a tree of control groups: without one of them there is no crowd. */
export function canCrowd(folder: string): boolean {
  if (process.getuid?.() !== 0 || root === undefined) return false
  const program = join(folder, 'crowd')
  const source = join(import.meta.dirname, 'crowd.c')
  return compile(source, program)
}

/** Starts it; what is given back ends it, with all that it made. */
export async function gather(folder: string): Promise<() => Promise<void>> {
  const words = [crowd.processes, crowd.ptys, crowd.sockets].map(String)
  const child = spawn(join(folder, 'crowd'), words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const pids: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') break
    pids.push(line)
  }
  const tree = join(root ?? '', 'crowd.slice')
  mkdirSync(tree)
  for (let group = 0; group < crowd.groups; group += 1) mkdirSync(join(tree, `group-${group}`))
  for (const [at, pid] of pids.entries()) writeFileSync(join(tree, `group-${at % crowd.groups}`, 'cgroup.procs'), pid)
  return async () => {
    child.stdin.end()
    await ended
    await emptied(tree)
    for (const group of readdirSync(tree)) if (group.startsWith('group-')) rmdirSync(join(tree, group))
    rmdirSync(tree)
  }
}

/** Killed processes leave their groups a little later. */
async function emptied(tree: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const events = spawnSync('cat', [join(tree, 'cgroup.events')]).stdout.toString()
    if (events.includes('populated 0')) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the crowd does not leave its control groups')
}
