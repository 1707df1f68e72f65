// docs/security.md: the tests that it names are there, and the policy is the one that the agent needs.
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { permissions } from '../../agent/clouds/aws-send.ts'
import { operatorTagNames, tagKey, writtenTags } from '../../agent/clouds/tags.ts'

const page = readFileSync('docs/security.md', 'utf8')

test('every test that it names is there', () => {
  const named = [...page.matchAll(/`(test\/[\w./-]+)`/g)].map(([, path]) => path ?? '')
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((path) => !existsSync(path))).toEqual([])
})

test('the policy that it names allows what the agent calls, on itself, and the tags that it writes', () => {
  const { Statement } = JSON.parse(readFileSync('iam/aws-role-policy-without-metadata-tags.json', 'utf8'))
  expect(Statement.map(({ Action }: { Action: string }) => Action)).toEqual(permissions.map(({ action }) => action))
  const [stop, tag, describe] = Statement
  // IAM's own placeholder.
  const self = { 'ec2:SourceInstanceARN': ['arn:aws:ec2:*:*:instance/$', '{ec2:InstanceID}'].join('') }
  expect([stop.Condition.ArnLike, tag.Condition.ArnLike]).toEqual([self, self])
  expect([stop.Resource, tag.Resource]).toEqual(['arn:aws:ec2:*:*:instance/*', 'arn:aws:ec2:*:*:instance/*'])
  expect([tag.Condition.Null, describe.Condition.Null]).toEqual([
    { 'aws:TagKeys': 'false', 'ec2:CreateAction': 'true' },
    { 'ec2:SourceInstanceARN': 'false' },
  ])
  const keys: readonly string[] = tag.Condition['ForAllValues:StringEquals']['aws:TagKeys']
  for (const name of writtenTags) expect(keys).toContain(tagKey('CloudWorkstation', name))
  for (const name of operatorTagNames) expect(keys).not.toContain(tagKey('CloudWorkstation', name))
})
