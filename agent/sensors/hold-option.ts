/** The one setting that several sensors have: how long somebody who is only connected can hold the machine. */

/** Its declaration; `about` is a sentence without its capital. Evidence of all of them is a connection, and the longest hold counts. */
export function connectionHold<About extends string>(about: About) {
  return { type: 'number', default: 60, min: 0, max: 10_080, unit: 'minutes', about } as const
}
