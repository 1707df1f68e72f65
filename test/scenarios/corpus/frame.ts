/** One frame of a capture, as the corpus writes it (docs of the capture format): everything that a check may ask of the machine at a moment. */
import type { FileStat } from '../../../agent/host/host.ts'
import type { Clocks } from '../../../agent/types.ts'

export type FrameText = string | null | { readonly error: string }
export type FrameCommand =
  | { readonly status: number; readonly stdout: string; readonly stderr: string }
  | null
  | { readonly error: string }

export type FrameAnswer = { readonly status: number; readonly body: string } | null

/** What changes from one look to the next. */
export interface FrameLook {
  readonly clocks: Clocks
  readonly self: { readonly cpuMs: number }
  readonly files: Readonly<Record<string, FrameText>>
  readonly folders: Readonly<Record<string, readonly string[] | null>>
  readonly stats: Readonly<Record<string, FileStat | null>>
  readonly links: Readonly<Record<string, string | null>>
  readonly commands: Readonly<Record<string, FrameCommand>>
  readonly http: Readonly<Record<string, FrameAnswer>>
  readonly displays: Readonly<Record<string, number | null>>
}

export interface Frame extends Omit<FrameLook, 'self'> {
  readonly schema: 'idle-agent.frame.v1'
  readonly host: {
    readonly cloud: string
    readonly id: string
    readonly region: string
    readonly startedAt: string
    readonly tellsStart: boolean
    readonly canHibernate: boolean
  }
  readonly self: {
    readonly pid: number
    readonly startTicks: number
    readonly bootId: string
    readonly uid: number
    readonly cpuMs: number
  }
  readonly rest: 'absent'
}

const directory = { kind: 'directory', dev: 66_305, rdev: 0, uid: 0, mode: 0o755, nlink: 2, size: 4096 } as const

/** Collects what a frame holds; paths of folders follow from those of what lies in them. */
export class FrameWriter {
  readonly files: Record<string, FrameText> = {}
  readonly folders: Record<string, readonly string[] | null> = {}
  readonly stats: Record<string, FileStat | null> = {}
  readonly links: Record<string, string | null> = {}
  readonly commands: Record<string, FrameCommand> = {}
  readonly http: Record<string, FrameAnswer> = {}
  readonly displays: Record<string, number> = {}
  readonly #bootWallMs: number

  /** Files that nobody changed are as old as the boot, `bootWallMs` on the wall clock. */
  constructor(bootWallMs: number) {
    this.#bootWallMs = bootWallMs
  }

  file(path: string, text: string): void {
    this.files[path] = text
  }

  /** A file on a disk, with its facts. */
  stored(path: string, text: FrameText, facts: Partial<FileStat> = {}): void {
    this.files[path] = text
    const size = typeof text === 'string' ? Buffer.byteLength(text) : 0
    this.stats[path] = this.#facts(path, { kind: 'file', mode: 0o644, nlink: 1, size, ...facts })
  }

  directory(path: string, facts: Partial<FileStat> = {}): void {
    this.stats[path] = this.#facts(path, { ...directory, ...facts })
  }

  command(argv: readonly string[], answer: FrameCommand | string): void {
    this.commands[JSON.stringify(argv)] =
      typeof answer === 'string' ? { status: 0, stdout: answer, stderr: '' } : answer
  }

  #facts(path: string, facts: Partial<FileStat>): FileStat {
    const at = facts.mtimeMs ?? this.#bootWallMs
    return {
      ...{ kind: 'file', dev: 66_305, ino: inodeOf(path), rdev: 0, uid: 0, mode: 0o644, nlink: 1, size: 0 },
      ...{ atimeMs: at, mtimeMs: at, ctimeMs: at },
      ...facts,
    }
  }
}

/** The same number for the same path, always. */
export function inodeOf(path: string): number {
  let hash = 7
  for (const letter of path) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003
  return 100_000 + hash
}

/** What has changed since another frame, as a line of a capture file says it: `null` for what is gone. */
export function changes<T>(
  now: Readonly<Record<string, T>>,
  before: Readonly<Record<string, T>>,
): Record<string, T | null> {
  const changed: Record<string, T | null> = {}
  for (const [key, value] of Object.entries(now))
    if (JSON.stringify(before[key]) !== JSON.stringify(value)) changed[key] = value
  for (const key of Object.keys(before)) if (!(key in now)) changed[key] = null
  return changed
}
