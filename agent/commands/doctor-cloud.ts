/** What `doctor` asks the cloud: who the machine is, what its role allows, what its tags tell. Changes nothing. */

import type { Parts } from '../check/parts.ts'
import { within } from '../check/within.ts'
import type { Help, Permission } from '../clouds/cloud.ts'
import { type Finding, fault, ok, worry } from '../doctor/finding.ts'
import { CloudError, messageOf } from '../errors.ts'
import { ownershipFinding } from './doctor-ownership.ts'

const CLOUD_MS = 15_000

/** `configured`: was the instance launched with hibernation; `undefined` where that is not told. */
export interface CloudAnswers {
  readonly findings: readonly Finding[]
  readonly reached: boolean
  readonly configured: boolean | undefined
}

/** Asks all there is to ask; what fails is a finding. */
export async function askCloud(parts: Parts, because: string): Promise<CloudAnswers> {
  const { cloud } = parts
  const first = ok('cloud', `${cloud.name}: ${because}`)
  const help = await cloud.help?.()
  if (help === undefined) {
    const watched = worry(
      'action',
      'this machine is only watched: no driver to stop it through',
      'run it on EC2 or on an Azure VM',
    )
    return { findings: [first, watched], reached: false, configured: undefined }
  }
  const identity = await identityFinding(parts, help)
  if (identity.level === 'fault') return { findings: [first, identity], reached: false, configured: undefined }
  const configured = await ask(parts, 'hibernation flag', (signal) => cloud.canHibernate(signal))
  return {
    findings: [
      first,
      identity,
      ...(await permissionFindings(parts, help)),
      await operatorFinding(parts, help),
      await ownershipFinding(parts),
      ...(help.shutdown === undefined ? [] : [ok('billing', help.shutdown)]),
    ],
    reached: true,
    configured: configured instanceof Error ? undefined : configured,
  }
}

async function identityFinding(parts: Parts, help: Help): Promise<Finding> {
  const found = await ask(parts, 'metadata', (signal) => parts.cloud.identify(signal))
  if (found instanceof Error) return fault('metadata', found.message, help.metadata)
  const region = found.region === undefined ? '' : ` in ${found.region}`
  const untold = parts.cloud.tellsStart ? ', started at a time it does not tell' : ''
  return ok(
    'metadata',
    `${found.id}${region}${found.startedAt === undefined ? untold : `, started ${found.startedAt}`}`,
  )
}

async function permissionFindings(parts: Parts, help: Help): Promise<readonly Finding[]> {
  const { permissions } = parts.cloud
  if (permissions === undefined) return []
  const answers = await ask(parts, 'permissions', (signal) => permissions(parts.settings.tagPrefix, signal))
  if (answers instanceof Error) return [unanswered(answers, help)]
  return [...answers.map((one) => permissionFinding(one, help)), ...clockFindings(answers)]
}

/** No permission can be asked for: there is no identity, no way to the API, or that very question is not allowed. */
function unanswered(error: Error, help: Help): Finding {
  const code = error instanceof CloudError ? error.code : 'no-api'
  if (help.identityCodes.includes(code)) return fault('role', error.message, help.identity)
  if (code === 'not-told') return worry('permission', error.message, `allow it, ${help.grantTo}, to be told`)
  return fault('api', error.message, code === 'no-api' ? help.api : 'then run doctor again')
}

function permissionFinding({ action, reason, problem }: Permission, help: Help): Finding {
  if (problem === undefined) return ok('permission', `${action}: allowed`)
  const text = `${action} (to ${reason}): ${problem}`
  const remedy = `allow ${action} ${help.grantTo}`
  const spare = help.spare[action]
  return spare === undefined ? fault('permission', text, remedy) : worry('permission', text, `${remedy}${spare}`)
}

function clockFindings(answers: readonly Permission[]): readonly Finding[] {
  const offsetMs = answers.find(({ clockOffsetMs }) => clockOffsetMs !== undefined)?.clockOffsetMs ?? 0
  const minutes = Math.round(Math.abs(offsetMs) / 60_000)
  if (minutes === 0) return []
  const text = `${minutes} min ${offsetMs > 0 ? 'behind' : 'ahead of'} the cloud's: dates in tags and leases are misjudged by as much`
  return [worry('clock', text, 'set the clock: install or start chrony')]
}

async function operatorFinding(parts: Parts, help: Help): Promise<Finding> {
  const { tagPrefix, operatorTags } = parts.settings
  const tags = await ask(parts, 'operator tags', (signal) => parts.cloud.operatorTags(tagPrefix, signal))
  if (!(tags instanceof Error))
    return ok('operator tags', `${tagPrefix}:KeepAwakeUntil and ${tagPrefix}:Protected can be read`)
  const remedy = help.operatorTags
  if (operatorTags === 'required')
    return fault('operator tags', `${tags.message}; operator_tags: required forbids every action`, remedy)
  return worry('operator tags', `${tags.message}; it acts without them`, remedy)
}

/** The answer, or the error it failed with. */
async function ask<T>(parts: Parts, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T | Error> {
  try {
    return await within(parts.host, { ms: CLOUD_MS, what }, work)
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error))
  }
}
