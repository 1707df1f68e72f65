/** Turns what the system calls say into HostErrors that name the path and the next step. */
import { HostError } from '../errors.ts'

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; run as the owner or as root',
  EPERM: 'operation not permitted; run as root, and look for an immutable flag or a security module',
  ENOSPC: 'no space left on the device; free some space',
  EDQUOT: 'disk quota exceeded; free some space',
  EROFS: 'the file system is read-only; mount it writable, or give another folder with --state-dir',
  EIO: 'input/output error; look for disk faults in the kernel log',
  ENOENT: 'its folder does not exist; create it first',
  ENOTDIR: 'it, or a part of the path, is no folder',
  EISDIR: 'it is a folder; move it away',
  ENOTEMPTY: 'the folder is not empty',
  EEXIST: 'something is in its place; move it away',
  ELOOP: 'it is a symbolic link, or links go in circles; remove the link',
  ENXIO: 'it is a socket or a device without a driver, not a file',
  EMFILE: 'too many files are open in this process; raise its limit',
  ENFILE: 'too many files are open on this machine',
  EINVAL: 'the kernel refuses to read or write it',
  ENOTSUP: 'the file system cannot do it',
  ETXTBSY: 'it is being executed',
}

/** Codes of our own, beside those of `errno`. */
export const notRegular = 'not regular'
export const tooLarge = 'too large'

/** A HostError of our own that `codeOf` tells from others. */
export function ownError(code: typeof notRegular | typeof tooLarge, message: string): HostError {
  return new HostError(message, { cause: Object.assign(new Error(code), { code }) })
}

/** The `errno` name of a failed system call, or `undefined` for any other error. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** ESRCH: of a process in /proc that has ended. ENODEV: of a control group or a device in /sys that went while its file was read. */
const absent = new Set(['ENOENT', 'ENOTDIR', 'ESRCH', 'ENODEV'])

/** True where the code says that there is no such thing, or no longer. */
export function isAbsent(error: unknown): boolean {
  return absent.has(codeOf(error) ?? '')
}

/** `cannot read /x: permission denied; …`. A HostError stays as it is. */
export function hostError(what: string, path: string, error: unknown): HostError {
  if (error instanceof HostError) return error
  const code = codeOf(error)
  const why = (code === undefined ? undefined : words[code]) ?? (error instanceof Error ? error.message : String(error))
  return new HostError(`cannot ${what} ${path}: ${why}${code === undefined ? '' : ` (${code})`}`, { cause: error })
}
