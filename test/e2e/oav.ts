// The vendor's validator of traffic (oav), fetched outside the tree, and the specification that it reads, where there is one.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Traffic } from '../clouds/azure/traffic.ts'
import { npmTool } from './npm-tool.ts'

/** A checkout of the vendor's specifications (Azure/azure-rest-api-specs): half a gigabyte, so nobody gets it unasked. */
const checkout = process.env['AZURE_REST_API_SPECS']

/** Whether traffic can be validated here; said on stderr where not. */
export const hasSpecification = checkout !== undefined && existsSync(join(checkout, 'specification'))
if (!hasSpecification) {
  process.stderr.write(
    'SKIPPED: AZURE_REST_API_SPECS names no checkout of the vendor’s specifications: oav has nothing to read\n',
  )
}

/** oav's program. */
export function installOav(): string {
  const installed = npmTool('oav', '4.0.3')
  if (installed === undefined) throw new Error('oav cannot be installed')
  return join(installed, 'dist/cli.js')
}

/** The file of the checkout that specifies an operation in a version. */
export function specificationOf(folder: string, apiVersion: string, operationId: string): string {
  const root = join(checkout ?? '', 'specification', folder)
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.includes(`/${apiVersion}/`) && path.endsWith('.json') && !path.includes('/examples/'),
  )
  const found = files.find((path) => readFileSync(join(root, path), 'utf8').includes(`"operationId": "${operationId}"`))
  if (found === undefined) throw new Error(`no ${operationId} of ${apiVersion} in ${root}`)
  return join(root, found)
}

export interface Verdict {
  readonly passed: readonly string[]
  /** Operation, side, code and message of each error. */
  readonly errors: readonly string[]
}

interface Report {
  readonly passedOperationsList: readonly { readonly operationIds: readonly string[] }[]
  readonly errors: readonly Readonly<Record<'operationId' | 'issueSource' | 'errorCode' | 'errorMessage', string>>[]
}

/** Validates traffic against one file. */
export function validate(oav: string, specification: string, traffic: readonly Traffic[]): Verdict {
  const folder = mkdtempSync(join(tmpdir(), 'idle-agent-traffic-'))
  try {
    const payload = join(folder, 'traffic')
    const reportPath = join(folder, 'report.json')
    mkdirSync(payload)
    for (const [index, one] of traffic.entries()) {
      writeFileSync(join(payload, `${String(index)}.json`), JSON.stringify(one))
    }
    const argv = [oav, 'validate-traffic', payload, specification, '--jsonReport', reportPath]
    // It ends badly after its work, for want of a template that its package lacks: only its report counts.
    const { stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 120_000, env: { HOME: folder } })
    if (!existsSync(reportPath)) throw new Error(`oav left no report: ${stderr.slice(-500)}`)
    const report = JSON.parse(readFileSync(reportPath, 'utf8')) as Report
    const errors = report.errors.map(
      ({ operationId, issueSource, errorCode, errorMessage }) =>
        `${operationId} ${issueSource} ${errorCode}: ${errorMessage}`,
    )
    return { passed: report.passedOperationsList.flatMap(({ operationIds }) => operationIds).sort(), errors }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
