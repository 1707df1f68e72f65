/** The machine of a scenario at any moment: terminals, sockets, counters. What the agent itself does to it is remembered. */
import { quietMachine } from './base.ts'
import { Clockwork, type Life, livesOf, usedMs } from './lives.ts'
import type { Happening, Pty, Scenario, Socket } from './scenario.ts'
import { countUntil, firstFrom, latest, rateAt, type Times, total } from './times.ts'

const MINUTE = 60_000

/** A terminal with its number. */
export interface Line {
  readonly pty: Pty
  readonly number: number
  /** Path of its device; a container's has none here. */
  readonly path: string | undefined
  readonly rdev: number
}

/** How the same machine differs from one variant to another. */
export interface Model {
  readonly cores: number
  readonly nic: string
  readonly disk: string
  readonly cgroup: 'v2' | 'v1' | 'hybrid' | 'none'
  /** Sources that are not there. */
  readonly missing: ReadonlySet<'ss' | 'systemctl' | 'diskstats' | 'sysfs-net'>
}

/** CPU of one check in milliseconds; a look sees all of it, so that a replay, which knows no more, says the same. */
const CHECK_MS = 90
const LOOK_MS = 90

export class World {
  readonly scenario: Scenario
  readonly model: Model
  readonly happens: readonly Happening[]
  /** The load average is written into frames: nobody but naive detectors reads it, and it costs. */
  showsLoad = false
  /** Nothing is written to terminals, as in a capture, whose replay cannot write to them either. */
  isDeaf = false
  readonly clockwork: Clockwork
  readonly lives: readonly Life[]
  readonly lines: readonly Line[]
  /** What the agent wrote to terminals, by id: moments in milliseconds. */
  readonly #written = new Map<string, number[]>()
  /** What people typed in answer. */
  readonly #answered = new Map<string, number[]>()
  readonly #parents = new Map<Life, Life>()
  readonly #reaped = new Map<Life, readonly Life[]>()
  readonly #byKind = new Map<string, readonly Happening[]>()
  readonly #checks: { pid: number; fromMs: number }[] = []

  constructor(scenario: Scenario, model: Model) {
    this.scenario = scenario
    this.model = model
    this.happens = [...quietMachine, ...scenario.happens.flat()]
    this.clockwork = new Clockwork(scenario)
    this.lives = livesOf(this.happens, this.clockwork)
    this.lines = linesOf(this.happens)
    for (const life of this.lives) this.#adopt(life)
  }

  #adopt(life: Life): void {
    const { id, parent = 'systemd', state } = life.program
    if (id === 'systemd' || id === 'kthreadd') return
    const found = this.lives.find((one) => one.program.id === parent && one.boot === life.boot)
    if (found === undefined) throw new Error(`${id} has no parent ${parent}`)
    this.#parents.set(life, found)
    // One that ends in the same moment cannot wait for its child any more.
    const reaper =
      found.untilMs > life.untilMs ? found : this.lives.find((one) => one.pid === 1 && one.boot === life.boot)
    if (reaper === undefined || state === 'Z' || !Number.isFinite(life.untilMs)) return
    this.#reaped.set(reaper, [...(this.#reaped.get(reaper) ?? []), life])
  }

  of<K extends Happening['kind']>(kind: K): readonly Extract<Happening, { kind: K }>[] {
    const is = (one: Happening): one is Extract<Happening, { kind: K }> => one.kind === kind
    const known = this.#byKind.get(kind) ?? this.happens.filter(is)
    this.#byKind.set(kind, known)
    return known.filter(is)
  }

  /** A check begins: a process of its own, a child of cron's. */
  beginCheck(atMs: number): void {
    this.#checks.push({ pid: 20_000 + this.#checks.length, fromMs: atMs })
  }

  get check(): { readonly pid: number; readonly fromMs: number } {
    const last = this.#checks.at(-1)
    if (last === undefined) throw new Error('no check has begun')
    return last
  }

  /** CPU milliseconds of checks before this one, since the boot, and of this one as a look sees it. */
  agentMs(atMs: number): { ended: number; own: number } {
    const { fromMs } = this.clockwork.bootAt(atMs)
    const before = this.#checks.filter((one) => one.fromMs >= fromMs).length - 1
    return { ended: Math.max(0, before) * CHECK_MS, own: LOOK_MS }
  }

  /** What the agent has used once it has saved. */
  get checkMs(): number {
    return CHECK_MS
  }

  alive(atMs: number): readonly Life[] {
    return this.lives
      .filter(({ fromMs, untilMs, program }) => fromMs <= atMs && (atMs < untilMs || program.state === 'Z'))
      .filter(({ boot }) => boot === this.clockwork.bootAt(atMs))
  }

  lifeOf(id: string, atMs: number): Life | undefined {
    const boot = this.clockwork.bootAt(atMs)
    return this.lives.find((life) => life.program.id === id && life.boot === boot)
  }

  /** Is something there at this moment? */
  isThere(one: { readonly from?: number; readonly until?: number }, atMs: number): boolean {
    const from = one.from === undefined ? Number.NEGATIVE_INFINITY : one.from * MINUTE
    const until = one.until === undefined ? Number.POSITIVE_INFINITY : one.until * MINUTE
    const { fromMs } = this.clockwork.bootAt(atMs)
    return from <= atMs && atMs < until && (one.from === undefined || from >= fromMs)
  }

  linesAt(atMs: number): readonly Line[] {
    return this.lines.filter(({ pty }) => this.isThere(pty, atMs))
  }

  line(id: string): Line | undefined {
    return this.lines.find(({ pty }) => pty.id === id)
  }

  typedOn({ id, typed = [] }: Pty): Times {
    return [...typed, ...(this.#answered.get(id) ?? []).map((ms) => ms / MINUTE)]
  }

  printedOn({ id, output = [] }: Pty): Times {
    const shown = this.of('pty').filter((one) => one.shows === id)
    const written = this.#written.get(id) ?? []
    return [...output, ...written.map((ms) => ms / MINUTE), ...(shown.length === 0 ? [] : [])]
  }

  /** The agent writes a warning; whoever shows this terminal is written to, too, and may answer. */
  write(path: string, atMs: number): boolean {
    const found = this.linesAt(atMs).find((one) => one.path === path)
    if (found === undefined) return false
    for (const { pty } of this.linesAt(atMs)) {
      if (pty.id !== found.pty.id && pty.shows !== found.pty.id) continue
      this.#written.set(pty.id, [...(this.#written.get(pty.id) ?? []), atMs])
    }
    const { id, answers } = found.pty
    if (answers !== undefined && !this.#answered.has(id)) this.#answered.set(id, [atMs + answers * 1000])
    return true
  }

  /**
   * Access or modification time of a terminal as the kernel keeps it: the first event of each 8 s of the wall clock, in
   * whole seconds (kernel.md 2.1); its creation before any.
   */
  stamp({ pty }: Line, times: Times, atMs: number): number {
    const madeMs = pty.from === undefined ? this.clockwork.bootAt(atMs).fromMs + 4000 : pty.from * MINUTE
    const last = latest(times, atMs)
    if (last === undefined || last < madeMs) return this.clockwork.wallAt(madeMs)
    const into = this.clockwork.wallAt(last) % 8000
    const first = firstFrom(times, Math.max(madeMs, last - into)) ?? last
    return Math.floor(this.clockwork.wallAt(Math.min(first, last)) / 1000) * 1000
  }

  madeAt({ pty }: Line, atMs: number): number {
    const madeMs = pty.from === undefined ? this.clockwork.bootAt(atMs).fromMs + 4000 : pty.from * MINUTE
    return this.clockwork.wallAt(madeMs)
  }

  /** Bytes received and sent by a connection so far. */
  bytesOf(socket: Socket, atMs: number): readonly [received: number, sent: number] {
    const fromMs = socket.from === undefined ? this.clockwork.bootAt(atMs).fromMs : socket.from * MINUTE
    const endMs = Math.min(atMs, socket.until === undefined ? atMs : socket.until * MINUTE)
    if (endMs <= fromMs) return [0, 0]
    let [received, sent] = [3800, 4300] // key exchange and login
    received += total(socket.received ?? 0, fromMs, endMs)
    sent += total(socket.sent ?? 0, fromMs, endMs)
    const line = socket.carries === undefined ? undefined : this.line(socket.carries)
    if (line !== undefined) {
      const keys = countUntil(this.typedOn(line.pty), endMs)
      received += keys * 36
      sent += keys * 52 + countUntil(this.printedOn(line.pty), endMs) * 180
    }
    return [Math.floor(received), Math.floor(sent)]
  }

  /** Milliseconds since data last passed, to a second. */
  quietMs(socket: Socket, atMs: number): number {
    const line = socket.carries === undefined ? undefined : this.line(socket.carries)
    const made = socket.from === undefined ? this.clockwork.bootAt(atMs).fromMs : socket.from * MINUTE
    const marks = [made]
    if (line !== undefined) {
      marks.push(latest(this.typedOn(line.pty), atMs) ?? made, latest(this.printedOn(line.pty), atMs) ?? made)
    }
    // Walks back through the rates; what is older than two hours is that.
    for (let back = 0; back < 7_200_000; back = back === 0 ? 1000 : back * 1.3) {
      const rate =
        total(socket.received ?? 0, atMs - back - 1000, atMs - back) +
        total(socket.sent ?? 0, atMs - back - 1000, atMs - back)
      if (rate > 0 && atMs - back > made) return Math.min(back, atMs - Math.max(...marks))
    }
    return atMs - Math.max(...marks)
  }

  /** Tasks that run or wait uninterruptibly: what the load average averages. */
  loadAt(atMs: number): number {
    let load = 0
    for (const { program } of this.alive(atMs)) {
      load += program.state === 'D' ? 1 : rateAt(program.cpu ?? 0, atMs) + rateAt(program.children ?? 0, atMs)
    }
    for (const { cores } of this.of('cpu')) load += rateAt(cores, atMs)
    return load
  }

  /** Children of a process that have ended and that it waited for; systemd takes those whose parent ended first. */
  reapedBy(life: Life, atMs: number): readonly Life[] {
    return (this.#reaped.get(life) ?? []).filter(({ untilMs }) => untilMs <= atMs)
  }

  /** CPU milliseconds of a process with what it took over from children that have ended. */
  accounts(life: Life, atMs: number): { own: number; ended: number } {
    const used = usedMs(life, atMs)
    let ended = used.ended
    for (const child of this.reapedBy(life, atMs)) {
      const theirs = this.accounts(child, child.untilMs)
      ended += theirs.own + theirs.ended
    }
    if (life.program.id === 'cron') ended += this.agentMs(atMs).ended
    return { own: used.own, ended }
  }

  /** Busy milliseconds of all cores since the boot. */
  busyMs(atMs: number): number {
    const boot = this.clockwork.bootAt(atMs)
    const agent = this.agentMs(atMs)
    let ms = agent.ended + agent.own
    for (const life of this.lives) {
      if (life.boot !== boot) continue
      const { own, ended } = usedMs(life, atMs)
      ms += own + ended
    }
    for (const { cores } of this.of('cpu')) ms += total(cores, boot.fromMs, atMs) * 1000
    return ms
  }

  /** Exponentially damped over so many seconds, in steps of 5 s as the kernel has it. */
  loadAverage(atMs: number, seconds: number): number {
    const keep = Math.exp(-5 / seconds)
    const steps = Math.min(120, Math.ceil((seconds * 4) / 5))
    let [load, weight] = [0, 1 - keep]
    for (let step = 0; step < steps; step += 1, weight *= keep) load += weight * this.loadAt(atMs - step * 5000)
    return load
  }

  inodeOf(socket: Socket): number {
    return 30_000 + this.of('socket').indexOf(socket)
  }

  /** The parent at a moment: systemd once it has ended. */
  parentOf(life: Life, atMs: number): Life | undefined {
    const found = this.#parents.get(life)
    if (found === undefined || found.untilMs > atMs) return found
    return this.lifeOf('systemd', life.fromMs)
  }

  groupOf(life: Life): string {
    const { group, parent = 'systemd' } = life.program
    if (group !== undefined) return group
    const found = this.lives.find((one) => one.program.id === parent && one.boot === life.boot)
    return found === undefined ? '' : this.groupOf(found)
  }
}

function linesOf(happens: readonly Happening[]): readonly Line[] {
  const ptys = happens.filter((one) => one.kind === 'pty')
  ptys.sort((a, b) => (a.from ?? -1e6) - (b.from ?? -1e6))
  let [own, apart] = [0, 0]
  return ptys.map((pty): Line => {
    if (pty.of === 'ttyS0') return { pty, number: 0, path: '/dev/ttyS0', rdev: 1088 }
    if (pty.of === 'apart') return { pty, number: apart, path: undefined, rdev: 34_816 + apart++ }
    return { pty, number: own, path: `/dev/pts/${own}`, rdev: 34_816 + own++ }
  })
}
