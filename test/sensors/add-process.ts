/** Puts a process into a fixture machine. */
import type { Machine } from '../host/fixture.ts'

export interface GivenProcess {
  readonly pid: number
  readonly comm: string
  /** 1 unless told. */
  readonly ppid?: number
  /** 0 unless told. */
  readonly uid?: number
  /** Words of the command line; the name alone unless told. */
  readonly words?: readonly string[]
  /** Start in ticks; 100 s after boot unless told. */
  readonly start?: number
  /** User ticks so far. */
  readonly ticks?: number
  readonly state?: string
  /** Text of /proc/PID/cgroup. */
  readonly cgroup?: string
}

/** Writes /proc/PID of one process: proc_pid_stat(5), proc_pid_status(5), cgroups(7). */
export function addProcess(machine: Pick<Machine, 'write'>, given: GivenProcess): void {
  const { pid, comm, ppid = 1, uid = 0, words = [comm], start = 10_000, ticks = 0, state = 'S' } = given
  const middle = `${state} ${ppid} ${pid} ${pid} 0 -1 4194560 1 0 0 0 ${ticks} 0 0 0 20 0 1 0 ${start}`
  machine.write(`/proc/${pid}/stat`, `${pid} (${comm}) ${middle} 1 1 1\n`)
  machine.write(`/proc/${pid}/status`, `Name:\t${comm}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
  machine.write(`/proc/${pid}/cmdline`, words.map((word) => `${word}\0`).join(''))
  machine.write(`/proc/${pid}/cgroup`, given.cgroup ?? '0::/system.slice/some.service\n')
}
