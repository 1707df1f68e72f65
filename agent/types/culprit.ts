/** Whom a sensor can name; types only, no code. */

/** Whose deed it was, as far as a sensor can tell without asking; the loop finds the user and the session. */
export interface Culprit {
  readonly pid?: number
  /** Device number of a terminal, as in `st_rdev`: whoever has it. */
  readonly tty?: number
  /** Path of a control group, `/system.slice/cron.service`. */
  readonly group?: string
  /** Where nothing else is known, or none of it is there any more. */
  readonly uid?: number
  /** The reason begins with the name of the process. */
  readonly named?: true
}
