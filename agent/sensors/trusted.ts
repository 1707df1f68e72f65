/** Whether anybody but root could have written what root is to run, or to believe; loaded where an operator configures commands. */
import { UsageError } from '../errors.ts'
import type { Host } from '../host/host.ts'

/** As many symbolic links lead on; more are a loop (path_resolution(7) has 40). */
const mostLinks = 20

/** Others than the owner may write: group, or everybody. An access list shows in the group's bits (acl(5)). */
const writableByOthers = 0o022

/** Why the file or folder could be another's work; `undefined` if only root, or whoever runs this, writes there. */
async function openness(host: Host, path: string): Promise<string | undefined> {
  const stat = await host.stat(path)
  if (stat === undefined) return `${path} is not there`
  if (stat.uid !== 0 && stat.uid !== host.self.uid) return `${path} belongs to uid ${stat.uid}`
  return (stat.mode & writableByOthers) === 0 ? undefined : `${path} can be written by others than its owner`
}

/**
 * Why a file could be another's work: it, or a folder on the way to it, does not belong to root (or to whoever runs this), or can
 * be written by others. Links are followed here, one by one. `undefined` if it is nobody else's. Throws HostError.
 */
export async function doubtAbout(host: Host, path: string): Promise<string | undefined> {
  if (!path.startsWith('/')) return `${path} is not given by its whole path`
  let rest = path.split('/')
  let at = ''
  for (let links = 0; links <= mostLinks; ) {
    const doubt = await openness(host, at === '' ? '/' : at)
    const [name, ...more] = rest
    if (doubt !== undefined || name === undefined) return doubt
    rest = more
    if (name === '..') at = at.slice(0, Math.max(0, at.lastIndexOf('/')))
    if (name === '' || name === '.' || name === '..') continue
    const target = await host.readLink(`${at}/${name}`)
    if (target === undefined) at = `${at}/${name}`
    else {
      links += 1
      rest = [...target.split('/'), ...rest]
      if (target.startsWith('/')) at = ''
    }
  }
  return `${path} leads through too many links`
}

/** Why no command of this configuration is taken: it could be another's work, and root would run it. A relative path lies in the current folder. */
export async function distrusted(host: Host, path: string): Promise<string | undefined> {
  if (host.root !== '/') return undefined // nothing is run for another tree
  const whole = path.startsWith('/') ? path : `${(await host.readLink('/proc/self/cwd')) ?? ''}/${path}`
  const doubt = await doubtAbout(host, whole)
  if (doubt === undefined) return undefined
  return `${path} idle_detection.commands: not taken, since root would run them and ${doubt}; make the file and its folders root's, writable by nobody else`
}

/** Throws UsageError where a configuration with commands could be another's work: what it names would be run as root. */
export async function needTrusted(host: Host, path: string): Promise<void> {
  const doubt = await distrusted(host, path)
  if (doubt !== undefined) throw new UsageError(doubt)
}
