// The loopback cloud of a guest: a child process in the guest's sealed namespace, and the typed client that controls it.
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import { type ControlClient, clientOver } from '../clouds/control-client.ts'
import type { GuestSpec, GuestVerb, Order, Report } from './cloud.ts'
import { end, environment, until } from './host.ts'
import type { Network } from './network.ts'

/** A guest's power switch; each call resolves when the guest is off, asleep, or started. */
export type GuestPower = Readonly<Record<GuestVerb, () => Promise<void>>>

/** Its instances and settings are EC2's, in types; of an Azure VM only that is used which both have. */
export interface GuestCloud extends ControlClient {
  /** What a program in the guest is told: where metadata and API are. */
  readonly env: Readonly<Record<string, string>>
  readonly instanceId: string
  /** What a client of an API over TLS has to trust, as a PEM text; empty where it speaks without. */
  readonly caCert: string
  /** Lines of the request log so far. */
  readonly log: readonly string[]
  /** Tags by name without prefix. */
  tags(): Promise<Readonly<Record<string, string>>>
  state(): Promise<string>
  /** What was asked of the call that stops, and what came of it: `stop accepted`, `hibernate UnsupportedHibernationConfiguration`. */
  stops(): Promise<readonly string[]>
  close(): Promise<void>
}

/** Starts the cloud in the network; `logPath` gets a line for each request. Rejects where the cloud will not listen. */
export async function startGuestCloud(
  network: Network,
  power: GuestPower,
  { spec, logPath }: { readonly spec: GuestSpec; readonly logPath: string },
): Promise<GuestCloud> {
  const argv = network.inSim(process.execPath, resolvePath('test/guest/cloud.ts'))
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const log: string[] = []
  let ready: Extract<Report, { kind: 'ready' }> | undefined
  let failure: string | undefined
  let last = 0
  child.on('message', (report: Report) => {
    if (report.kind === 'ready') ready = report
    else if (report.kind === 'failed') failure = report.error
    else if (report.kind === 'switch') void switchPower(child, power, report)
    else if (report.kind === 'line') {
      log.push(report.text)
      appendFileSync(logPath, `${report.text}\n`)
    } else {
      const asked = open.get(report.number)
      open.delete(report.number)
      if (report.status === 200) asked?.resolve(report.value)
      else asked?.reject(new Error(JSON.stringify(report.value)))
    }
  })
  const ask = (method: string, path: string, body?: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1
      const number = last
      open.set(number, { resolve, reject })
      setTimeout(() => open.delete(number) && reject(new Error(`${method} ${path}: no answer`)), 6000).unref()
      order(child, { kind: 'ask', number, method, path, body })
    })
  order(child, { kind: 'start', spec })
  try {
    const started = await until(
      () => {
        if (failure === undefined && child.exitCode === null) return ready
        throw new Error(failure ?? `the cloud ended with ${String(child.exitCode)}`)
      },
      10_000,
      'the cloud',
    )
    return assemble({ child, log, ready: started, client: clientOver(ask) })
  } catch (error) {
    await end(child)
    throw error
  }
}

function order(child: ChildProcess, message: Order): void {
  if (child.connected) child.send(message)
}

async function switchPower(
  child: ChildProcess,
  power: GuestPower,
  { number, verb }: Extract<Report, { kind: 'switch' }>,
): Promise<void> {
  try {
    await power[verb]()
    order(child, { kind: 'switched', number })
  } catch (error) {
    order(child, { kind: 'switched', number, error: error instanceof Error ? error.message : String(error) })
  }
}

interface Parts {
  readonly child: ChildProcess
  readonly log: readonly string[]
  readonly ready: Extract<Report, { kind: 'ready' }>
  readonly client: ControlClient
}

function assemble({ child, log, ready, client }: Parts): GuestCloud {
  const { env, instanceId, caCert = '' } = ready
  return {
    ...client,
    env,
    instanceId,
    caCert,
    log,
    async tags() {
      const { tags } = await client.instance(instanceId)
      return Object.fromEntries(Object.entries(tags).map(([key, value]) => [key.replace(/^.*:/, ''), value]))
    },
    state: async () => (await client.instance(instanceId)).state,
    async stops() {
      const { requests } = await client.requests()
      return requests
        .filter(({ action }) => action === 'StopInstances' || action === 'VirtualMachines_Deallocate')
        .map(({ params, status, errorCode }) => {
          const method = [params['Hibernate'], params['hibernate']].includes('true') ? 'hibernate' : 'stop'
          return `${method} ${errorCode ?? (status === 200 || status === 202 ? 'accepted' : 'unanswered')}`
        })
    },
    close: () => end(child),
  }
}
