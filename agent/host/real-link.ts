/** Symbolic links on the real host. */
import { symlinkSync } from 'node:fs'
import { codeOf, hostError } from './real-errors.ts'

/** False if something is there, a link that leads nowhere included. Throws HostError. */
export function makeLink(target: string, path: string): boolean {
  try {
    symlinkSync(target, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw hostError('create', path, error)
  }
}
