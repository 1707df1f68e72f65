/** A machine in memory on a loopback EC2, checked by the real loop and driver: for the rows of the ownership table. */
import { type Checked, checkAndAct } from '../../agent/agent.ts'
import { type Parts, pathsOf, type Settings } from '../../agent/check/parts.ts'
import { createAws } from '../../agent/clouds/aws.ts'
import { decide } from '../../agent/decide/state.ts'
import type { CommandResult } from '../../agent/host/host.ts'
import { requestHttp } from '../../agent/host/real-http.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import type { Policy, Reading } from '../../agent/types.ts'
import { type AwsCloud, type AwsOptions, type InstanceSpec, startAws } from '../clouds/aws.ts'
import { HOUR, MINUTE, policy } from '../decide/given.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

export interface RowSpec {
  readonly instance?: InstanceSpec
  readonly cloud?: AwsOptions
  readonly files?: Readonly<Record<string, string>>
  readonly run?: (argv: readonly string[]) => CommandResult | undefined
  readonly settings?: Partial<Settings>
  readonly policy?: Partial<Policy>
}

export interface RowMachine {
  readonly aws: AwsCloud
  readonly host: MemoryHost
  /** What the one sensor says; free to be changed. */
  reading: Reading
  /** Called while a check sleeps: in the wait for the due time, and before the second look. */
  onSleep: () => void
  /** What the operator wants; free to be changed. */
  settings: Settings
  /** What the next check is made of. */
  parts(): Parts
  /** One check, two minutes after the last unless said. */
  check(afterMs?: number): Promise<Checked>
  /** Checks until an action was due, two minutes apart unless said, forty at most. */
  due(everyMs?: number): Promise<Checked>
  /** What StopInstances was asked, and what came of it. */
  stops(): readonly string[]
  /** The audit log. */
  audit(): readonly Readonly<Record<string, unknown>>[]
  /** State tags, without prefix. */
  tag(name: string): string | undefined
  /** What everybody reads. */
  status(): Readonly<Record<string, unknown>>
  [Symbol.asyncDispose](): Promise<void>
}

function sensor(judge: () => Reading): Sensor<unknown> {
  return { name: 'cpu', sampleVersion: 1, options: {}, read: async () => ({}), judge }
}

const usual: Settings = {
  tagPrefix: 'T',
  protected: false,
  operatorTags: 'optional',
  allow: [],
  keepCeilingMs: 24 * HOUR,
  horizonMs: 15 * MINUTE,
}

const paths = pathsOf(undefined)

/** Was an action due in this check? */
export function wasDue({ deeds }: Checked): boolean {
  return deeds.some(({ action }) => action === 'hibernate' || action === 'stop')
}

/** A quiet machine, an hour old, on an instance as given; `await using` ends it. */
export async function startRow(spec: RowSpec = {}): Promise<RowMachine> {
  const wallMs = Date.now()
  const aws = await startAws({ instances: [{ launchTime: wallMs - HOUR, ...spec.instance }], ...spec.cloud })
  const host = createMemoryHost({
    clocks: { wallMs, bootMs: HOUR, monoMs: HOUR },
    http: requestHttp,
    onSleep: () => machine.onSleep(),
    ...(spec.files === undefined ? {} : { files: spec.files }),
    ...(spec.run === undefined ? {} : { run: spec.run }),
  })
  let pid = 2000

  function parts(settings: Settings): Parts {
    pid += 1
    host.processes.clear()
    const own = host.withSelf({ pid, startTicks: pid })
    return {
      host: own,
      // As in life: each check is a process of its own, which asks for a metadata token of its own.
      cloud: createAws(own, { metadataUrl: aws.metadataUrl, apiUrl: aws.apiUrl }),
      sensors: [{ sensor: sensor(() => machine.reading), limits: {} }],
      vetoes: [],
      policy: { ...policy, bootGraceMs: 0, ...spec.policy },
      settings,
      paths,
      decide,
    }
  }

  const text = (path: string): string => host.files.read(path) ?? ''
  const machine: RowMachine = {
    aws,
    host,
    reading: { kind: 'idle', reason: 'no work' },
    onSleep: () => {},
    settings: { ...usual, ...spec.settings },
    parts: () => parts(machine.settings),
    check(afterMs = 2 * MINUTE) {
      host.clock.advance(afterMs)
      return checkAndAct(machine.parts())
    },
    async due(everyMs = 2 * MINUTE) {
      for (let count = 0; count < 40; count += 1) {
        const checked = await machine.check(everyMs)
        if (wasDue(checked)) return checked
      }
      throw new Error(`nothing was due: ${text(paths.status)}`)
    },
    stops: () =>
      aws.requests.list({ server: 'api', action: 'StopInstances' }).map(({ params, errorCode }) => {
        const method = params['Hibernate'] === 'true' ? 'hibernate' : 'stop'
        return `${method} ${errorCode ?? 'accepted'}`
      }),
    audit: () =>
      text(paths.audit)
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Readonly<Record<string, unknown>>])),
    tag: (name) => aws.instance().tags.get(`T:${name}`),
    status: () => JSON.parse(text(paths.status)) as Readonly<Record<string, unknown>>,
    [Symbol.asyncDispose]: () => aws.close(),
  }
  return machine
}
