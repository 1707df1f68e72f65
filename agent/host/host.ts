/** The seam to the world: where files, commands, HTTP and time come from. Nothing else does I/O. */
import type { Clocks } from '../types.ts'

/** What `stat` tells about a file, links followed. Times in milliseconds of the wall clock. */
export interface FileStat {
  readonly kind: 'file' | 'directory' | 'link' | 'character' | 'other'
  readonly dev: number
  readonly ino: number
  readonly rdev: number
  readonly uid: number
  readonly mode: number
  readonly nlink: number
  readonly size: number
  readonly atimeMs: number
  readonly mtimeMs: number
  readonly ctimeMs: number
}

export interface CommandResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface HttpRequest {
  readonly method: 'GET' | 'PUT'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The agent's own files, outside `root`: state, journal, leases. Paths are absolute. */
export interface Store {
  /** The file's text, or `undefined` if there is none. Throws HostError if unreadable or over 16 MiB. */
  read(path: string): Promise<string | undefined>
  /** Replaces the file atomically: temporary file, fsync, rename, fsync of the folder. */
  replace(path: string, text: string, mode: number): Promise<void>
  /** Appends and fsyncs; begins a new line first if the last one was torn. Gives back the file's size in bytes. */
  append(path: string, line: string, mode: number): Promise<number>
  /** Creates the file; false if it exists. Never follows a link. */
  create(path: string, text: string, mode: number): Promise<boolean>
  /** Opens without following links and reads at most `maxBytes` of a regular file, with its facts; `undefined` if absent, a link, not regular or larger. */
  readPlain(path: string, maxBytes: number): Promise<{ readonly text: string; readonly stat: FileStat } | undefined>
  /** Removes a file, a link or an empty folder; nothing there is fine. `whole`, for root only: takes a folder away from its owner first, and removes what is in it, at most 10,000 entries in one call; follows no link. */
  remove(path: string, options?: { readonly whole: boolean }): Promise<void>
  /** Replaces the text of a file of the caller's own, in place; false if it is not there, not a file with one link, or another's. */
  overwrite(path: string, text: string): Promise<boolean>
  /** Puts a small file of that user's (0600) at the path, over a file that is there, in one step. For root. */
  give(path: string, uid: number, text: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Makes a symbolic link; false if something is there. */
  link(target: string, path: string): Promise<boolean>
  /** Copies a file over another, whole or not at all; false if it is the same already. */
  copy(from: string, to: string, mode: number): Promise<boolean>
  /** Names in a folder; one that is no UTF-8 comes as text that only `remove` understands. */
  list(path: string): Promise<readonly string[]>
  makeDir(path: string, mode: number): Promise<void>
}

/** This process, for locks and leases; always the machine that runs the agent. */
export interface Self {
  readonly pid: number
  /** Field 22 of /proc/PID/stat. */
  readonly startTicks: number
  readonly bootId: string
  readonly uid: number
  /** Path of the running executable. */
  readonly executable: string
  /** Start ticks of another process of this machine, or `undefined` if there is none. */
  startTicksOf(pid: number): Promise<number | undefined>
  /** Real user id of another process of this machine, or `undefined` if there is none. */
  ownerOf(pid: number): Promise<number | undefined>
  /** User and system CPU time of this process and its ended children so far, in milliseconds. */
  cpuMs(): number
  /** What a process that stays can do about its memory; absent where there is no real one. */
  resident?(): Promise<Resident>
}

/** A process that stays, and rests most of the time. */
export interface Resident {
  /** From now on little memory counts for more than speed. What is loaded afterwards does without its code cache. */
  preferLittle(): void
  /**
   * Where more than `mostBytes` are resident, gives back what is held in reserve, and where that is not enough begins the
   * program anew in this process, with the same arguments and `env` besides: then it does not return. True if there was more.
   * For a moment at which nothing is under way.
   */
  holdLess(mostBytes: number, env: Readonly<Record<string, string>>): boolean
}

/** An X display of this machine. */
export interface Display {
  readonly number: number
  /** Real user id of its server; only that user's sockets and files are trusted with it. */
  readonly uid: number
  /** Absolute path of the file that the server takes its cookies from. */
  readonly authFile?: string
}

export interface Host {
  /** Prefix of every path that a sensor reads; "/" on the machine itself. */
  readonly root: string
  readonly store: Store
  readonly self: Self
  env(name: string): string | undefined
  clocks(): Clocks
  /** Resolves after `ms` milliseconds; rejects when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** A signal that aborts after `ms` of real time unless cleared (a simulated host never aborts); keeps no process alive. `what` is who has to be done by then. */
  deadline(ms: number, what?: string): { readonly signal: AbortSignal; clear(): void }
  /** The text of a file below `root`, or `undefined` if there is none. Throws HostError if unreadable, or over `maxBytes` (1 MiB). */
  readText(path: string, maxBytes?: number): Promise<string | undefined>
  /** Names in a folder below `root`, or `undefined` if there is nothing. Throws HostError if unreadable, or if something else is there. */
  list(path: string): Promise<readonly string[] | undefined>
  /** Facts of a file below `root`, links followed; `undefined` if there is none. */
  stat(path: string): Promise<FileStat | undefined>
  readLink(path: string): Promise<string | undefined>
  /** Runs a command without a shell; found in system folders, unless it is a whole path, which only an operator gives. `undefined` if it is not installed, or `root` is not "/". Throws HostError past its time or size. */
  run(
    argv: readonly string[],
    limits: { readonly timeoutMs: number; readonly maxBytes?: number; readonly signal?: AbortSignal },
  ): Promise<CommandResult | undefined>
  /** Runs the user's own command in the foreground with this process's terminal, environment and PATH, forwarding signals; resolves to its exit code (128 + signal if killed, 127 not found, 126 not executable). */
  spawnInherited(argv: readonly string[]): Promise<number>
  /** One HTTP request, no proxy, no redirect, at most 1 MiB. Throws HostError if there is no answer in time. */
  http(request: HttpRequest): Promise<HttpAnswer>
  /** Milliseconds since the last input on an X display (MIT-SCREEN-SAVER); `undefined` if nobody listens there, it refuses, or cannot tell, or `root` is not "/". Only for a display that has programs: without any other, a server begins anew when this one leaves. Throws HostError if it does not answer in time, or with something else. */
  displayIdleMs(
    display: Display,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<number | undefined>
  /** Writes to a terminal device below `root` without waiting for its reader; false if it is none or would block. */
  writeTerminal(path: string, text: string): Promise<boolean>
}
