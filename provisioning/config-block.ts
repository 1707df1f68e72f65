/** The agent's settings as the block of a configuration file. */
import type { Value } from '../agent/config/options.ts'

/** The settings by dotted name as nested blocks; the operator's tags are required unless the template says otherwise. */
export function settingsBlock(settings: ReadonlyMap<string, Value>, rootOnly: boolean): object {
  const block = {}
  const own: readonly (readonly [string, Value])[] = rootOnly ? [['metadata_root_only', true]] : []
  for (const [name, value] of [['operator_tags', 'required'] as const, ...settings, ...own])
    put(block, name.split('.'), value)
  return block
}

function put(block: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: Value): void {
  if (rest.length === 0) {
    block[key] = value
    return
  }
  const inner = (block[key] ?? {}) as Record<string, unknown>
  block[key] = inner
  put(inner, rest, value)
}
