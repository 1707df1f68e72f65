/** Frames made by hand for tests: a small quiet machine on AWS, checked every two minutes. */
import type { Config } from '../../agent/config.ts'
import { loadConfig } from '../../agent/config.ts'
import type { Frame } from '../../agent/host/frame.ts'
import { createMemoryHost } from '../host/memory.ts'

/** 2026-01-01T00:00:00Z, an hour after boot. */
export const began = { wallMs: Date.UTC(2026, 0, 1), bootMs: 3_600_000, monoMs: 3_600_000 }

/** SOURCE: written after proc_pid_stat(5). */
export function statLine(pid: number, comm: string, facts: { ppid?: number; ticks?: number; tty?: number } = {}) {
  const { ppid = 1, ticks = 0, tty = 0 } = facts
  return `${pid} (${comm}) S ${ppid} ${pid} ${pid} ${tty} -1 0 0 0 0 0 ${ticks} 0 0 0 20 0 1 0 ${pid * 10} 1000 10 0\n`
}

/** `cpu` line of a machine of two cores; `busy` in ticks. SOURCE: written after proc_stat(5). */
export function cpuLine(busy: number): string {
  return `cpu  ${busy} 0 0 900000 0 0 0 0 0 0\ncpu0 ${busy} 0 0 900000 0 0 0 0 0 0\n`
}

const noTraffic = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
`

/** The clocks of check number `index`. */
export function clocksAt(index: number): Frame['clocks'] {
  const ms = index * 120_000
  return { wallMs: began.wallMs + ms, bootMs: began.bootMs + ms, monoMs: began.monoMs + ms }
}

/** The first frame: everything that there is. */
export function firstFrame(more: Partial<Frame> = {}): Frame {
  const { files, ...rest } = more
  return {
    schema: 'idle-agent.frame.v1',
    clocks: began,
    host: { cloud: 'aws', id: 'i-0abc', region: 'eu-west-1', startedAt: '2025-12-31T23:00:00Z', tellsStart: true },
    self: { pid: 500, startTicks: 5000, bootId: '11111111-2222-4333-8444-555555555555', uid: 0, cpuMs: 10 },
    files: {
      '/proc/stat': cpuLine(1000),
      '/proc/1/stat': statLine(1, 'systemd'),
      '/proc/500/stat': statLine(500, 'idle-agent'),
      '/proc/net/dev': noTraffic,
      '/proc/diskstats': '   8       0 sda 100 0 1000 10 100 0 1000 10 0 10 20\n',
      ...files,
    },
    folders: { '/dev/pts': ['ptmx'] },
    rest: 'absent',
    ...rest,
  }
}

/** A later frame, in which only the time has gone on. */
export function nextFrame(index: number, more: Partial<Frame> = {}): Frame {
  return { schema: 'idle-agent.frame.v1', clocks: clocksAt(index), ...more }
}

/** The settings of a configuration file with this text, or the defaults. */
export async function configOf(text?: string): Promise<Config> {
  const files: Readonly<Record<string, string>> = text === undefined ? {} : { '/config.yaml': text }
  const host = createMemoryHost({ files })
  return (await loadConfig(host, { path: '/config.yaml', explicit: text !== undefined })).config
}
