// The words that guest stories are told in: settings of seconds, user data that installs, and what the agent in the guest says.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { delivered, type Guest } from './guest.ts'
import { until, whyNoGuests } from './host.ts'
import { addresses } from './network.ts'

export type Settings = Readonly<Record<string, unknown>>

/** Seconds instead of minutes: grace 9 s, idle after 6 s, stopped after 15 s, a check every 3 s. */
export const seconds: Settings = {
  check_interval_minutes: 0.05,
  idle_threshold_minutes: 0.1,
  hibernate_threshold_minutes: 0.25,
  boot_grace_minutes: 0.15,
  action: 'stop',
}

/** On an emulated processor, which is about ten times slower: what systemd uses for each check is no 0.01 cores there. */
export const emulated: Settings = {
  ...seconds,
  check_interval_minutes: 0.15,
  idle_threshold_minutes: 0.25,
  hibernate_threshold_minutes: 1,
  boot_grace_minutes: 0.5,
  sensors: { cpu: { cores: 0.4 } },
}

/** Why there are no guests; told on stderr, so that a test run without them does not look like one with them. */
export function guestsSkipped(story: string): boolean {
  const why = whyNoGuests()
  if (why !== undefined) process.stderr.write(`\nSKIPPED, NOTHING OF IT IS TESTED: ${story}: ${why}\n\n`)
  return why !== undefined
}

/** What a guest without firmware of the cloud's must be told. */
export const endpoints: readonly string[] = [
  `AWS_EC2_METADATA_SERVICE_ENDPOINT=http://${addresses.metadata}`,
  `AWS_ENDPOINT_URL_EC2=http://${addresses.gateway}:80`,
]

export interface Installing {
  readonly schedule?: 'timer' | 'cron'
  /** What `install` is told in its environment; both endpoints unless given. */
  readonly variables?: readonly string[]
  /** Text by path that is there before. */
  readonly files?: Readonly<Record<string, string>>
}

/** What one whose firmware is EC2's must be told. */
export const apiOnly = endpoints.slice(1)

/** User data as an operator writes it: the configuration, and the executable's own `install`. */
export function installing(
  settings: Settings,
  { schedule = 'timer', variables = endpoints, files = {} }: Installing = {},
): string {
  const config = `idle_detection: ${JSON.stringify(settings)}\n`
  const install = [...variables, delivered, 'install', '--schedule', schedule, '--config', '/root/idle-agent.yaml']
  const data = {
    write_files: Object.entries({ '/root/idle-agent.yaml': config, ...files }).map(([path, content]) => ({
      path,
      content,
    })),
    runcmd: [['env', ...install]],
  }
  return `#cloud-config\n${JSON.stringify(data, undefined, 1)}\n`
}

/** What `status --json` tells, as far as the stories ask. */
export interface Told {
  readonly at: string
  readonly verdict: string
  readonly state: string
  readonly reason: string
  readonly idleSince: string | null
  readonly readings: readonly { readonly sensor: string; readonly kind: string; readonly reason: string }[]
}

export interface Observer {
  /** What the last check in the guest left; noted in the evidence when it is new. Rejects before the first. */
  look(): Promise<Told>
  /** Looks until one fits; rejects with what was seen last. */
  see(fits: (told: Told) => boolean, timeoutMs: number, what: string): Promise<Told>
  /** Notes a moment of the story, with its second. */
  note(text: string): void
  /** Every different thing seen so far, oldest first. */
  readonly seen: readonly Told[]
}

/** Watches the agent in a guest, and writes `timeline.txt`. */
export function observe(guest: Guest): Observer {
  const began = Date.now()
  const seen: Told[] = []
  function note(text: string): void {
    const second = ((Date.now() - began) / 1000).toFixed(1).padStart(6)
    appendFileSync(join(guest.run.evidence, 'timeline.txt'), `${second} ${text}\n`)
  }
  async function look(): Promise<Told> {
    const told = JSON.parse(await guest.ask('cat /run/idle-agent/status.json', 20_000)) as Told // our own file; the fields are asserted on
    if (seen.at(-1)?.at !== told.at) {
      seen.push(told)
      const readings = told.readings.map(({ sensor, kind, reason }) => `${sensor} ${kind}: ${reason}`)
      note(`${told.at.slice(11, 23)} ${told.verdict} (${told.state}): ${told.reason} [${readings.join('; ')}]`)
    }
    return told
  }
  async function see(fits: (told: Told) => boolean, timeoutMs: number, what: string): Promise<Told> {
    const last = (): string => JSON.stringify(seen.at(-1))
    try {
      return await until(
        async () => {
          const told = await look()
          return fits(told) ? told : undefined
        },
        timeoutMs,
        what,
        guest.lookEveryMs,
      )
    } catch (error) {
      throw new Error(`${what}; last seen: ${last()}`, { cause: error })
    }
  }
  return { look, see, note, seen }
}

/** Waits until the cloud has the guest in that state, and the guest really is so. */
export async function waitForPower(
  guest: Guest,
  state: 'stopped' | 'deallocated' | 'running',
  timeoutMs: number,
): Promise<void> {
  await until(async () => (await guest.cloud.state()) === state, timeoutMs, `the instance ${state}`)
  expect(guest.isOn()).toBe(state === 'running')
}

/** Waits until the state tag says so: the first check after a start may come before the network, and tags then follow. */
export async function waitForTag(guest: Guest, name: string, value: string, timeoutMs: number): Promise<void> {
  const said = async (): Promise<boolean> => (await guest.cloud.tags())[name] === value
  await until(said, timeoutMs, `the tag ${name} says ${value}`)
}
