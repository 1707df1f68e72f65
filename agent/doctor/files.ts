/** What `doctor` says of the agent's own files: the executable, its folders, and room for them. */
import { executablePath, predecessors } from '../install/files.ts'
import type { Folder, MachineFacts, Space } from './facts.ts'
import { type Finding, fault, ok, worry } from './finding.ts'

const others = 0o022

/** The executable, folders, disk and leftovers. */
export function fileFindings(facts: MachineFacts): readonly Finding[] {
  return [executable(facts), ...folders(facts), ...disk(facts), ...leftovers(facts)]
}

function executable({ executable: found }: MachineFacts): Finding {
  const name = 'executable'
  if (found === undefined) {
    const remedy = 'run "sudo ./idle-agent install" with the executable that you were given'
    return fault(name, `${executablePath} is not there: what the schedule starts does not exist`, remedy)
  }
  const remedy = `run "sudo chown root: ${executablePath}" and "sudo chmod 755 ${executablePath}"`
  if ((found.mode & 0o100) === 0)
    return fault(name, `${executablePath} is not executable (${octal(found.mode)})`, remedy)
  if (found.uid !== 0 || (found.mode & others) !== 0)
    return fault(name, `others than root can replace ${executablePath}, which root runs (${described(found)})`, remedy)
  return ok(name, executablePath)
}

function folders({ folders: all }: MachineFacts): readonly Finding[] {
  const wrong = all.flatMap((folder) => wrongFolder(folder))
  if (wrong.length > 0) return wrong
  const there = all.filter(({ found }) => found !== undefined).length
  if (there === 0) return [ok('folders', `none of ${all.length} is there yet: "install" and the first check make them`)]
  const count = there === all.length ? `${there}` : `${there} of ${all.length} are there,`
  return [ok('folders', `${count} with the right owner and mode`)]
}

/** Closed ones, and the one that all may write and nobody list, must be so exactly; others may be closed further. */
function wrongFolder({ path, wanted, found }: Folder): readonly Finding[] {
  if (found === undefined) return []
  const exact = wanted === 0o700 || wanted === 0o1733
  const fits = exact ? found.mode === wanted : (found.mode & others) === 0
  if (found.uid === 0 && fits) return []
  return [
    fault(
      'folders',
      `${path} is ${described(found)} instead of root's, ${octal(wanted)}`,
      `run "sudo chown root: ${path}" and "sudo chmod ${octal(wanted)} ${path}"`,
    ),
  ]
}

function described({ uid, mode }: { readonly uid: number; readonly mode: number }): string {
  return `${uid === 0 ? "root's" : `of user ${uid}`}, ${octal(mode)}`
}

function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0')
}

/** Far more than state and log of a week, far less than any disk that is not full. */
const ENOUGH_KB = 1024

function disk({ space }: MachineFacts): readonly Finding[] {
  const short = space.flatMap((one) => {
    const why = whyNoRoom(one)
    return why === undefined ? [] : [fault('disk', `nothing can be written to ${one.path}: ${why}`, remedyFor(one))]
  })
  return short.length > 0 ? short : [ok('disk', 'room for state and log')]
}

function whyNoRoom({ freeKb, freeInodes, readOnly }: Space): string | undefined {
  if (readOnly) return 'its file system is mounted read-only'
  if (freeKb !== undefined && freeKb < ENOUGH_KB) return `its disk is full (${freeKb} KiB left)`
  return freeInodes === 0 ? 'its disk has no inode left' : undefined
}

function remedyFor({ path, readOnly }: Space): string {
  if (readOnly) return 'see why ("dmesg | grep -i remount"), then mount it read-write again'
  return `free some space: "sudo du -xh / | sort -h | tail" shows what takes it; "df ${path}" shows the disk`
}

function leftovers(facts: MachineFacts): readonly Finding[] {
  const found = facts.predecessorsThere.map((path) =>
    fault(
      'leftovers',
      `${path} is still there: two agents would act on one machine`,
      'run "sudo idle-agent install", which removes it',
    ),
  )
  const path = facts.corruptState
  const aside = 'a state file was set aside as unusable'
  const state = path === undefined ? [] : [worry('leftovers', aside, `look at ${path}, then remove it`)]
  const all = [...found, ...state]
  return all.length > 0 ? all : [ok('leftovers', `none (${predecessors.length} places looked at)`)]
}
