/** What a scenario of the corpus is: a machine, what happens on it in minutes, and what is right. Types and constructors of plain data; no code that runs it. */
import type { Load, Times } from './times.ts'
import type { Model } from './world.ts'

/** A program and its life. */
export interface Program {
  readonly kind: 'program'
  /** Others name it as their parent. */
  readonly id: string
  /** As the kernel shows it: at most 15 bytes. */
  readonly comm: string
  /** `comm` alone unless given. */
  readonly argv?: readonly string[]
  /** Root unless given. */
  readonly uid?: number
  /** systemd unless given. */
  readonly parent?: string
  /** Control group below the root; the parent's unless given. */
  readonly group?: string
  /** Minutes; since the boot, and to the end, unless given. */
  readonly from?: number
  readonly until?: number
  /** Cores. */
  readonly cpu?: Load
  /** Cores, used by children that come and go and are waited for. */
  readonly children?: Load
  /** Bytes a second from and to the disks. */
  readonly reads?: Load
  readonly writes?: Load
  /** Bytes a second read and written, whatever that was (rchar and wchar). */
  readonly chars?: Load
  /** Context switches a second. */
  readonly wakes?: Load
  /** Id of the pty or console that is its controlling terminal. */
  readonly tty?: string
  /** Leads a session of its own. */
  readonly leads?: true
  /** A process group of its own: with a terminal, the one in the foreground while it lives. */
  readonly job?: true
  /** In the background of its terminal. */
  readonly background?: true
  /** Its state, `S` unless given. */
  readonly state?: 'S' | 'D' | 'Z' | 'R'
  /** Socket that it has open. */
  readonly socket?: string
  /** Port on the loopback that it listens on. */
  readonly listens?: number
  /** Number of the X display that it shows; a program is connected to it. */
  readonly display?: number
  /** Where it waits in the kernel (/proc/PID/wchan), by the minute. */
  readonly wchan?: (minute: number) => string
}

/** A pseudo-terminal or console. */
export interface Pty {
  readonly kind: 'pty'
  readonly id: string
  /** `pts` is this machine's own, `apart` a container's. */
  readonly of?: 'pts' | 'apart' | 'ttyS0'
  readonly uid: number
  readonly from?: number
  readonly until?: number
  /** What somebody typed and a program read. */
  readonly typed?: Times
  /** What programs printed. */
  readonly output?: Times
  /** Somebody answers a warning by typing, so many seconds later. */
  readonly answers?: number
  /** Shows what is written to this other one, as a client of tmux does. */
  readonly shows?: string
}

/** Keyboard and mouse of an X display. */
export interface Keyboard {
  readonly kind: 'keyboard'
  readonly display: number
  readonly used?: Times
}

/** An established TCP connection. */
export interface Socket {
  readonly kind: 'socket'
  readonly id: string
  readonly uid: number
  readonly port?: number
  /** IPv4 address of the client; somewhere else unless given. */
  readonly client?: string
  readonly from?: number
  readonly until?: number
  /** Bytes a second. */
  readonly received?: Load
  readonly sent?: Load
  /** Keys on this pty pass over it, and so does what is printed there. */
  readonly carries?: string
  /** Passes over an interface that repeats the bytes of another, or over the loopback. */
  readonly local?: true
}

/** Traffic that is nobody's connection here: what other programs receive and send. */
export interface Net {
  readonly kind: 'net'
  readonly received?: Load
  readonly sent?: Load
  /** Name of the interface; the machine's own unless given. */
  readonly on?: 'lo' | 'wg0' | 'docker0'
}

/** Bytes a second from and to the disks by no program (the kernel's own: md, swap). */
export interface Disk {
  readonly kind: 'disk'
  readonly reads?: Load
  readonly writes?: Load
}

/** CPU time of no program that anybody can name any more, in cores. */
export interface Cpu {
  readonly kind: 'cpu'
  readonly cores: Load
  /** Control group that it falls to. */
  readonly group?: string
}

/** A file that is there for a while. */
export interface FileThere {
  readonly kind: 'file'
  readonly path: string
  /** `{error: …}`: it is there and cannot be read; `null`: it is not there, although such machines have it. A function of the moment in minutes where it changes. */
  readonly text: string | null | { readonly error: string } | ((minute: number) => string)
  readonly from?: number
  readonly until?: number
  readonly uid?: number
  readonly mode?: number
  /** Minute of its last change; `from` unless given. */
  readonly changed?: number
}

/** A folder that is there, perhaps empty. */
export interface FolderThere {
  readonly kind: 'folder'
  readonly path: string
  readonly from?: number
  readonly until?: number
}

/** What a command answers; `undefined` is one that is not installed. */
export interface CommandThere {
  readonly kind: 'command'
  readonly argv: readonly string[]
  readonly answer: { readonly status?: number; readonly stdout: string; readonly stderr?: string } | 'missing' | 'hangs'
  readonly from?: number
  readonly until?: number
}

/** What answers over HTTP on the loopback, by the minute; no answer where it gives none. */
export interface HttpThere {
  readonly kind: 'http'
  readonly url: string
  readonly body: (minute: number, wallMs: (minute: number) => number) => string | undefined
}

/** A run of one of the distribution's services, as systemd remembers it. */
export interface UnitRun {
  readonly kind: 'unit'
  readonly unit: string
  readonly from: number
  readonly until: number
  /** CPU time of it all in cores. */
  readonly cores: number
}

/** A timer of the system's. */
export interface Timer {
  readonly kind: 'timer'
  readonly timer: string
  readonly unit: string
  /** Minute of the next run, and how many minutes lie between two. */
  readonly at: number
  readonly every?: number
  /** Of a user's own manager. */
  readonly uid?: number
}

/** A lock that a process holds on one of the package manager's files. */
export interface Lock {
  readonly kind: 'lock'
  readonly path: string
  readonly by: string
  readonly from: number
  readonly until?: number
}

/** A lease, as `keep` writes it. */
export interface LeaseThere {
  readonly kind: 'lease'
  readonly uid: number
  readonly slot?: number
  readonly from: number
  /** It ends by itself after so many minutes, or with a program. */
  readonly minutes?: number
  readonly program?: string
  /** It is taken back. */
  readonly until?: number
}

/** One GPU. */
export interface Gpu {
  readonly kind: 'gpu'
  readonly maker?: 'nvidia' | 'amd'
  /** Percent, of the moment that a look sees. */
  readonly busy?: Load
  readonly memoryMib?: Load
  /** Programs with a context, by id. */
  readonly programs?: readonly string[]
  readonly accounting?: true
  readonly mig?: true
}

/** Something happens to the clocks, or to the machine as a whole. */
export interface Turn {
  readonly kind: 'turn'
  readonly at: number
  /** NTP, or a person, steps the wall clock; in minutes. */
  readonly step?: number
  /** It slept so many minutes: the wall clock and, where `unseen` is not set, the boot-time clock went on. */
  readonly slept?: number
  readonly unseen?: true
  /** It was off so many minutes and boots. */
  readonly off?: number
  /** The provider tells a new start, and the resume hook ran. */
  readonly started?: true
  readonly hook?: true
}

export type Happening =
  | Program
  | Pty
  | Keyboard
  | Socket
  | Net
  | Disk
  | Cpu
  | FileThere
  | FolderThere
  | CommandThere
  | HttpThere
  | UnitRun
  | Timer
  | Lock
  | LeaseThere
  | Gpu
  | Turn

/** What must be said in each check whose whole interval lies between two minutes of the scenario, the second one excluded: what ended has no name any more. */
export interface Says {
  readonly from: number
  readonly until: number
  readonly verdict?: 'active' | 'idle' | 'unknown'
  /** Sensors with that reading; no other sensor may have it. For a verdict of idle: those that hold. */
  readonly by?: readonly string[]
  /** Vetoes that stand, by name. */
  readonly veto?: readonly string[]
  /** Words of the deciding reading's or veto's reason. */
  readonly because?: RegExp
  readonly state?: string
}

/** When the machine is to be stopped. */
export interface Acts {
  /** Minute of the last true activity, or of the end of grace where there is none: 0. */
  readonly last: number
  /** How exactly it is known: a counter tells an interval, a terminal 8 s. A terminal unless given. */
  readonly told?: 'counter' | 'terminal'
  /** Minutes that it is held beyond its time of 10, as the design states it. */
  readonly hold?: number
  /** What holds is gone by this minute: no action before. */
  readonly heldUntil?: number
  /** Last minute at which what holds may hold, where its own end is not exact. */
  readonly heldAtMost?: number
}

/** A variant of a scenario: the same happenings on another machine. */
export type Variant =
  | 'base'
  | '2-cores'
  | '8-cores'
  | '96-cores'
  | 'jitter'
  | 'other-user'
  | 'other-names'
  | 'cgroup-v1'
  | 'cgroup-hybrid'
  | 'no-cgroup'
  | 'no-ss'
  | 'no-systemd-answer'
  | 'no-disk-counters'
  | 'no-sysfs-net'

export interface Scenario {
  readonly id: string
  /** The row of the design's table that it plays, or `own`. */
  readonly row: string
  /** Written by hand from documented formats, or captured on a real machine. */
  readonly made: 'written' | 'captured'
  readonly cores?: number
  /** The sensor without which it cannot be judged right. */
  readonly needs?: string
  /** The configuration file, where there is one. */
  readonly config?: string
  /** What else is unusual about the machine. */
  readonly model?: Partial<Model>
  /** When the scenario begins, in UTC; a Monday at 06:00 unless given. */
  readonly begins?: string
  /** Minutes that the machine has been up at minute 0. */
  readonly up?: number
  readonly happens: readonly (Happening | readonly Happening[])[]
  /** Truth: minutes in which somebody needs the machine. A stop within is a false stop. */
  readonly needed: readonly (readonly [from: number, until: number])[]
  /** `never`: not within the scenario's length. */
  readonly acts: Acts | 'never'
  /** Minutes that it is looked at; some more than the latest allowed action unless given. */
  readonly lasts?: number
  readonly says?: readonly Says[]
  /** Sensors whose evidence was the last use before the stop, as `why` is to tell it; those of the last activity in `says` unless given. */
  readonly lastUse?: readonly string[]
  /** Variants that make it another scenario, with the reason. */
  readonly without?: Partial<Record<Variant, string>>
  /** What the agent gets wrong today, told and counted, not hidden. */
  readonly knownWrong?: string
  /** Minutes from check to check; 2 unless given, and as its configuration says. */
  readonly every?: number
  /** First check so many minutes before minute 0; 10, which is the grace, unless given. */
  readonly watchedFrom?: number
  /** No check runs between these minutes: the scheduler is dead. */
  readonly unwatched?: readonly (readonly [number, number])[]
  /** Further looks at moments of the same check (a second look): minutes at which a check runs beside the usual ones. */
  readonly checksAt?: readonly number[]
}
