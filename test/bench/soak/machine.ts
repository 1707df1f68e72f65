// The simulated machine of the soak: its clocks, what sensors read of it, its boots and resumes, and its instance in a loopback cloud.
import { chownSync, cpSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clocks } from '../../../agent/types.ts'
import { agentPolicy } from '../../clouds/aws/iam.ts'
import { type AwsCloud, type Instance, startAws } from '../../clouds/aws.ts'
import { createClock } from '../../clouds/clock.ts'
import type { Random } from '../../scenarios/random.ts'
import { during, MINUTE, nextTyping, type Owner } from './owner.ts'

/** Wall time of the first midnight: a Monday. */
const EPOCH = Date.UTC(2027, 0, 4)
/** What going down takes. */
const DOWN_MS = 40_000
const OWNER_UID = 1000

export interface SoakMachine {
  readonly cloud: AwsCloud
  /** Milliseconds since the first midnight. */
  now(): number
  clocks(): Clocks
  /** Lets time pass, the owner type and jobs work, and shows the sensors what came of it. */
  pass(ms: number): void
  isUp(): boolean
  /** Its owner starts it, now. */
  start(): void
  /** The wall clock is set by so much. */
  step(ms: number): void
  /** That file tells nothing that can be understood, or everything again. */
  blind(path: string | undefined): void
  /** What last needed it: the owner's last key, the work of a job, a lease. */
  readonly lastInput: () => number
  readonly lastWork: () => number
  readonly lastLeased: () => number
  /** Boots and resumes so far. */
  readonly starts: () => { readonly boots: number; readonly resumes: number }
  close(): Promise<void>
}

interface Options {
  readonly root: string
  readonly stateDir: string
  readonly owner: Owner
  readonly random: Random
  readonly onStop: (instance: Instance) => void
  readonly from: number
}

/** One that its owner has just switched on, at `from`. */
export async function createMachine(options: Options): Promise<SoakMachine> {
  const { root, stateDir, owner, random, from } = options
  cpSync('test/fixtures/debian12-vm-quiet', root, { recursive: true })
  const clock = createClock({ manual: true, start: EPOCH + from })
  const cloud = await startAws({
    clock,
    instances: [{ launchTime: EPOCH + from }],
    roles: { 'idle-agent': agentPolicy },
    delays: { hibernateMs: DOWN_MS, stopMs: DOWN_MS },
    onState: (instance) => {
      if (instance.state === 'stopping') options.onStop(instance)
      if (instance.state === 'stopped') downAt = clock.now() - EPOCH
    },
  })
  let at = from
  let downAt = from
  let stepped = 0
  let up = { at: from, boot: 20_000, mono: 20_000 }
  let blinded: string | undefined
  let lastInput = from
  let lastWork = from
  let [boots, resumes] = [1, 0]
  // Ticks of 10 ms, sectors and bytes since the boot.
  const counts = { busy: 50_000, idle: 900_000, sectors: 25_554_024, bytes: 81_000_000 }
  let shownInput = -1
  let leased = -1
  let leaseWallMs = 0
  let lastLeased = from
  const clocks = (): Clocks => ({
    wallMs: EPOCH + at + stepped,
    bootMs: up.boot + at - up.at,
    monoMs: up.mono + at - up.at,
  })
  const isUp = (): boolean => cloud.instance().state !== 'stopped'

  function write(path: string, text: string): void {
    writeFileSync(join(root, path), path === blinded ? 'not what it was\n' : text)
  }

  function show(): void {
    const { busy, idle, sectors, bytes } = counts
    write('/proc/stat', `cpu  ${Math.round(busy)} 0 0 ${Math.round(idle)} 0 0 0 0 0 0\nbtime 1767225600\n`)
    write(
      '/proc/diskstats',
      ` 259 0 nvme0n1 118176 4356 9300674 232271 310763 235528 ${Math.round(sectors)} 813539 0 172512 1045810 0 0 0 0 0 0\n`,
    )
    const net = `${Math.round(bytes)} 162000 0 0 0 0 0 0 9100000 18200 0 0 0 0 0 0`
    write('/proc/net/dev', `Inter-|\n face |\n    lo: 90000 180 0 0 0 0 0 0 90000 180 0 0 0 0 0 0\n  ens5: ${net}\n`)
    const tty = join(root, '/dev/pts/0')
    // Whoever leaves for longer logs out.
    if ((nextTyping(owner, at)?.from ?? Number.POSITIVE_INFINITY) > lastInput + 90 * MINUTE)
      return rmSync(tty, { force: true })
    if (shownInput === lastInput) return
    shownInput = lastInput
    // The time of the change, which nobody can set, is that of this machine: long before.
    writeFileSync(tty, '')
    utimesSync(tty, (EPOCH + lastInput + stepped) / 1000, EPOCH / 1000)
  }

  function lease(): void {
    const index = owner.leases.findIndex(({ from: asked, until }) => asked <= at && at < until)
    const found = owner.leases[index]
    if (found === undefined || index === leased) return
    leased = index
    const id = `${OWNER_UID}-0`
    leaseWallMs = EPOCH + stepped + found.until
    const until = { kind: 'until', wallMs: leaseWallMs }
    const path = join(stateDir, 'run/leases', id)
    writeFileSync(path, `${JSON.stringify({ schema: 1, id, reason: 'soak', until })}\n`)
    chownSync(path, OWNER_UID, OWNER_UID)
  }

  return {
    cloud,
    now: () => at,
    clocks,
    isUp,
    pass(ms) {
      const works = during(owner.jobs, at)
      const share = (works === undefined ? 0 : (Math.min(works.until, at + ms) - at) / Math.max(1, ms)) * 0.9 + 0.01
      at += ms
      clock.advance(ms)
      if (!isUp()) return
      counts.busy += (ms / 10) * share
      counts.idle += (ms / 10) * (2 - share)
      counts.sectors += (ms / 1000) * 4
      counts.bytes += (ms / 1000) * 400
      if (works !== undefined) lastWork = Math.min(at, works.until)
      const types = nextTyping(owner, at - ms)
      if (types !== undefined && types.from <= at)
        lastInput = Math.max(types.from, Math.min(types.until, at - random.whole(0, Math.min(ms, 50_000))))
      const over = clocks().wallMs - leaseWallMs
      if (over < ms) lastLeased = at - Math.max(0, over)
      show()
      lease()
    },
    start() {
      const instance = cloud.instance()
      const { hibernated } = instance
      cloud.power.start(instance)
      clock.advance(0)
      const stamp = random.chance(0.5)
      if (hibernated) {
        resumes += 1
        const ran = downAt - up.at
        // The real-time clock may tell the time off, or nothing does.
        up = { at, boot: up.boot + ran + (random.chance(0.5) ? at - downAt : 0), mono: up.mono + ran }
        if (stamp) writeFileSync(join(stateDir, 'run/resumed_at'), `${clocks().wallMs}\n`)
      } else {
        boots += 1
        up = { at, boot: 20_000, mono: 20_000 }
        write('/proc/sys/kernel/random/boot_id', `22222222-3333-4444-8555-${String(boots).padStart(12, '0')}\n`)
        for (const name of ['leases', 'status.json', 'resumed_at', 'note'])
          rmSync(join(stateDir, 'run', name), { recursive: true, force: true })
        mkdirSync(join(stateDir, 'run/leases'), { recursive: true, mode: 0o1733 })
        leaseWallMs = 0
        counts.busy = 100
        counts.idle = 4_000
      }
      stepped = 0
      show()
    },
    step(ms) {
      stepped += ms
      show()
    },
    blind(path) {
      blinded = path
      show()
    },
    lastInput: () => lastInput,
    lastWork: () => lastWork,
    lastLeased: () => lastLeased,
    starts: () => ({ boots, resumes }),
    close: () => cloud.close(),
  }
}
