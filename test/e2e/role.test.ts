// What the role that is shipped allows, beside what the role of the source description did; by an evaluator that others wrote.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Call, evaluate, evaluator } from './iam-evaluator.ts'

const accountId = '123456789012'
const own = 'i-0a1b2c3d4e5f60718'
const other = 'i-00000000000000002'
const keys = ['IdleStatus', 'IdleSince', 'IdleAction', 'IdleReason', 'Profile', 'Ledger'].map(
  (name) => `CloudWorkstation:${name}`,
)

/** The policy that the source description attaches to every instance. */
const sourcePolicy = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: ['ec2:CreateTags', 'ec2:DescribeTags', 'ec2:DescribeInstances', 'ec2:StopInstances'],
      Resource: '*',
    },
  ],
}

interface Case {
  readonly name: string
  readonly action: string
  /** `*` for a call that names no instance. */
  readonly on?: string
  readonly partition?: string
  /** The instance that the credentials were delivered to; `null`: used outside any. */
  readonly from?: string | null
  readonly tagKeys?: readonly string[]
  /** The tag is set while something is created. */
  readonly creating?: string
  /** By our policy, and by the source's. */
  readonly allowed: readonly [ours: boolean, source: boolean]
}

const cases: readonly Case[] = [
  { name: 'stop itself', action: 'StopInstances', allowed: [true, true] },
  { name: 'stop another instance', action: 'StopInstances', on: other, allowed: [false, true] },
  {
    name: 'stop itself, with credentials used outside any host',
    action: 'StopInstances',
    from: null,
    allowed: [false, true],
  },
  {
    name: 'stop it, with the credentials of another host',
    action: 'StopInstances',
    from: other,
    allowed: [false, true],
  },
  {
    name: 'stop an instance of another partition',
    action: 'StopInstances',
    partition: 'aws-cn',
    allowed: [false, true],
  },
  { name: 'tag itself with all its keys', action: 'CreateTags', tagKeys: keys, allowed: [true, true] },
  { name: 'tag itself with one key', action: 'CreateTags', tagKeys: keys.slice(1, 2), allowed: [true, true] },
  { name: 'tag another instance', action: 'CreateTags', on: other, tagKeys: keys, allowed: [false, true] },
  { name: 'tag itself with Name', action: 'CreateTags', tagKeys: ['Name'], allowed: [false, true] },
  {
    name: 'tag itself with a key of its own and Name',
    action: 'CreateTags',
    tagKeys: [keys[0] ?? '', 'Name'],
    allowed: [false, true],
  },
  {
    name: 'take away Protected',
    action: 'CreateTags',
    tagKeys: ['CloudWorkstation:Protected'],
    allowed: [false, true],
  },
  {
    name: 'prolong KeepAwakeUntil',
    action: 'CreateTags',
    tagKeys: ['CloudWorkstation:KeepAwakeUntil'],
    allowed: [false, true],
  },
  {
    name: 'a key in another case',
    action: 'CreateTags',
    tagKeys: ['cloudworkstation:idlestatus'],
    allowed: [false, true],
  },
  { name: 'tag itself with no keys', action: 'CreateTags', allowed: [false, true] },
  { name: 'tag itself, outside any host', action: 'CreateTags', from: null, tagKeys: keys, allowed: [false, true] },
  {
    name: 'tag while launching',
    action: 'CreateTags',
    tagKeys: keys,
    creating: 'RunInstances',
    allowed: [false, true],
  },
  {
    name: 'tag an instance of another partition',
    action: 'CreateTags',
    partition: 'aws-us-gov',
    tagKeys: keys,
    allowed: [false, true],
  },
  { name: 'delete its tags', action: 'DeleteTags', tagKeys: keys, allowed: [false, false] },
  { name: 'start itself', action: 'StartInstances', allowed: [false, false] },
  { name: 'terminate itself', action: 'TerminateInstances', allowed: [false, false] },
  { name: 'reboot itself', action: 'RebootInstances', allowed: [false, false] },
  { name: 'take its own protection away', action: 'ModifyInstanceAttribute', allowed: [false, false] },
  { name: 'change its metadata options', action: 'ModifyInstanceMetadataOptions', allowed: [false, false] },
  { name: 'launch another', action: 'RunInstances', on: '*', allowed: [false, false] },
  { name: 'list all instances', action: 'DescribeInstances', on: '*', allowed: [false, true] },
  { name: 'list all tags', action: 'DescribeTags', on: '*', allowed: [false, true] },
]

function callOf({ action, on = own, partition = 'aws', from = own, tagKeys, creating }: Case): Call {
  const arn = (id: string): string => `arn:${partition}:ec2:eu-west-1:${accountId}:instance/${id}`
  return {
    accountId,
    action: `ec2:${action}`,
    resource: on === '*' ? '*' : arn(on),
    principal: `arn:aws:sts::${accountId}:assumed-role/role/${from ?? 'elsewhere'}`,
    context: {
      ...(on === '*' ? {} : { 'ec2:InstanceID': on }),
      ...(from === null ? {} : { 'ec2:SourceInstanceARN': `arn:aws:ec2:eu-west-1:${accountId}:instance/${from}` }),
      ...(tagKeys === undefined ? {} : { 'aws:TagKeys': tagKeys }),
      ...(creating === undefined ? {} : { 'ec2:CreateAction': creating }),
    },
  }
}

test.skipIf(evaluator === undefined)(
  'the role of iam/ allows an instance itself, and the source’s allowed the account',
  () => {
    const shipped: unknown = JSON.parse(readFileSync('iam/aws-role-policy.json', 'utf8'))
    const calls = cases.map(callOf)
    const [ours, source] = [evaluate(shipped, calls), evaluate(sourcePolicy, calls)]
    const word = (text: string | undefined): string => (text === 'Allowed' ? 'allowed' : 'denied').padEnd(8)
    const table = cases.map(({ name }, index) => `  ${word(ours[index])} ${word(source[index])} ${name}`)
    process.stdout.write(`what a role may do, by iam-simulate (ours, the source's):\n${table.join('\n')}\n`)
    const wanted = (which: 0 | 1): readonly string[] =>
      cases.map(({ allowed }) => (allowed[which] ? 'Allowed' : 'ImplicitlyDenied'))
    expect(ours).toEqual(wanted(0))
    expect(source).toEqual(wanted(1))
  },
)

test.skipIf(evaluator === undefined)(
  'with tags that metadata does not show it may also list tags, on a host only',
  () => {
    const path = 'test/golden/provisioning/aws-shared-tags/cloudformation/stack.json'
    const stack = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly Resources: {
        readonly Role: { readonly Properties: { readonly Policies: readonly { readonly PolicyDocument: unknown }[] } }
      }
    }
    const policy: unknown = JSON.parse(
      JSON.stringify(stack.Resources.Role.Properties.Policies[0]?.PolicyDocument, (_, value: unknown) => joined(value)),
    )
    const ask = (from: string | null): Call =>
      callOf({ name: '', action: 'DescribeTags', on: '*', from, allowed: [true, true] })
    const stop = (on: string): Call => callOf({ name: '', action: 'StopInstances', on, allowed: [true, true] })
    const results = evaluate(policy, [ask(own), ask(null), stop(own), stop(other)])
    expect(results).toEqual(['Allowed', 'ImplicitlyDenied', 'Allowed', 'ImplicitlyDenied'])
  },
)

/** What CloudFormation makes of `Fn::Join` in the partition aws. */
function joined(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('Fn::Join' in value)) return value
  const [, parts] = value['Fn::Join'] as readonly [string, readonly (string | object)[]]
  return parts.map((part) => (typeof part === 'string' ? part : 'aws')).join('')
}
