// The calls of the peer (test/bench/peer/idle-check.sh): its state lies in the tags, so every check asks for them.
import { createRandom, draw, type Random } from '../../scenarios/random.ts'
import { Account, type Outage } from './account.ts'
import { type Life, MINUTE, neededTo, nextNeed, SECOND } from './life.ts'
import { INTERVAL_MS } from './machine.ts'
import { Timeline } from './timeline.ts'
import { callWith, cli } from './transport.ts'

export interface PeerOptions {
  readonly machines: number
  readonly endMs: number
  readonly lifeOf: (seed: number) => Life
  readonly outage?: Outage
  readonly share?: number
  readonly offMs?: readonly number[]
}

const IDLE_MS = 10 * MINUTE

interface Peer {
  readonly seed: number
  readonly life: Life
  on: boolean
  boots: number
  /** What the tags say, and what they should. */
  idleSince: number | undefined
  shown: 'active' | 'idle' | 'stopping' | ''
  wanted: 'active' | 'idle' | 'stopping' | ''
  dueMs: number | undefined
}

/** A fleet of peers in one account. */
export class PeerFleet {
  readonly timeline = new Timeline()
  readonly account: Account
  readonly stopDelays: number[] = []
  readonly #options: PeerOptions
  readonly #peers: Peer[] = []
  readonly #random: Random = createRandom(1)

  constructor(options: PeerOptions) {
    this.#options = options
    this.account = new Account({ timeline: this.timeline, ...options })
    for (let seed = 0; seed < options.machines; seed += 1) {
      const life = options.lifeOf(seed)
      const peer: Peer = {
        seed,
        life,
        on: false,
        boots: 0,
        idleSince: undefined,
        shown: '',
        wanted: '',
        dueMs: undefined,
      }
      this.#peers.push(peer)
      this.#startWhenNeeded(peer)
    }
    for (const at of options.offMs ?? []) this.timeline.at(at, () => this.#switchOff())
  }

  live(): Promise<void> {
    return this.timeline.until(this.#options.endMs)
  }

  /** Machines that are on and whose tags are not what they should be. */
  wrongTags(): number {
    return this.#peers.filter(({ on, shown, wanted }) => on && shown !== wanted).length
  }

  waitingStops(): number {
    return this.#peers.filter(({ on, dueMs }) => on && dueMs !== undefined).length
  }

  #switchOff(): void {
    for (const peer of this.#peers) {
      if (!peer.on) continue
      peer.on = false
      peer.shown = 'stopping'
      this.#startWhenNeeded(peer)
    }
  }

  #startWhenNeeded(peer: Peer): void {
    const { now } = this.timeline
    const at = neededTo(peer.life, now) === undefined ? nextNeed(peer.life, now) : now
    if (at === undefined) return
    this.timeline.at(at + (20 + 40 * this.#random.next()) * SECOND, () => {
      peer.on = true
      peer.boots += 1
      peer.dueMs = undefined
      this.#plan(peer, this.timeline.now + INTERVAL_MS - (this.timeline.now % INTERVAL_MS))
    })
  }

  /** Cron, and the second that bash, curl and the CLI take before their first call. */
  #plan(peer: Peer, tickMs: number): void {
    const { boots } = peer
    const late = 800 + 1_200 * draw(Math.imul(peer.seed, 7919) + Math.round(tickMs / 1000))
    this.timeline.at(tickMs + late, () => {
      if (!peer.on || peer.boots !== boots) return
      this.#plan(peer, tickMs + INTERVAL_MS)
      this.timeline.start(() => this.#check(peer))
    })
  }

  /** As the script: it ends at the first call that fails (`set -e`). */
  async #check(peer: Peer): Promise<void> {
    const { now } = this.timeline
    const busy = neededTo(peer.life, now) !== undefined
    if (busy) {
      peer.wanted = 'active'
      peer.dueMs = undefined
    } else {
      if (peer.wanted === 'active' || peer.wanted === '') peer.wanted = 'idle'
      peer.dueMs ??= this.#dueOf(peer, now)
    }
    if (!(await this.#call('DescribeTags'))) return
    if (busy) {
      peer.idleSince = undefined
      if (peer.shown !== 'active') await this.#tag(peer, 'active')
      return
    }
    if (peer.shown !== 'idle' && peer.shown !== 'stopping') peer.idleSince = undefined
    if (peer.idleSince === undefined) {
      if (await this.#tag(peer, 'idle')) peer.idleSince = now
      return
    }
    if (now - peer.idleSince >= IDLE_MS) await this.#stop(peer)
  }

  #dueOf({ life }: Peer, now: number): number | undefined {
    const ended = life.findLast(([, until]) => until <= now)?.[1]
    return ended === undefined || now < ended + IDLE_MS ? undefined : ended + IDLE_MS
  }

  async #stop(peer: Peer): Promise<void> {
    if (!(await this.#call('DescribeInstances'))) return
    if (!(await this.#tag(peer, 'stopping'))) return
    peer.wanted = 'stopping'
    if (!(await this.#call('StopInstances'))) return
    if (peer.dueMs !== undefined) this.stopDelays.push(Math.max(0, this.timeline.now - peer.dueMs))
    peer.dueMs = undefined
    this.timeline.at(this.timeline.now + (20 + 40 * this.#random.next()) * SECOND, () => {
      if (!peer.on) return
      peer.on = false
      this.#startWhenNeeded(peer)
    })
  }

  async #tag(peer: Peer, shown: 'active' | 'idle' | 'stopping'): Promise<boolean> {
    if (!(await this.#call('CreateTags'))) return false
    peer.shown = shown
    return true
  }

  async #call(action: 'DescribeTags' | 'DescribeInstances' | 'CreateTags' | 'StopInstances'): Promise<boolean> {
    const line = { account: this.account, random: this.#random, sleep: (ms: number) => this.timeline.sleep(ms) }
    return (await callWith(line, action, cli)) === undefined
  }
}
