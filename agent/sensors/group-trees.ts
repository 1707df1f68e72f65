/** The control group trees of this machine in which CPU time is counted, version 2 and 1: loaded only where somebody asks for single groups. */
import type { Host } from '../host/host.ts'
import { parseCount } from './counts.ts'
import { groupRoot, parseUsage } from './groups.ts'

/** Where a tree begins, and which of the two it is. */
export interface GroupTree {
  readonly mount: string
  readonly version: 1 | 2
}

/** The mount of version 1's CPU accounting in /proc/self/mountinfo; its options stand after the " - " (kernel.md 1.2). */
function accountingMount(mountinfo: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const [type, , options = ''] = after.split(' ')
    if (type === 'cgroup' && options.split(',').includes('cpuacct')) return before.split(' ')[4]
  }
  return undefined
}

/** The trees that are mounted, version 2 first: everything that systemd starts is in it, hybrid systems included. */
export async function groupTrees(host: Host): Promise<readonly GroupTree[]> {
  const second = await groupRoot(host)
  const first = accountingMount((await host.readText('/proc/self/mountinfo')) ?? '')
  return [
    ...(second === undefined ? [] : [{ mount: second.mount, version: 2 } as const]),
    ...(first === undefined ? [] : [{ mount: first, version: 1 } as const]),
  ]
}

/** The group of a process in a tree, out of /proc/PID/cgroup (cgroups(7)): "/" for the root; `undefined` where the tree has no line. */
export function groupOf(text: string, { version }: GroupTree): string | undefined {
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    const fits = version === 2 ? controllers === '' : controllers?.split(',').includes('cpuacct') === true
    if (fits) return path
  }
  return undefined
}

/** CPU time of a group so far in microseconds, and its inode, in the first tree that has it; `undefined` once it is gone. Throws where the figure is not understood. */
export async function groupUsage(
  host: Host,
  trees: readonly GroupTree[],
  path: string,
): Promise<{ readonly ino: number; readonly us: number } | undefined> {
  for (const { mount, version } of trees) {
    const folder = `${mount}${path}`
    const stat = await host.stat(folder)
    const text = await host.readText(`${folder}/${version === 2 ? 'cpu.stat' : 'cpuacct.usage'}`)
    if (stat === undefined || text === undefined) continue
    // Version 1 counts nanoseconds (kernel.md 1.1).
    const us = version === 2 ? parseUsage(text) : Math.floor(parseCount(text.trim(), 'cpuacct.usage') / 1000)
    return { ino: stat.ino, us }
  }
  return undefined
}
