// What contract.md promises about `check --json`, checked strictly: every field, no other field, and what they say of each other.
import * as z from 'zod'

const moment = z.iso.datetime({ precision: 3 })
const second = z.iso.datetime({ precision: 0 })
const words = z.string().regex(/^[^\p{Cc}\p{Cf}]+$/u)
const count = z.int().nonnegative()

const reading = z.strictObject({
  sensor: z.enum([
    'cpu',
    'sessions',
    'editors',
    'desktops',
    'network',
    'disk',
    'gpu',
    'containers',
    'schedulers',
    'notebooks',
    'processes',
    'commands',
    'services',
  ]),
  kind: z.enum(['active', 'hold', 'idle', 'unknown', 'absent']),
  reason: words,
  value: z.number().nonnegative().optional(),
  unit: words.optional(),
  limit: z.number().positive().optional(),
})

const fields = z.strictObject({
  schema: z.literal('idle-agent.check.v1'),
  at: moment,
  host: z.strictObject({
    cloud: z.enum(['aws', 'azure', 'gcp', 'local']),
    id: words.nullable(),
    region: words.nullable(),
    bootId: z.guid(),
    uptimeSeconds: count,
  }),
  verdict: z.enum(['active', 'idle', 'unknown']),
  state: z.enum(['grace', 'active', 'counting', 'idle', 'held', 'acting']),
  idleSince: moment.nullable(),
  idleSeconds: count,
  covered: z.strictObject({ seconds: z.number().nonnegative(), complete: z.boolean() }),
  next: z.strictObject({
    action: z.enum(['none', 'hibernate', 'stop', 'report']),
    at: z.union([moment, second]).nullable(),
  }),
  reason: words,
  cause: z.union([
    z.strictObject({ sensor: words, kind: z.enum(['active', 'unknown']), reason: words }),
    z.strictObject({ sensor: words.optional(), kind: z.literal('hold'), evidence: words, reason: words }),
    z.strictObject({ veto: words, kind: z.literal('veto'), reason: words }),
    z.strictObject({ kind: z.enum(['refused', 'grace', 'idle']), reason: words }),
  ]),
  readings: z.array(reading).min(1),
  vetoes: z.array(z.strictObject({ name: z.string().regex(/^[a-z-]+$/), reason: words })),
  actions: z.array(
    z.strictObject({
      action: z.enum([
        'tag',
        'warn',
        'hibernate',
        'stop',
        'report',
        'alert',
        'reconcile',
        'status',
        'lease',
        'note',
        'history',
      ]),
      result: z.enum(['done', 'dry-run', 'refused', 'failed']),
      detail: words,
    }),
  ),
  notes: z.array(words).min(1).optional(),
})

export type CheckObject = z.infer<typeof fields>

const whole = fields.superRefine((check, context) => {
  const say = (message: string): void => context.addIssue({ code: 'custom', message })
  const { verdict, state, readings, idleSince, idleSeconds, next, at } = check
  const has = (kind: string): boolean => readings.some((one) => one.kind === kind)
  const right = has('active') ? 'active' : has('unknown') ? 'unknown' : 'idle'
  if (verdict !== right) say(`the verdict is ${verdict}, the readings say ${right}`)
  if ((state === 'active') !== (verdict !== 'idle') && state !== 'grace') say(`${state} does not go with ${verdict}`)
  if ((idleSince !== null) !== (verdict === 'idle' && state !== 'grace')) say(`idleSince ${idleSince} while ${state}`)
  const seconds = idleSince === null ? 0 : Math.floor((Date.parse(at) - Date.parse(idleSince)) / 1000)
  // Both ends are cut to whole milliseconds in the text.
  if (Math.abs(idleSeconds - seconds) > (idleSince === null ? 0 : 1)) say(`idleSeconds ${idleSeconds}, not ${seconds}`)
  if (next.action !== 'none' && (verdict !== 'idle' || state === 'grace')) say(`next ${next.action} while ${state}`)
  const { kind } = check.cause
  if (verdict !== 'idle' && kind !== verdict && state !== 'grace') say(`the cause is ${kind}, the verdict ${verdict}`)
  if (verdict === 'idle' && (kind === 'active' || kind === 'unknown')) say(`the cause is ${kind} while idle`)
  if (state === 'acting' && (idleSince === null || check.vetoes.length > 0)) say('acting under a veto')
  if (new Set(readings.map(({ sensor }) => sensor)).size !== readings.length) say('a sensor twice')
})

/** The one object on stdout. Throws where stdout holds anything else or the object is not as promised, with stderr. */
export function parseCheck(ran: {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}): CheckObject {
  const { stdout, stderr, code } = ran
  if (!/^\{[^\n]*\}\n$/.test(stdout)) throw new Error(`not one line of JSON (exit ${code}): ${stdout}\n${stderr}`)
  const parsed = whole.safeParse(JSON.parse(stdout))
  if (!parsed.success) throw new Error(`not as the contract says: ${z.prettifyError(parsed.error)}\n${stdout}`)
  return parsed.data
}
