// The host's own server at 168.63.129.16, as far as a guest needs it to be provisioned: goal state and health.

import type { CloudAnswer, CloudRequest } from '../http-server.ts'
import type { Vm } from './vm.ts'

/** Answers one request of the guest's provisioning agent. */
export function answerWireserver(vm: Vm, request: CloudRequest): CloudAnswer {
  const query = new URLSearchParams(request.query)
  const kind = `${request.method} ${query.get('comp') ?? ''}`.toLowerCase()
  const path = request.path.replace(/\/$/, '')
  if (path === '' && kind === 'get versions') return xml(versionsText)
  if (path !== '/machine') return { status: 404, body: '' }
  if (kind === 'get goalstate') {
    return request.headers['x-ms-version'] === undefined ? { status: 400, body: '' } : xml(goalState(vm))
  }
  if (kind === 'post health') {
    if (request.body.includes('<State>Ready</State>')) vm.provisioned = true
    return { status: 200, body: '' }
  }
  return { status: 404, body: '' }
}

/** What the log shows: the query, and the state that the guest reports. */
export function describeWireserver(request: CloudRequest): { params: Record<string, string> } {
  const params: Record<string, string> = Object.fromEntries(new URLSearchParams(request.query))
  const state = /<State>(\w+)<\/State>/.exec(request.body.toString())?.[1]
  return { params: state === undefined ? params : { ...params, state } }
}

const versionsText = `<?xml version="1.0" encoding="utf-8"?>
<Versions><Preferred><Version>2015-04-05</Version></Preferred><Supported><Version>2015-04-05</Version><Version>2012-11-30</Version></Supported></Versions>
`

function goalState(vm: Vm): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <Version>2012-11-30</Version>
  <Incarnation>1</Incarnation>
  <Machine>
    <ExpectedState>Started</ExpectedState>
    <StopRolesDeadlineHint>300000</StopRolesDeadlineHint>
  </Machine>
  <Container>
    <ContainerId>${vm.principalId}</ContainerId>
    <RoleInstanceList>
      <RoleInstance>
        <InstanceId>_${vm.name}</InstanceId>
        <State>Started</State>
        <Configuration/>
      </RoleInstance>
    </RoleInstanceList>
  </Container>
</GoalState>
`
}

function xml(body: string): CloudAnswer {
  return { status: 200, headers: { 'Content-Type': 'text/xml; charset=utf-8' }, body }
}
