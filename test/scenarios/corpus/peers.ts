/** Naive idle detectors, as comparators: pure functions of what each of them would read from the same frames. */
import type { Frame } from './frame.ts'

/** A detector: does it see activity between two checks, and for how many minutes has it to see none? */
export interface Peer {
  readonly name: string
  readonly about: string
  readonly minutes: number
  active(now: Frame, before: Frame | undefined): boolean
}

function textOf({ files }: Frame, path: string): string {
  const text = files[path]
  return typeof text === 'string' ? text : ''
}

function load1(frame: Frame): number {
  return Number(textOf(frame, '/proc/loadavg').split(' ')[0])
}

function sessions({ commands }: Frame): number {
  const answer = commands['["who"]']
  return answer !== undefined && answer !== null && 'stdout' in answer ? answer.stdout.split('\n').length - 1 : 0
}

/** Busy and all ticks since the boot, of all cores. */
function ticks(frame: Frame): readonly [busy: number, all: number] {
  const columns = textOf(frame, '/proc/stat').split('\n')[0]?.split(/ +/).slice(1).map(Number) ?? []
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = columns
  const busy = user + nice + system + irq + soft + steal
  return [busy, busy + idle + wait]
}

/** Percent of the machine, of all cores together; nothing is known at the first look. */
function percent(now: Frame, before: Frame | undefined): number {
  if (before === undefined) return 100
  const [[busy, all], [oldBusy, oldAll]] = [ticks(now), ticks(before)]
  return all <= oldAll ? 100 : (100 * (busy - oldBusy)) / (all - oldAll)
}

/** Minutes since the last key on a terminal of this machine, or since the boot where there is none. */
function minutesSinceInput({ clocks, stats }: Frame): number {
  const terminals = Object.entries(stats).filter(([path]) => /^\/dev\/pts\/\d+$/.test(path))
  const last = Math.max(clocks.wallMs - clocks.bootMs, ...terminals.map(([, stat]) => stat?.atimeMs ?? 0))
  return (clocks.wallMs - last) / 60_000
}

export const peers: readonly Peer[] = [
  {
    name: 'load or session',
    about: 'load1 > 0.5, or anybody in `who`; 10 min (the agent that this one replaces)',
    minutes: 10,
    active: (now) => load1(now) > 0.5 || sessions(now) > 0,
  },
  {
    name: 'CPU < 10 %',
    about: 'CPU of the machine under 10 % for 10 min',
    minutes: 10,
    active: (now, before) => percent(now, before) >= 10,
  },
  {
    name: 'CPU < 5 %',
    about: 'CPU of the machine under 5 % for 10 min, nothing else',
    minutes: 10,
    active: (now, before) => percent(now, before) >= 5,
  },
  {
    name: 'input 30 min',
    about: 'no key on any terminal for 30 min',
    minutes: 0,
    active: (now) => minutesSinceInput(now) < 30,
  },
]

/** When a detector that looks at these frames would stop the machine: minute, or `undefined`. It has the same grace after minute 0. */
export function stopOf(
  peer: Peer,
  frames: readonly { readonly minute: number; readonly frame: Frame }[],
): number | undefined {
  let since: number | undefined
  let before: Frame | undefined
  for (const { minute, frame } of frames) {
    const booted = before !== undefined && frame.clocks.monoMs < before.clocks.monoMs
    if (peer.active(frame, booted ? undefined : before)) since = undefined
    else since ??= minute
    if (minute < 0 || booted) since = since === undefined ? undefined : minute
    if (since !== undefined && minute - since >= peer.minutes && minute >= 0) return minute
    before = frame
  }
  return undefined
}
