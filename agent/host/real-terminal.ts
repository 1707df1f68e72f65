/** Writes to a terminal that belongs to somebody else, without ever waiting for it. */
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats, writeSync } from 'node:fs'
import { codeOf, hostError } from './real-errors.ts'

const FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW

/** Gone, hung up, a link, or full: nobody reads there now. */
const nobody = new Set('ENOENT ENOTDIR ENXIO ENODEV EIO ELOOP EAGAIN'.split(' '))

/** Major numbers of terminals (kernel Documentation/admin-guide/devices.txt): virtual and serial, pts, USB serial, low-density serial, hypervisor console. Not 5, where opening ptmx makes a new terminal. */
function isTerminalMajor(major: number): boolean {
  return major === 4 || (major >= 136 && major <= 143) || major === 188 || major === 204 || major === 229
}

/** makedev(3): the major's low 12 bits lie above the minor's low 8. */
function isTerminal(stats: Stats): boolean {
  return stats.isCharacterDevice() && isTerminalMajor(Math.floor(stats.rdev / 256) & 0xfff)
}

/** True if the whole text was taken; false if the path is no terminal or its reader does not read. Throws HostError where the terminal refuses us. */
export function writeToTerminal(path: string, text: string): boolean {
  let descriptor: number | undefined
  try {
    // Looked at before it is opened, since opening some devices has effects.
    if (!isTerminal(lstatSync(path))) return false
    descriptor = openSync(path, FLAGS)
    if (!isTerminal(fstatSync(descriptor))) return false
    const bytes = Buffer.from(text)
    let done = 0
    while (done < bytes.length) {
      const count = writeSync(descriptor, bytes, done)
      if (count === 0) return false
      done += count
    }
    return true
  } catch (error) {
    if (nobody.has(codeOf(error) ?? '')) return false
    throw hostError('write to', path, error)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
