// The simulated machine of the soak: its clocks, what sensors read of it, its boots and resumes, and its instance in a loopback cloud.
import { chownSync, cpSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clocks } from '../../../agent/types.ts'
import { agentPolicy } from '../../clouds/aws/iam.ts'
import { type AwsCloud, type Instance, startAws } from '../../clouds/aws.ts'
import { type CloudClock, createClock } from '../../clouds/clock.ts'
import type { Random } from '../../scenarios/random.ts'
import { during, MINUTE, nextTyping, type Owner } from './owner.ts'

/** Wall time of the first midnight: a Monday. */
const EPOCH = Date.UTC(2027, 0, 4)
/** What going down takes. */
const DOWN_MS = 40_000
/** Since the boot, when the owner gets to it. */
const BOOTED_MS = 20_000
const OWNER_UID = 1000

interface Options {
  readonly root: string
  readonly stateDir: string
  readonly owner: Owner
  readonly random: Random
  /** The cloud accepts a stop. */
  readonly onStop: (instance: Instance) => void
  /** When its owner switches it on, in milliseconds since the first midnight. */
  readonly from: number
}

/** One that its owner has just switched on. */
export async function createMachine(options: Options): Promise<SoakMachine> {
  cpSync('test/fixtures/debian12-vm-quiet', options.root, { recursive: true })
  const start = EPOCH + options.from
  const clock = createClock({ manual: true, start })
  const end = { at: options.from }
  const cloud = await startAws({
    clock,
    instances: [{ launchTime: start }],
    roles: { 'idle-agent': agentPolicy },
    delays: { hibernateMs: DOWN_MS, stopMs: DOWN_MS },
    onState(instance) {
      if (instance.state === 'stopping') options.onStop(instance)
      if (instance.state === 'stopped') end.at = clock.now() - EPOCH
    },
  })
  return new SoakMachine(options, { cloud, clock, end })
}

export class SoakMachine {
  readonly cloud: AwsCloud
  boots = 1
  resumes = 0
  /** What last needed it: the owner's last key, the work of a job, a lease. In milliseconds since the first midnight, as `now`. */
  lastInput: number
  lastWork: number
  lastLeased: number
  now: number
  readonly #options: Options
  readonly #clock: CloudClock
  /** When it last went down. */
  readonly #end: { readonly at: number }
  /** When this run began, and the clocks then. */
  #run: { readonly at: number; readonly bootMs: number; readonly monoMs: number }
  #steppedMs = 0
  /** Ticks of 10 ms, sectors and bytes since the boot. */
  #counts = { busy: 50_000, idle: 900_000, sectors: 25_554_024, bytes: 81_000_000 }
  #blind: string | undefined
  #shownInput = -1
  #leaseFrom = -1
  #leaseWallMs = 0

  constructor(
    options: Options,
    parts: { readonly cloud: AwsCloud; readonly clock: CloudClock; readonly end: { readonly at: number } },
  ) {
    this.#options = options
    this.cloud = parts.cloud
    this.#clock = parts.clock
    this.#end = parts.end
    this.now = options.from
    this.lastInput = options.from
    this.lastWork = options.from
    this.lastLeased = options.from
    this.#run = { at: options.from, bootMs: BOOTED_MS, monoMs: BOOTED_MS }
  }

  get isUp(): boolean {
    return this.cloud.instance().state !== 'stopped'
  }

  clocks(): Clocks {
    const { at, bootMs, monoMs } = this.#run
    return {
      wallMs: EPOCH + this.now + this.#steppedMs,
      bootMs: bootMs + this.now - at,
      monoMs: monoMs + this.now - at,
    }
  }

  /** Lets time pass, the owner type and jobs work, and shows the sensors what came of it. */
  pass(ms: number): void {
    this.now += ms
    this.#clock.advance(ms)
    if (!this.isUp) return
    this.#work(ms)
    this.#type(ms)
    const over = this.clocks().wallMs - this.#leaseWallMs
    if (over < ms) this.lastLeased = this.now - Math.max(0, over)
    this.#show()
    this.#lease()
  }

  /** Its owner starts it, now. */
  start(): void {
    const instance = this.cloud.instance()
    const { hibernated } = instance
    this.cloud.power.start(instance)
    this.#clock.advance(0)
    this.#steppedMs = 0
    if (hibernated) this.#resume()
    else this.#boot()
    this.#show()
  }

  /** The wall clock is set by so much. */
  step(ms: number): void {
    this.#steppedMs += ms
    this.#show()
  }

  /** That file tells nothing that can be understood, or everything again. */
  blind(path: string | undefined): void {
    this.#blind = path
    this.#show()
  }

  close(): Promise<void> {
    return this.cloud.close()
  }

  #work(ms: number): void {
    const before = this.now - ms
    const job = during(this.#options.owner.jobs, before)
    const worked = job === undefined ? 0 : Math.min(job.until - before, ms)
    if (job !== undefined) this.lastWork = before + worked
    const busy = (worked * 0.9 + ms * 0.01) / 10
    this.#counts.busy += busy
    this.#counts.idle += (2 * ms) / 10 - busy
    this.#counts.sectors += (ms / 1000) * 4
    this.#counts.bytes += (ms / 1000) * 400
  }

  #type(ms: number): void {
    const { owner, random } = this.#options
    const found = nextTyping(owner, this.now - ms)
    if (found === undefined || found.from > this.now) return
    const last = this.now - random.whole(0, Math.min(ms, 50_000))
    this.lastInput = Math.max(found.from, Math.min(found.until, last))
  }

  #resume(): void {
    const { stateDir, random } = this.#options
    const { at, bootMs, monoMs } = this.#run
    const ran = this.#end.at - at
    // The real-time clock may tell the time off, or nothing does; the hook may run, or not.
    const off = random.chance(0.5) ? this.now - this.#end.at : 0
    this.resumes += 1
    this.#run = { at: this.now, bootMs: bootMs + ran + off, monoMs: monoMs + ran }
    if (random.chance(0.5)) writeFileSync(join(stateDir, 'run/resumed_at'), `${this.clocks().wallMs}\n`)
  }

  #boot(): void {
    const { stateDir } = this.#options
    this.boots += 1
    this.#run = { at: this.now, bootMs: BOOTED_MS, monoMs: BOOTED_MS }
    const id = `22222222-3333-4444-8555-${String(this.boots).padStart(12, '0')}`
    this.#write('/proc/sys/kernel/random/boot_id', `${id}\n`)
    for (const name of ['leases', 'status.json', 'resumed_at'])
      rmSync(join(stateDir, 'run', name), { recursive: true, force: true })
    this.#leaseWallMs = 0
    this.#counts = { busy: 100, idle: 4_000, sectors: 40_000, bytes: 50_000 }
  }

  #write(path: string, text: string): void {
    writeFileSync(join(this.#options.root, path), path === this.#blind ? 'not what it was\n' : text)
  }

  #show(): void {
    const [busy, idle, sectors, bytes] = Object.values(this.#counts).map(Math.round)
    this.#write('/proc/stat', `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\nbtime 1767225600\n`)
    const disk = `118176 4356 9300674 232271 310763 235528 ${sectors} 813539 0 172512 1045810 0 0 0 0 0 0`
    this.#write('/proc/diskstats', ` 259 0 nvme0n1 ${disk}\n`)
    const lo = 'lo: 90000 180 0 0 0 0 0 0 90000 180 0 0 0 0 0 0'
    const net = `ens5: ${bytes} 162000 0 0 0 0 0 0 9100000 18200 0 0 0 0 0 0`
    this.#write('/proc/net/dev', `Inter-|\n face |\n    ${lo}\n  ${net}\n`)
    this.#showTerminal()
  }

  #showTerminal(): void {
    const { root, owner } = this.#options
    const tty = join(root, '/dev/pts/0')
    // Whoever leaves for longer logs out.
    const staysIn = (nextTyping(owner, this.now)?.from ?? Number.POSITIVE_INFINITY) <= this.lastInput + 90 * MINUTE
    if (!staysIn) rmSync(tty, { force: true })
    if (!staysIn || this.#shownInput === this.lastInput) return
    this.#shownInput = this.lastInput
    // The time of the change, which nobody can set, is that of this machine: long before.
    writeFileSync(tty, '')
    utimesSync(tty, (EPOCH + this.lastInput + this.#steppedMs) / 1000, EPOCH / 1000)
  }

  #lease(): void {
    const { owner, stateDir } = this.#options
    const found = during(owner.leases, this.now)
    if (found === undefined || found.from === this.#leaseFrom) return
    this.#leaseFrom = found.from
    this.#leaseWallMs = EPOCH + this.#steppedMs + found.until
    const id = `${OWNER_UID}-0`
    const until = { kind: 'until', wallMs: this.#leaseWallMs }
    const folder = join(stateDir, 'run/leases')
    mkdirSync(folder, { recursive: true, mode: 0o1733 })
    writeFileSync(join(folder, id), `${JSON.stringify({ schema: 1, id, reason: 'soak', until })}\n`)
    chownSync(join(folder, id), OWNER_UID, OWNER_UID)
  }
}
