/** A fixture machine's disks, and the processes that use them. */
import type { Machine } from '../host/fixture.ts'

/** A line of /proc/diskstats with as many columns as the kernel of the time prints; `read` and `written` in sectors. */
export function line(name: string, { read = 0, written = 0, id = '8 0', columns = 20 } = {}): string {
  const figures = [1, 2, read, 4, 5, 6, written, 8, 9, 10, 11, 0, 0, 0, 0, 0, 0]
  return `   ${id} ${name} ${figures.slice(0, columns - 3).join(' ')}\n`
}

export const sectors = (bytes: number): number => Math.round(bytes / 512)

/** More traffic, in bytes, of the disk of debian12-vm-quiet and container-nspawn. */
export function use(machine: Pick<Machine, 'write'>, { read = 0, written = 0 }): void {
  const now = { read: 9_300_674 + sectors(read), written: 25_554_024 + sectors(written), id: '259 0' }
  machine.write('/proc/diskstats', line('nvme0n1', now))
}

/** Text of /proc/PID/io. */
export function io(read: number, written = 0, cancelled = 0): string {
  return `rchar: 9\nwchar: 9\nsyscr: 1\nsyscw: 1\nread_bytes: ${read}\nwrite_bytes: ${written}\ncancelled_write_bytes: ${cancelled}\n`
}

/** A process of the machine that reads and writes. */
export function plant(
  machine: Machine,
  who: {
    readonly pid: number
    readonly comm: string
    readonly ppid?: number
    readonly start?: number
    readonly cgroup?: string
  },
  text: string,
): void {
  const { pid, comm, ppid = 1, start = 5, cgroup = '/user.slice' } = who
  machine.write(
    `/proc/${pid}/stat`,
    `${pid} (${comm}) S ${ppid} ${pid} ${pid} 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 ${start} 0 0\n`,
  )
  machine.write(`/proc/${pid}/io`, text)
  machine.write(`/proc/${pid}/cgroup`, `0::${cgroup}\n`)
}
