/** What `doctor` finds, as data; the checks are pure functions over facts that the command has read. */

/** One thing that was looked at. `worry`: works, but not as it could; `fault`: the agent cannot do its work. */
export interface Finding {
  readonly name: string
  readonly level: 'ok' | 'worry' | 'fault'
  readonly text: string
  /** What to do about it. */
  readonly remedy?: string
}

export function ok(name: string, text: string): Finding {
  return { name, level: 'ok', text }
}

export function worry(name: string, text: string, remedy: string): Finding {
  return { name, level: 'worry', text, remedy }
}

export function fault(name: string, text: string, remedy: string): Finding {
  return { name, level: 'fault', text, remedy }
}
