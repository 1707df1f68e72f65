/** A machine in memory on a loopback cloud, checked by the real loop and driver: for the rows of the ownership table. */
import { type Checked, checkAndAct } from '../../agent/agent.ts'
import { type Parts, pathsOf, type Settings } from '../../agent/check/parts.ts'
import { createAws } from '../../agent/clouds/aws.ts'
import type { Cloud } from '../../agent/clouds/cloud.ts'
import { decide } from '../../agent/decide/state.ts'
import type { CommandResult, Host } from '../../agent/host/host.ts'
import { requestHttp } from '../../agent/host/real-http.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import type { Policy, Reading } from '../../agent/types.ts'
import { type AwsCloud, type AwsOptions, type InstanceSpec, startAws } from '../clouds/aws.ts'
import { HOUR, MINUTE, policy } from '../decide/given.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

/** The machine and the agent on it, whatever cloud it is in. */
export interface BaseSpec {
  readonly files?: Readonly<Record<string, string>>
  /** Symbolic links and where they lead. */
  readonly links?: Readonly<Record<string, string>>
  /** How long it has been up; an hour unless given. */
  readonly bootMs?: number
  readonly run?: (argv: readonly string[]) => CommandResult | undefined
  readonly settings?: Partial<Settings>
  readonly policy?: Partial<Policy>
}

export interface RowSpec extends BaseSpec {
  readonly instance?: InstanceSpec
  readonly cloud?: AwsOptions
}

/** A machine whose cloud somebody else made. */
export interface BaseMachine {
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
  /** The audit log. */
  audit(): readonly Readonly<Record<string, unknown>>[]
  /** What everybody reads. */
  status(): Readonly<Record<string, unknown>>
}

export interface RowMachine extends BaseMachine {
  readonly aws: AwsCloud
  /** What StopInstances was asked, and what came of it. */
  stops(): readonly string[]
  /** State tags, without prefix. */
  tag(name: string): string | undefined
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
function wasDue({ deeds }: Checked): boolean {
  return deeds.some(({ action }) => action === 'hibernate' || action === 'stop')
}

/** A quiet machine, an hour old, on an instance as given; `await using` ends it. */
export async function startRow(spec: RowSpec = {}): Promise<RowMachine> {
  const wallMs = Date.now()
  const aws = await startAws({ instances: [{ launchTime: wallMs - HOUR, ...spec.instance }], ...spec.cloud })
  const { metadataUrl, apiUrl } = aws
  const machine = assembleMachine({ ...spec, wallMs }, (host) => createAws(host, { metadataUrl, apiUrl }))
  return Object.assign(machine, {
    aws,
    stops: () =>
      aws.requests.list({ server: 'api', action: 'StopInstances' }).map(({ params, errorCode }) => {
        const method = params['Hibernate'] === 'true' ? 'hibernate' : 'stop'
        return `${method} ${errorCode ?? 'accepted'}`
      }),
    tag: (name: string) => aws.instance().tags.get(`T:${name}`),
    [Symbol.asyncDispose]: () => aws.close(),
  })
}

/** A quiet machine, an hour old; as in life, each check is a process of its own, with a driver of its own. */
export function assembleMachine(
  spec: BaseSpec & { readonly wallMs: number },
  createCloud: (host: Host) => Cloud,
): BaseMachine {
  const host = createMemoryHost({
    clocks: { wallMs: spec.wallMs, bootMs: spec.bootMs ?? HOUR, monoMs: spec.bootMs ?? HOUR },
    http: requestHttp,
    onSleep: () => machine.onSleep(),
    ...(spec.files === undefined ? {} : { files: spec.files }),
    ...(spec.run === undefined ? {} : { run: spec.run }),
  })
  for (const [path, target] of Object.entries(spec.links ?? {})) host.files.link(path, target)
  let pid = 2000

  function parts(settings: Settings): Parts {
    pid += 1
    host.processes.clear()
    const own = host.withSelf({ pid, startTicks: pid })
    return {
      host: own,
      cloud: createCloud(own),
      sensors: [{ sensor: sensor(() => machine.reading), limits: {} }],
      vetoes: [],
      policy: { ...policy, bootGraceMs: 0, ...spec.policy },
      settings,
      paths,
      decide,
    }
  }

  const text = (path: string): string => host.files.read(path) ?? ''
  const machine: BaseMachine = {
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
    audit: () =>
      text(paths.audit)
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Readonly<Record<string, unknown>>])),
    status: () => JSON.parse(text(paths.status)) as Readonly<Record<string, unknown>>,
  }
  return machine
}
