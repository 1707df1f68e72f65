// Templates for tests: a good one with changes, and what comes of it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { UsageError } from '../../agent/errors.ts'
import { type Provisioned, provision, type Wish } from '../../provisioning/main.ts'

export const sum = '5f2b1c9e3a7d4e6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7'

/** Valid on EC2; `undefined` takes a key away. */
export const good = {
  name: 'Work',
  cloud: 'aws',
  base: 'ubuntu-22.04',
  size: 'm7g.large',
  agent_url: 'https://example.com/agent',
  agent_sha256: sum,
  idle_detection: {},
}

export type Changes = Readonly<Record<string, unknown>>

/** The good template, changed. */
export function template(changes: Changes = {}): string {
  return stringify({ ...good, ...changes }, { lineWidth: 0 })
}

/** The executable is in an image of one's own. */
export const inImage: Changes = { agent_in_image: true, base: 'ami-0123456789abcdef0', root_device: '/dev/sda1' }

/** Valid on Azure. */
export const onAzure: Changes = { cloud: 'azure', size: 'Standard_D2s_v5' }

/** Generates from that text. */
export function made(text: string, wish: Partial<Omit<Wish, 'template'>> = {}): Provisioned {
  const folder = mkdtempSync(join(tmpdir(), 'template-'))
  try {
    const path = join(folder, 'T')
    writeFileSync(path, text)
    return provision({ cloud: undefined, format: undefined, ...wish, template: path })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What is said to be wrong, with `T` for the file. */
export function problems(text: string, wish: Partial<Omit<Wish, 'template'>> = {}): readonly string[] {
  try {
    made(text, wish)
  } catch (error) {
    if (error instanceof UsageError) return error.problems.map((line) => line.replace(/^\S*\/T(?=:)/, 'T'))
    throw error
  }
  return []
}
