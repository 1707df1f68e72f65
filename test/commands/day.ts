/** A day of a machine, lived through the real loop: somebody works, it is hibernated, comes back, and is held. */
import type { Command } from '../../agent/commands/context.ts'
import type { Reading } from '../../agent/types.ts'
import { MINUTE } from '../decide/given.ts'
import { Bench } from '../scenarios/bench.ts'

export const quiet: Reading = { kind: 'idle', reason: 'nobody connected' }
export const typing: Reading = { kind: 'active', reason: 'uid 1000 typed on pts/1', person: true }
export const connected: Reading = {
  ...{ kind: 'hold', reason: '1 connection open, no bytes' },
  ...{ evidence: 'connection', limitMinutes: 60 },
}
export const hanging: Reading = { kind: 'unknown', reason: 'who(1) hangs' }

export class Day {
  readonly bench = new Bench()
  /** What the sensor `sessions` says. */
  said: Reading = quiet

  constructor(zone = 'Europe/Berlin') {
    this.bench.host.environment.set('TZ', zone)
    this.bench.policy = { ...this.bench.policy, bootGraceMs: 10 * MINUTE }
    this.bench.fakes = [{ name: 'cpu' }, { name: 'sessions', judge: () => this.said }]
  }

  /** So many checks, of which `sessions` says this. */
  async checks(count: number, said: Reading = this.said): Promise<void> {
    this.said = said
    for (let done = 0; done < count; done += 1) await this.bench.check()
  }

  /** It hibernated at its last check, and somebody starts it again. */
  sleep(ms: number): void {
    this.bench.host.clock.suspend(ms)
    this.bench.startedAt = new Date(this.bench.host.clock.now().wallMs).toISOString()
  }

  /** Lines of a command, as a user without colour reads them. */
  async run(command: Command, args: readonly string[] = [], uid = 0): Promise<readonly string[]> {
    const lines: string[] = []
    const json = args.includes('--json')
    const flags = { json, root: undefined, stateDir: undefined, config: undefined }
    const rest = args.filter((word) => word !== '--json')
    const host = this.bench.host.withSelf({ uid })
    await command({ host, flags, args: rest, out: (line) => lines.push(line), colour: false })
    return lines
  }

  /** The one object that it prints. */
  async json(command: Command, args: readonly string[] = []): Promise<Readonly<Record<string, unknown>>> {
    const [text = '', ...more] = await this.run(command, [...args, '--json'])
    if (more.length > 0) throw new Error(`more than one line: ${more.join('\n')}`)
    return JSON.parse(text) as Readonly<Record<string, unknown>>
  }

  /** From boot to the first minutes after the hibernation. */
  static async upToTheReturn(): Promise<Day> {
    const day = new Day()
    await day.checks(6)
    await day.checks(20, typing)
    // Hibernated by the last of these.
    await day.checks(5, quiet)
    day.sleep(190 * MINUTE)
    await day.checks(2)
    return day
  }
}
