// What a loss of power leaves of a machine, at each change of its checks from the first one to its return after our stop.
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { type Machine, startMachine } from '../machine.ts'
import type { Change } from './changes.ts'
import { Disk, type Found, type Tree } from './disk.ts'
import { acting, idleSince, kindsOf } from './machines.ts'
import { type Traced, trace } from './traced.ts'

/** Which check it happened in. */
type Check = 'first' | 'acting' | 'back'

/** What there is when the power is back. */
export interface Outage {
  readonly name: string
  readonly kind: string
  readonly check: Check
  /** The state folder, by path within it. */
  readonly tree: Tree
  /** All tags in the cloud. */
  readonly tags: Readonly<Record<string, string>>
  /** StopInstances was sent in this run of the machine, and accepted. */
  readonly sent: boolean
}

type Life = readonly { readonly check: Check; readonly traced: Traced }[]

/** Three checks: the first that there ever was, the one that acts, and the one after the machine was resumed. */
async function live(machine: Machine): Promise<Life> {
  const whole = ['-s', '1000000']
  const first = await trace(machine, whole)
  const { at } = JSON.parse(first.stdout) as { readonly at: string }
  await idleSince(at)
  const second = await trace(machine, whole)
  await machine.cloud.waitForState('stopped')
  machine.startAgain({ newBootId: false })
  const third = await trace(machine, whole)
  return [
    { check: 'first', traced: first },
    { check: 'acting', traced: second },
    { check: 'back', traced: third },
  ]
}

/** What was asked of EC2 with these bytes. */
function askedOf(bytes: Buffer): URLSearchParams {
  return new URLSearchParams(bytes.toString().split('\r\n\r\n')[1] ?? '')
}

/** The cloud as the changes leave it. */
interface Seen {
  tags: Readonly<Record<string, string>>
  sent: boolean
}

/** May the machine write its tags? */
type Role = 'tags' | 'no tags'

function ask(seen: Seen, bytes: Buffer, role: Role): void {
  const asked = askedOf(bytes)
  if (asked.get('Action') === 'StopInstances') seen.sent = true
  if (asked.get('Action') !== 'CreateTags' || role === 'no tags') return
  const keys = [...asked].filter(([name]) => /^Tag\.\d+\.Key$/.test(name))
  const tags = keys.map(([name, key]) => [key, asked.get(name.replace('Key', 'Value')) ?? ''])
  seen.tags = { ...seen.tags, ...Object.fromEntries(tags) }
}

function within(folder: string, { tree, lost }: Found): Found {
  const own = [...tree].filter(([path]) => path.startsWith(`${folder}/`))
  return { lost, tree: new Map(own.map(([path, bytes]) => [posix.relative(folder, path), bytes])) }
}

/** The same disk with the same cloud is the same outage. */
function keyOf({ check, tree, tags, sent }: Outage): string {
  const files = [...tree].map(([path, bytes]) => [path, bytes?.toString('base64') ?? null])
  return createHash('sha256')
    .update(JSON.stringify([check === 'back', files, tags, sent]))
    .digest('hex')
}

function outagesOf(machine: Machine, life: Life, role: Role): readonly Outage[] {
  const { stateDir } = machine
  const disk = new Disk((path) => path.startsWith(`${stateDir}/lock/`))
  const all = new Map<string, Outage>()
  const seen: Seen = { tags: {}, sent: false }
  for (const { check, traced } of life) {
    seen.sent = false
    const kinds = kindsOf(machine, traced.changes)
    const meet = (index: number): void => {
      const kind = kinds[index] ?? 'the end'
      for (const found of disk.afterLoss()) {
        const { tree, lost } = within(stateDir, found)
        const name = `no power before change ${index} of the ${check} check, ${kind}, ${role}, ${lost}`
        const outage = { name, kind: `${check} ${kind}`, check, tree, ...seen }
        if (!all.has(keyOf(outage))) all.set(keyOf(outage), outage)
      }
    }
    for (const [index, change] of traced.changes.entries()) {
      meet(index)
      if (kinds[index] === 'write api' && change.bytes !== undefined) ask(seen, change.bytes, role)
      if (survives(change, stateDir)) disk.apply(change)
    }
    meet(traced.changes.length)
  }
  return [...all.values()]
}

/** What is in /run is gone with the power. */
function survives({ target }: Change, stateDir: string): boolean {
  return target.startsWith('/') && !`${target}/`.startsWith(`${stateDir}/run/`)
}

/** Without the right to write tags nothing is saved between the intent and the call. */
async function findIn(role: Role): Promise<{ readonly changes: number; readonly outages: readonly Outage[] }> {
  const delays = { hibernateMs: 100, stopMs: 100 }
  const machine = await startMachine({ settings: acting, cloud: { delays } })
  const fault = { kind: 'api-error', code: 'UnauthorizedOperation' } as const
  if (role === 'no tags') machine.cloud.faults.add({ server: 'api', action: 'CreateTags', fault })
  try {
    const life = await live(machine)
    const changes = life.reduce((sum, { traced }) => sum + traced.changes.length, 0)
    return { changes, outages: outagesOf(machine, life, role) }
  } finally {
    await machine.close()
  }
}

/** Finds all that are different from one another; for a role without tags those alone in which the stop was sent. */
export async function findOutages(): Promise<{ readonly changes: number; readonly outages: readonly Outage[] }> {
  const [tagged, untagged] = [await findIn('tags'), await findIn('no tags')]
  const sent = untagged.outages.filter((outage) => outage.sent)
  return { changes: tagged.changes + untagged.changes, outages: [...tagged.outages, ...sent] }
}
