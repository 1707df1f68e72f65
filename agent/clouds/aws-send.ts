/** The calls to EC2 that change or ask something, through the vendor's SDK, which is loaded only when one is made. */
import type { EC2Client, EC2ClientConfig } from '@aws-sdk/client-ec2'
import { type Failure, readFailure } from './aws-errors.ts'
import type { Credentials } from './aws-metadata.ts'

/** The EC2 actions that this file calls, for the role's policy. */
export const permissions = [
  { action: 'ec2:StopInstances', reason: 'hibernate or stop this instance' },
  { action: 'ec2:CreateTags', reason: 'show in the console since when it is idle, and why it was stopped' },
  {
    action: 'ec2:DescribeTags',
    reason: "read the operator's tags, and those of services that own the instance, where metadata shows none",
  },
] as const

/** One of the calls that the role has to allow. */
export type PermittedAction = (typeof permissions)[number]['action']

export interface Access {
  readonly region: string
  /** Instead of the vendor's own address. */
  readonly apiUrl?: string | undefined
  readonly credentials: Credentials
  /** How often the SDK may send: 1 for a call that must not be sent twice. */
  readonly attempts: 1 | 2
  /** What is throttled is sent once all the same. */
  readonly onceIfThrottled?: boolean | undefined
  /** How far the service's clock was seen to be ahead of ours, in milliseconds. */
  readonly clockOffsetMs: number
}

export type Sent<T> = { readonly answer: T } | { readonly failure: Failure }

export interface Stopping {
  /** The state EC2 says this instance is in now; '' where it does not say. */
  readonly state: string
  readonly requestId: string
}

export interface Api {
  stop(id: string, hibernate: boolean, signal: AbortSignal): Promise<Sent<Stopping>>
  createTags(id: string, tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Sent<true>>
  /** Asks whether the call would be allowed, without making it: a refusal called DryRunOperation means yes. */
  dryRun(
    action: PermittedAction,
    target: { readonly id: string; readonly key: string },
    signal: AbortSignal,
  ): Promise<Sent<true>>
  /** All tags of the instance. */
  describeTags(id: string, signal: AbortSignal): Promise<Sent<ReadonlyMap<string, string>>>
  /** What the last answer's Date header says about our clock. */
  clockOffsetMs(): number
  close(): void
}

/** Milliseconds to connect: after it, nothing was sent. */
const CONNECT_MS = 1500

/** Milliseconds until an answer to a call that may be sent again. */
const ANSWER_MS = 3000

// Whatever is left out here the SDK looks up in AWS_* variables and ~/.aws/config; with all of it set it opens no file.
function clientConfig(access: Access): EC2ClientConfig & { ignoreConfiguredEndpointUrls: boolean } {
  const { accessKeyId, secretAccessKey, sessionToken } = access.credentials
  const again = access.attempts > 1
  return {
    region: access.region,
    ...(access.apiUrl === undefined ? {} : { endpoint: access.apiUrl }),
    ignoreConfiguredEndpointUrls: true,
    // Without an expiry: our clock may be wrong, and the service is the one to say that they are too old.
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    systemClockOffset: access.clockOffsetMs,
    disableClockSkewCorrection: false,
    maxAttempts: access.attempts,
    retryMode: 'standard',
    defaultsMode: 'legacy',
    authSchemePreference: ['sigv4'],
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    userAgentAppId: 'idle-agent',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      ...(again ? { requestTimeout: ANSWER_MS } : {}),
      throwOnRequestTimeout: true,
    },
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  }
}

/** Loads the SDK and makes a client for one purpose; `close` it. Sends nothing yet. */
export async function openApi(access: Access): Promise<Api> {
  const sdk = await import('./aws-sdk.ts')
  const client = new sdk.EC2Client(clientConfig(access))
  if (access.onceIfThrottled === true) await sendOnceIfThrottled(client)
  const watch = watchSending(client)
  const send = <T>(work: () => Promise<T>): Promise<Sent<T>> => watch(work)
  return {
    stop: (id, hibernate, signal) =>
      send(async () => {
        const command = new sdk.StopInstancesCommand({ InstanceIds: [id], Hibernate: hibernate })
        const answer = await client.send(command, { abortSignal: signal })
        const ours = answer.StoppingInstances?.find(({ InstanceId }) => InstanceId === id)
        return { state: ours?.CurrentState?.Name ?? '', requestId: answer.$metadata.requestId ?? 'not told' }
      }),
    createTags: (id, tags, signal) =>
      send(async () => {
        const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
        await client.send(new sdk.CreateTagsCommand({ Resources: [id], Tags }), { abortSignal: signal })
        return true as const
      }),
    dryRun: (action, { id, key }, signal) =>
      send(async () => {
        const options = { abortSignal: signal }
        const target = { Resources: [id], Tags: [{ Key: key, Value: '' }], DryRun: true }
        if (action === 'ec2:StopInstances') {
          await client.send(new sdk.StopInstancesCommand({ InstanceIds: [id], DryRun: true }), options)
        } else if (action === 'ec2:CreateTags') await client.send(new sdk.CreateTagsCommand(target), options)
        else await client.send(new sdk.DescribeTagsCommand({ DryRun: true }), options)
        return true as const
      }),
    describeTags: (id, signal) =>
      send(async () => {
        const Filters = [{ Name: 'resource-id', Values: [id] }]
        const answer = await client.send(new sdk.DescribeTagsCommand({ Filters }), { abortSignal: signal })
        // An answer without a set of tags, or with a part of it (which only MaxResults asks for), must not pass for "no tags".
        if (answer.Tags === undefined || answer.NextToken) throw new Error('DescribeTags did not tell all tags')
        const ours = answer.Tags.filter(({ ResourceId }) => ResourceId === id)
        return new Map(ours.map(({ Key = '', Value = '' }) => [Key, Value]))
      }),
    clockOffsetMs: () => client.config.systemClockOffset,
    close: () => client.destroy(),
  }
}

/** In an account that is throttled a call that is sent again within the second is one more that is refused. */
async function sendOnceIfThrottled({ config }: EC2Client): Promise<void> {
  const strategy = await config.retryStrategy()
  if (!('refreshRetryTokenForRetry' in strategy)) return
  const refresh = strategy.refreshRetryTokenForRetry.bind(strategy)
  strategy.refreshRetryTokenForRetry = async (token, info) => {
    if (info.errorType === 'THROTTLING') throw new Error('throttled: not sent again')
    return refresh(token, info)
  }
}

/** Notes when the SDK comes to sending, which is when a failure stops being harmless. */
function watchSending(client: EC2Client): <T>(work: () => Promise<T>) => Promise<Sent<T>> {
  let handedOver = false
  client.middlewareStack.add(
    (next) => async (args) => {
      handedOver = true
      return next(args)
    },
    { step: 'deserialize', priority: 'low', name: 'noteSending' },
  )
  return async (work) => {
    handedOver = false
    try {
      return { answer: await work() }
    } catch (error) {
      return { failure: readFailure(error, handedOver) }
    }
  }
}
