/** What `doctor` reads on a machine, before anything of it is judged. */

/** A file or folder as it was found. */
export interface Owned {
  readonly uid: number
  /** All twelve bits. */
  readonly mode: number
}

/** A folder of the agent's. */
export interface Folder {
  readonly path: string
  /** The mode that `install` gives it. */
  readonly wanted: number
  /** `undefined` before the first check, which makes it. */
  readonly found: Owned | undefined
}

/** The file system that a folder of the agent's lies on; what df(1) does not tell is left out. */
export interface Space {
  readonly path: string
  readonly freeKb?: number
  readonly freeInodes?: number
  readonly readOnly: boolean
}

/** What was read on the machine; `undefined` where a file or a command is not there. */
export interface MachineFacts {
  readonly executable: Owned | undefined
  readonly cronEntry: (Owned & { readonly text: string }) | undefined
  readonly timerUnit: string | undefined
  readonly cronRuns: boolean
  readonly timerRuns: boolean
  /** What systemctl says of it: `enabled`, `disabled`, `masked`. */
  readonly timerEnabled: string
  /** Cron or systemd is installed, so that `install` has something to start the checks. */
  readonly schedulable: boolean
  /** Process id of `idle-agent run`. */
  readonly resident: number | undefined
  readonly intervalMs: number
  /** Age of the status that the last check left, in milliseconds. */
  readonly lastCheckMs: number | undefined
  /** Process id of a check that holds the lock now. */
  readonly lockedBy: number | undefined
  readonly folders: readonly Folder[]
  readonly space: readonly Space[]
  readonly hookThere: boolean
  readonly systemd: boolean
  readonly predecessorsThere: readonly string[]
  /** Path of a state that was put aside. */
  readonly corruptState: string | undefined
  readonly ssThere: boolean
  /** `yes` or `no`, as timedatectl says. */
  readonly clockSynchronised: string | undefined
  readonly memoryKb: number | undefined
  readonly swapKb: number
  /** Size of the swap file that the cloud's program for hibernation makes; 0 if it is not there. */
  readonly swapFileKb: number
  /** The unit of that program; `undefined` without systemd, and without a cloud that can hibernate a machine. */
  readonly preparer: 'there' | 'missing' | 'failed' | undefined
  /** What the VM agent's extension for it said last, where it failed. */
  readonly extensionProblem: string | undefined
}
