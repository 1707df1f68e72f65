/** A configuration that an operator gives to a machine that runs, through its cloud: taken over once, each time that it changes. */
import { recordDeed } from '../audit.ts'
import type { Parts } from '../check/parts.ts'
import { defaultConfigPath, locateConfig } from '../config.ts'
import { UsageError } from '../errors.ts'
import { replaceFile } from '../host/aside.ts'
import type { Host } from '../host/host.ts'
import type { CommandContext } from './context.ts'

/** User data is at most 64 KB, in base64 (cloud.md 2.7). */
const MOST_CHARS = 90_000

/**
 * Puts the configuration in force from the next check on, where it is one and not the one that was given before; one that is
 * wrong is told in the audit log, once. User data that is none of ours is left alone, and so is what was there before the first
 * check: whoever installed the agent chose its configuration. Throws HostError.
 */
export async function adoptConfig(
  { host, flags }: CommandContext,
  { paths }: Pick<Parts, 'paths'>,
  given: string,
): Promise<void> {
  // Whoever names a file or a folder of state looks by hand.
  if (locateConfig(host, flags.config).explicit || flags.stateDir !== undefined || flags.root !== undefined) return
  if (given.length > MOST_CHARS) return
  const marker = { path: `${paths.stateDir}/given-config`, mode: 0o600 }
  const before = await host.store.read(marker.path)
  if (before === given) return
  const text = Buffer.from(given, 'base64').toString()
  if (before !== undefined && isConfig(text)) await take(host, paths.audit, text)
  await replaceFile(host, marker, given)
}

function isConfig(text: string): boolean {
  return /^idle_detection[ \t]*:/m.test(text) && !/^(?:#!|#cloud-config|Content-Type:|MIME-Version:)/i.test(text)
}

async function take(host: Host, audit: string, text: string): Promise<void> {
  const action = { action: 'config', detail: `${defaultConfigPath} from the user data of this machine` }
  const { compile } = await import('../config/compile.ts')
  try {
    const { given } = compile(text, 'user data')
    // Who may write user data may not run what they like as root.
    if (given.some(({ name }) => name === 'commands'))
      throw new UsageError(
        'user data idle_detection.commands: only a file that root has written on the machine may name any',
      )
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    await recordDeed(host, audit, { ...action, result: 'refused', detail: error.problems.join('; ') })
    return
  }
  if ((await host.store.read(defaultConfigPath)) === text) return
  await host.store.replace(defaultConfigPath, text, 0o644)
  await recordDeed(host, audit, { ...action, result: 'done' })
}
