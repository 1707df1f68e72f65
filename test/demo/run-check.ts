// Runs the executable once and reads its `check --json`.
import { execFile } from 'node:child_process'

export interface Check {
  readonly verdict: string
  readonly state: string
  readonly reason: string
  readonly readings: readonly { readonly sensor: string; readonly kind: string; readonly reason: string }[]
  readonly vetoes: readonly { readonly name: string; readonly reason: string }[]
  readonly actions: readonly { readonly action: string; readonly result: string; readonly detail: string }[]
}

interface Run {
  readonly executable: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** One check; rejects with what the executable wrote on stderr when it prints no check. */
export function runCheck({ executable, args, env }: Run): Promise<Check> {
  return new Promise((resolve, reject) => {
    const settings = { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env }, timeout: 60_000 }
    execFile(executable, [...args], settings, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout))
      } catch {
        reject(new Error(`the executable printed no check: ${stderr.trim() || String(error)}`))
      }
    })
  })
}
