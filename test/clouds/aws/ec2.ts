// The EC2 Query API: form in, XML out; who asks is verified before anything is done.

import { randomUUID } from 'node:crypto'
import type { CloudAnswer, CloudRequest } from '../http-server.ts'
import { type Account, type Call, list } from './call.ts'
import type { CredentialStore } from './credentials.ts'
import { describeInstanceAttribute, describeInstanceStatus, describeInstances } from './describe-actions.ts'
import { Ec2Error, errorAnswer, usualError } from './errors.ts'
import { startInstances, stopInstances } from './power-actions.ts'
import { verifySignature } from './sigv4.ts'
import { createTags, describeTags } from './tag-actions.ts'
import type { Throttle } from './throttle.ts'
import { renderXml, type Xml } from './xml.ts'

const version = '2016-11-15'

const actions: ReadonlyMap<string, (call: Call) => Xml> = new Map([
  ['CreateTags', createTags],
  ['DescribeInstanceAttribute', describeInstanceAttribute],
  ['DescribeInstanceStatus', describeInstanceStatus],
  ['DescribeInstances', describeInstances],
  ['DescribeTags', describeTags],
  ['StartInstances', startInstances],
  ['StopInstances', stopInstances],
])

export interface Ec2Service {
  readonly account: Account
  readonly credentials: CredentialStore
  readonly throttle: Throttle
}

/** Answers one API request. */
export function answerApi(service: Ec2Service, request: CloudRequest): CloudAnswer {
  const requestId = randomUUID()
  let instanceId: string | undefined
  try {
    const { account, credentials } = service
    const principal = verifySignature(request, credentials, { region: account.region, service: 'ec2' })
    instanceId = principal.instanceId
    const result = perform(service, { action: '', params: parseForm(request), principal, account })
    const headers = { ...xmlHeaders, 'x-amzn-RequestId': requestId }
    return withCaller({ status: 200, headers, body: result(requestId) }, instanceId)
  } catch (error) {
    if (error instanceof Ec2Error) return withCaller(errorAnswer(error, requestId), instanceId)
    throw error
  }
}

const xmlHeaders = { 'Content-Type': 'text/xml;charset=UTF-8' }

function withCaller(answer: CloudAnswer, instanceId: string | undefined): CloudAnswer {
  return instanceId === undefined ? answer : { ...answer, instanceId }
}

function perform(service: Ec2Service, unnamed: Call): (requestId: string) => string {
  const action = unnamed.params.get('Action')
  if (!action) throw new Ec2Error('MissingParameter', 'The request must contain the parameter Action')
  const asked = unnamed.params.get('Version') ?? ''
  if (asked !== version) {
    throw new Ec2Error('NoSuchVersion', `The requested version (${asked}) of service AmazonEC2 does not exist`)
  }
  const run = actions.get(action)
  if (!run) throw new Ec2Error('InvalidAction', `The action ${action} is not valid for this web service.`)
  const instances = list(unnamed.params, 'InstanceId').length
  const narrowed = instances > 0 || unnamed.params.has('Filter.1.Name') || unnamed.params.has('MaxResults')
  if (!service.throttle.admit({ action, narrowed, instances })) throw usualError('RequestLimitExceeded')
  const result = run({ ...unnamed, action })
  const namespace = `http://ec2.amazonaws.com/doc/${version}/`
  return (requestId) => renderXml(`${action}Response`, { requestId, ...asElements(result) }, namespace)
}

function asElements(result: Xml): Readonly<Record<string, Xml | undefined>> {
  if (typeof result !== 'object' || Array.isArray(result)) throw new TypeError('an action answers named elements')
  return result as Readonly<Record<string, Xml | undefined>> // neither text nor list, so elements
}

/** What the log shows of a call. */
export function describeApi(request: CloudRequest): { action: string | undefined; params: Record<string, string> } {
  const params = parseForm(request)
  const shown: Record<string, string> = {}
  for (const [name, value] of params) if (name !== 'Action' && name !== 'Version') shown[name] = value
  return { action: params.get('Action'), params: shown }
}

function parseForm(request: CloudRequest): ReadonlyMap<string, string> {
  const text = request.method === 'POST' ? request.body.toString('utf8') : request.query
  return new Map(new URLSearchParams(text))
}
