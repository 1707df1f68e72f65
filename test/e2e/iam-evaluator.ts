// An evaluator of IAM policies that others wrote.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { npmTool } from './npm-tool.ts'

/** Its folder; `undefined`, and said on stderr, where it cannot be had. */
export const evaluator = npmTool('@cloud-copilot/iam-simulate', '0.1.173')

/** A call, and what is known of it. */
export interface Call {
  readonly accountId: string
  /** `ec2:StopInstances`. */
  readonly action: string
  /** An ARN, or `*` for a call that names none. */
  readonly resource: string
  readonly principal: string
  readonly context: Readonly<Record<string, string | readonly string[]>>
}

const script = `
const { runSimulation } = await import(process.argv[1])
const { text } = await import('node:stream/consumers')
const results = []
for (const one of JSON.parse(await text(process.stdin))) {
  const result = await runSimulation(one, {})
  results.push(result.resultType === 'error' ? JSON.stringify(result.errors) : result.overallResult)
}
process.stdout.write(JSON.stringify(results))
`

/** `Allowed`, `ImplicitlyDenied` or what was wrong with each call, under one policy. */
export function evaluate(policy: unknown, calls: readonly Call[]): readonly string[] {
  const input = calls.map(({ accountId, action, resource, principal, context }) => ({
    request: { principal, action, resource: { resource, accountId }, contextVariables: context },
    identityPolicies: [{ name: 'idle-agent', policy }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  }))
  const argv = ['--input-type=module', '--eval', script, join(evaluator ?? '', 'dist/esm/index.js')]
  const options = { input: JSON.stringify(input), encoding: 'utf8', timeout: 60_000 } as const
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, options)
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as readonly string[]
}
