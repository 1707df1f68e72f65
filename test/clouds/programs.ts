// Programs that we did not write, as clients of the simulated EC2: with an environment that knows our endpoints and no other.

import { spawn, spawnSync } from 'node:child_process'
import type { AwsCloud } from './aws.ts'
import { sealedEnv } from './clients.ts'

/** Whether a program works here; said on stderr where it does not, by this name. */
export function works(name: string, command: string, args: readonly string[]): boolean {
  const works = spawnSync(command, args, { stdio: 'ignore', timeout: 15_000 }).status === 0
  if (!works) process.stderr.write(`skipped: ${name} not here\n`)
  return works
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a client as on the first instance, unless `extra` says otherwise. */
export function runClient(
  cloud: AwsCloud,
  [command = '', ...args]: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    AWS_DEFAULT_REGION: cloud.region,
    AWS_REGION: cloud.region,
    AWS_MAX_ATTEMPTS: '1',
    AWS_EC2_METADATA_V1_DISABLED: 'true',
    ...sealedEnv,
    ...cloud.env,
    ...extra,
  }
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, timeout: 20_000 })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
