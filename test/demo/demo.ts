// `make demo`: the real executable on this machine's real signals, until a simulated EC2 instance is hibernated.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AwsCloud, startAws } from '../clouds/aws.ts'
import { type Check, runCheck } from './run-check.ts'
import { createScreen, type Screen } from './screen.ts'

const INTERVAL_MS = 3_000
const IDLE_S = 9
const HIBERNATE_S = 18
/** How long a busy machine is waited for, beyond what a quiet one takes. */
const PATIENCE_MS = 90_000
const QUIET_MS = 30_000

const executable = resolve('dist/idle-agent')

const config = `idle_detection:
  idle_threshold_minutes: ${IDLE_S / 60}
  hibernate_threshold_minutes: ${HIBERNATE_S / 60}
  check_interval_minutes: ${INTERVAL_MS / 60_000}
  boot_grace_minutes: 0
`

async function demo(): Promise<number> {
  const screen = createScreen()
  const folder = mkdtempSync(join(tmpdir(), 'idle-agent-demo-'))
  const cloud = await startAws({
    instances: [{ hibernation: true, metadataTags: true, tags: { Name: 'demo' } }],
    delays: { hibernateMs: 1_500, stopMs: 1_500 },
    onState: (instance, before) => screen.cloud(`instance ${instance.id}: ${before} → ${instance.state}`),
  })
  const end = (): void => {
    rmSync(folder, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      end()
      screen.note('ended; nothing was stopped, and nothing is left behind')
      process.exit(130)
    })
  }
  // A line typed here is input on this terminal: it is read, so the kernel notes it and the agent sees it.
  if (process.stdin.isTTY) process.stdin.on('data', () => undefined).unref()
  try {
    writeFileSync(join(folder, 'config.yaml'), config)
    introduce(screen, folder)
    // What installing and building left to be written would be a busy disk, for a minute: no sign of anybody's work.
    spawnSync('sync', { timeout: PATIENCE_MS })
    const outcome = await watch(cloud, screen, folder)
    return conclude(cloud, screen, { ...outcome, clock: lastUse(folder) })
  } finally {
    await cloud.close()
    end()
  }
}

function introduce(screen: Screen, folder: string): void {
  screen.title(
    'idle-agent demo: the real executable, the real signals of this machine, a simulated EC2 instance on loopback',
  )
  screen.note(
    `A check every ${INTERVAL_MS / 1000} s. Unused for ${IDLE_S} s: idle, and everybody on a terminal is warned. For ${HIBERNATE_S} s: hibernate, after a second look some seconds long.`,
  )
  screen.note('Nothing leaves this machine, and the machine itself is never stopped: only the simulated instance is.')
  screen.note('To see it held back, do one of these while it runs:')
  screen.note('  press Enter here or type in another terminal  ·  keep a core busy: timeout 10 sha256sum /dev/zero')
  screen.note(`  ask for time: dist/idle-agent keep --for 20s --reason lunch --state-dir ${folder}/state`)
  screen.gap()
}

/** What started the idle clock last, as the agent's own status tells it. */
function lastUse(folder: string): string {
  try {
    const status = JSON.parse(readFileSync(join(folder, 'state/run/status.json'), 'utf8'))
    return `${status.clockReason} at ${String(status.idleSince).slice(11, 19)} UTC`
  } catch {
    return 'not told'
  }
}

interface Outcome {
  readonly stopped: boolean
  readonly checks: readonly Check[]
}

async function watch(cloud: AwsCloud, screen: Screen, folder: string): Promise<Outcome> {
  const checks: Check[] = []
  const startedMs = Date.now()
  let tags = ''
  while (Date.now() - startedMs < QUIET_MS + PATIENCE_MS) {
    const nextMs = Date.now() + INTERVAL_MS
    const args = [
      'check',
      '--act',
      '--json',
      '--config',
      join(folder, 'config.yaml'),
      '--state-dir',
      join(folder, 'state'),
    ]
    const check = await runCheck({ executable, args, env: cloud.env })
    checks.push(check)
    screen.check(check, (Date.now() - startedMs) / 1000)
    tags = showTags(cloud, screen, tags)
    if (check.state === 'acting' && cloud.instance().state !== 'running') {
      await cloud.waitForState('stopped')
      return { stopped: true, checks }
    }
    await sleep(Math.max(0, nextMs - Date.now()))
  }
  return { stopped: false, checks }
}

function showTags(cloud: AwsCloud, screen: Screen, before: string): string {
  const own = [...cloud.instance().tags].filter(([key]) => key.startsWith('CloudWorkstation:'))
  const now = own
    .map(([key, value]) => `${key.replace('CloudWorkstation:', '')}=${value === '' ? '""' : value}`)
    .join('  ')
  if (now !== before) screen.cloud(`tags ${now}`)
  return now
}

function conclude(
  cloud: AwsCloud,
  screen: Screen,
  { stopped, checks, clock }: Outcome & { readonly clock: string },
): number {
  const instance = cloud.instance()
  screen.gap()
  if (!stopped) {
    const last = checks.at(-1)
    screen.title('this machine was not idle long enough, so nothing was stopped: that is the first promise')
    screen.note(`What kept it up last: ${last?.reason ?? 'nothing ran'}`)
    screen.note('End that, or wait for it, and run `make demo` again.')
    return 1
  }
  const calls = Object.entries(cloud.requests.counts({ server: 'api' }).byKind).map(
    ([kind, count]) => `${count} × ${kind.replace('api ', '')}`,
  )
  screen.title(
    `the instance is ${instance.state} (${instance.stateReason?.code ?? 'no reason'}); its memory is on disk, and its hours cost nothing now`,
  )
  screen.note(`Why: ${checks.at(-1)?.reason ?? ''}. The idle clock began with: ${clock}.`)
  screen.note(`EC2 calls in all of this: ${calls.join(', ')}.`)
  screen.note(
    'On a real machine the same happens after 10 quiet minutes; to prevent it: press a key, or `idle-agent keep --for 4h`.',
  )
  return instance.state === 'stopped' && instance.hibernated ? 0 : 1
}

process.exitCode = await demo()
