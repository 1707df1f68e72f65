// What the role of an instance may do, by an evaluator of IAM that others wrote, beside the one in our loopback EC2.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createCredentials, type Principal } from '../clouds/aws/credentials.ts'
import { agentPolicy, authorize, type RolePolicy } from '../clouds/aws/iam.ts'
import { createClock } from '../clouds/clock.ts'
import { type Call, evaluate, evaluator } from './iam-evaluator.ts'

const accountId = '123456789012'
const own = 'i-0a1b2c3d4e5f60718'
const other = 'i-00000000000000002'
const keys = ['IdleStatus', 'IdleSince', 'IdleAction', 'IdleReason', 'Profile', 'Ledger'].map(
  (name) => `CloudWorkstation:${name}`,
)
const policy: RolePolicy = { ...agentPolicy, tagKeys: keys }

/** The policy that is shipped. */
const document: unknown = JSON.parse(readFileSync('iam/aws-role-policy-without-metadata-tags.json', 'utf8'))

interface Case {
  readonly name: string
  readonly action: string
  /** The instance that the call is on; `null` is every resource. */
  readonly on: string | null
  /** Where the credentials were delivered to; `null` is nowhere, as when they are used from elsewhere. */
  readonly from?: string | null
  readonly tagKeys?: readonly string[]
  readonly allowed: boolean
}

const cases: readonly Case[] = [
  { name: 'stop itself', action: 'StopInstances', on: own, allowed: true },
  { name: 'stop another', action: 'StopInstances', on: other, allowed: false },
  {
    name: 'stop itself with credentials that were carried away',
    action: 'StopInstances',
    on: own,
    from: null,
    allowed: false,
  },
  {
    name: 'stop the first with the second’s credentials',
    action: 'StopInstances',
    on: own,
    from: other,
    allowed: false,
  },
  { name: 'tag itself with all keys', action: 'CreateTags', on: own, tagKeys: keys, allowed: true },
  { name: 'tag itself with one key', action: 'CreateTags', on: own, tagKeys: keys.slice(0, 1), allowed: true },
  {
    name: 'tag itself with a key of somebody else',
    action: 'CreateTags',
    on: own,
    tagKeys: [...keys, 'Name'],
    allowed: false,
  },
  {
    name: 'tag itself with an operator’s key',
    action: 'CreateTags',
    on: own,
    tagKeys: ['CloudWorkstation:Protected'],
    allowed: false,
  },
  {
    name: 'tag itself with a key in another case',
    action: 'CreateTags',
    on: own,
    tagKeys: ['cloudworkstation:idlestatus'],
    allowed: false,
  },
  { name: 'tag another', action: 'CreateTags', on: other, tagKeys: keys, allowed: false },
  { name: 'delete its own tags', action: 'DeleteTags', on: own, tagKeys: keys, allowed: false },
  { name: 'ask about itself', action: 'DescribeInstanceAttribute', on: own, allowed: false },
  { name: 'ask about another', action: 'DescribeInstanceAttribute', on: other, allowed: false },
  { name: 'read tags', action: 'DescribeTags', on: null, allowed: true },
  { name: 'list instances', action: 'DescribeInstances', on: null, allowed: false },
  { name: 'start itself', action: 'StartInstances', on: own, allowed: false },
  { name: 'terminate itself', action: 'TerminateInstances', on: own, allowed: false },
  { name: 'take its own protection away', action: 'ModifyInstanceAttribute', on: own, allowed: false },
  { name: 'reboot itself', action: 'RebootInstances', on: own, allowed: false },
]

const arn = (id: string): string => `arn:aws:ec2:eu-west-1:${accountId}:instance/${id}`

/** The case as the evaluator takes it. */
function callOf({ action, on, from = own, tagKeys }: Case): Call {
  return {
    accountId,
    action: `ec2:${action}`,
    resource: on === null ? '*' : arn(on),
    principal: `arn:aws:sts::${accountId}:assumed-role/idle-agent/${from ?? 'elsewhere'}`,
    context: {
      ...(on === null ? {} : { 'ec2:InstanceID': on }),
      ...(from === null ? {} : { 'ec2:SourceInstanceARN': arn(from) }),
      ...(tagKeys ? { 'aws:TagKeys': tagKeys } : {}),
    },
  }
}

/** What our loopback EC2 makes of the same case. */
function ours({ action, on, from = own, tagKeys = [] }: Case): boolean {
  const { operator } = createCredentials({
    clock: createClock(),
    accountId,
    lifetimeSeconds: 60,
    rotateBeforeSeconds: 1,
  })
  const principal: Principal = { ...operator, role: 'idle-agent', instanceId: from ?? undefined }
  const instanceIds = on === null ? [] : [on]
  try {
    authorize(
      { principal, action, region: 'eu-west-1', accountId, instanceIds, tagKeys },
      new Map([['idle-agent', policy]]),
    )
    return true
  } catch {
    return false
  }
}

test.each(cases)('our loopback EC2: $name, $allowed', (one) => {
  expect(ours(one)).toBe(one.allowed)
})

test.skipIf(evaluator === undefined)(
  'an evaluator that others wrote says the same of the policy as it is attached',
  () => {
    const results = evaluate(document, cases.map(callOf))
    const table = cases.map(({ name, action }, index) => `  ${(results[index] ?? '').padEnd(18)} ${action}: ${name}`)
    process.stdout.write(`the self-only policy, by iam-simulate:\n${table.join('\n')}\n`)
    const wanted = cases.map(({ allowed }) => (allowed ? 'Allowed' : 'ImplicitlyDenied'))
    expect(results).toEqual(wanted)
  },
)
