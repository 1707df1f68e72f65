// Runs many cases side by side, since they mostly wait, and tells of all that went wrong in one message.

export interface Case {
  readonly name: string
  run(): Promise<void>
}

/** Runs all of them, `width` at a time; returns what went wrong in which. */
export async function runCases(cases: readonly Case[], width: number): Promise<readonly string[]> {
  const left = [...cases]
  const wrong: string[] = []
  async function work(): Promise<void> {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      try {
        await next.run()
      } catch (error) {
        wrong.push(`${next.name}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: width }, work))
  return wrong
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One at random of each kind, in order. */
export function oneOfEach<T>(all: readonly T[], kindOf: (one: T) => string, random: () => number): readonly T[] {
  const groups = Object.groupBy(all, kindOf)
  const chosen = Object.values(groups).map((group = []) => group[Math.floor(random() * group.length)])
  return all.filter((one) => chosen.includes(one))
}
