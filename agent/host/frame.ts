/** One frame of a capture: what a check asked its host for, and what it was told; docs/captures.md describes it for other programs. */
import * as z from 'zod/mini'

/** Name and version of the form of a frame. */
export const frameSchemaName = 'idle-agent.frame.v1'

const about = (description: string) => z.meta({ description })

const failure = z
  .strictObject({ error: z.string(), code: z.optional(z.string()) })
  .check(about('It is there and could not be read: why, and the errno name where the text does not begin with one.'))

const nothing = z.null().check(about('It was asked for and is not there.'))

const figure = z.optional(z.number())

const stat = z.strictObject({
  kind: z.enum(['file', 'directory', 'link', 'character', 'other']),
  dev: figure,
  ino: figure,
  rdev: figure,
  uid: figure,
  mode: figure,
  nlink: figure,
  size: figure,
  atimeMs: figure,
  mtimeMs: figure,
  ctimeMs: figure,
})

const command = z.strictObject({
  status: z.number(),
  stdout: z.optional(z.string()),
  stderr: z.optional(z.string()),
})

const httpAnswer = z.strictObject({
  status: z.number(),
  headers: z.optional(z.record(z.string(), z.string())),
  body: z.optional(z.string()),
})

function answers<T extends z.ZodMiniType>(value: T, description: string) {
  return z.optional(z.record(z.string(), z.union([value, nothing, failure])).check(about(description)))
}

const answered = {
  files: answers(z.string(), 'Text of files by path.'),
  folders: answers(z.array(z.string()), 'Names in folders by path.'),
  stats: answers(
    stat,
    'Facts of files by path, links followed; times in milliseconds since the epoch. What is left out is 0.',
  ),
  links: answers(z.string(), 'Targets of symbolic links by path.'),
  commands: answers(command, 'Results of commands; the key is the JSON of the list of arguments.'),
  http: answers(httpAnswer, 'Answers over HTTP; the key is method, blank, URL.'),
  displays: answers(z.number(), 'Milliseconds since the last input on X displays, by number.'),
}

/** Half of what a date can hold, so that sums of two can be told as one. */
const LATEST_MS = 4e15
const clock = z.number().check(z.minimum(0), z.maximum(LATEST_MS))
const clocks = { wallMs: clock, bootMs: clock, monoMs: clock }

const late = z.optional(
  z.array(z.string()).check(about('Who had no answer in time: the name of a sensor, a veto, or `metadata`.')),
)

const nullable = <T extends z.ZodMiniType>(value: T) => z.optional(z.union([value, z.null()]))

const host = z
  .strictObject({
    cloud: nullable(z.string()),
    id: nullable(z.string()),
    region: nullable(z.string()),
    startedAt: nullable(z.string()),
    tellsStart: nullable(z.boolean()),
    canHibernate: nullable(z.boolean()),
    defaultAction: nullable(z.enum(['hibernate', 'stop', 'report'])),
    error: nullable(z.string()),
  })
  .check(
    about(
      'What the cloud says of the machine; stays until changed, null takes a fact away. `error`: it did not answer, and why.',
    ),
  )

const self = {
  pid: figure,
  startTicks: figure,
  bootId: z.optional(z.string()),
  uid: figure,
  cpuMs: figure,
}

const keys = z.optional(z.array(z.string()))

const frame = z.strictObject({
  schema: z.literal(frameSchemaName),
  clocks: z
    .strictObject(clocks)
    .check(about('CLOCK_REALTIME since the epoch, CLOCK_BOOTTIME and CLOCK_MONOTONIC since boot, in milliseconds.')),
  host: z.optional(host),
  self: z.optional(z.strictObject(self).check(about('The agent’s own process; what is not given stays as it was.'))),
  ...answered,
  forget: z.optional(
    z
      .strictObject({
        files: keys,
        folders: keys,
        stats: keys,
        links: keys,
        commands: keys,
        http: keys,
        displays: keys,
      })
      .check(about('Answers of earlier frames that hold no longer, and that nobody asked for again.')),
  ),
  rest: z.optional(
    z
      .enum(['absent', 'unknown'])
      .check(about('From this frame on: is what no frame gave not there, or not known? Not known unless said.')),
  ),
  late,
  again: z.optional(
    z
      .array(
        z.strictObject({
          clocks: z.optional(z.partial(z.strictObject(clocks))),
          self: z.optional(z.strictObject({ cpuMs: figure })),
          ...answered,
          late,
        }),
      )
      .check(about('Later looks of the same check, each laid over the first.')),
  ),
})

export type Frame = z.infer<typeof frame>
export type Again = NonNullable<Frame['again']>[number]
export type Facts = NonNullable<Frame['host']>
export type Failure = z.infer<typeof failure>
export type StatFacts = z.infer<typeof stat>

/** What was told for one question: `null` where there is no such thing. */
export type Answer<T> = T | null | Failure

/** The JSON Schema (draft 2020-12) of one frame. */
export function frameJsonSchema(): Readonly<Record<string, unknown>> {
  const description = 'One line of a capture of idle-agent: one check. See captures.md.'
  return { ...z.toJSONSchema(frame.check(z.meta({ title: frameSchemaName, description }))) }
}

const wanted: Readonly<Record<string, string>> = {
  schema: `must be "${frameSchemaName}"`,
  clocks: 'must be wallMs, bootMs and monoMs, numbers in milliseconds',
  files: 'must be text, null or {"error": "…"}',
  folders: 'must be a list of names, null or {"error": "…"}',
  stats: 'must be {"kind": "file", …}, null or {"error": "…"}',
  links: 'must be text, null or {"error": "…"}',
  commands: 'must be {"status": 0, "stdout": "…", "stderr": "…"}, null or {"error": "…"}',
  http: 'must be {"status": 200, "body": "…"}, null or {"error": "…"}',
  displays: 'must be milliseconds, null or {"error": "…"}',
  rest: 'must be "absent" or "unknown"',
}

const MOST_PROBLEMS = 20
const LONGEST_PLACE = 120

type Parsed = { readonly frame: Frame } | { readonly problems: readonly string[] }

/** The frame in one line, or everything that is wrong with it. */
export function parseFrame(line: string): Parsed {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { problems: [line.trimEnd().endsWith('}') ? 'it is no JSON' : 'it is no JSON, or cut off'] }
  }
  const result = z.safeParse(frame, value)
  if (result.success) return { frame: result.data }
  const problems = result.error.issues.map(problemOf)
  const rest = problems.length - MOST_PROBLEMS
  return { problems: rest > 0 ? [...problems.slice(0, MOST_PROBLEMS), `${rest} more problems`] : problems }
}

function problemOf(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String)
  const place = path.join('.').slice(0, LONGEST_PLACE)
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((name) => JSON.stringify(name.slice(0, LONGEST_PLACE))).join(', ')
    return `${place === '' ? '' : `${place}: `}a frame knows no ${names}`
  }
  if (path.length === 0) return 'it is no JSON object'
  const kind = path[0] === 'again' ? (path[2] ?? 'again') : (path[0] ?? '')
  return `${place}: ${wanted[kind] ?? 'is not as docs/captures.md says'}`
}
