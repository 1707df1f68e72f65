// The ways in which a source is broken: what is done to a file, a folder, a link or a command of a machine.
import { spawnSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** Bytes that mean nothing, the same in every run. */
const noise: Buffer = Buffer.from(Array.from({ length: 3_000 }, (_, index) => (index * 7_919 + 131) % 256))

const HUGE_BYTES = 100_000_000

/** As much as there is of it where reading, or writing, broke off. */
function firstHalf(text: string): string {
  return text.slice(0, Math.floor(text.trimEnd().length / 2))
}

/** What stands in the place of a file, by the name of the fault. */
export const inPlaceOfFile = {
  missing: () => {},
  'hanging: a pipe without a writer': (path: string) => void spawnSync('mkfifo', [path]),
  'unreadable: a folder': (path: string) => mkdirSync(path),
  'unreadable: links in circles': (path: string) => symlinkSync(path, path),
  'garbage: binary': (path: string) => writeFileSync(path, noise),
  'garbage: nothing in it': (path: string) => writeFileSync(path, ''),
  'truncated: in the middle': (path: string, text: string) => writeFileSync(path, firstHalf(text)),
  'huge: 100 MB': (path: string) => {
    writeFileSync(path, 'x')
    truncateSync(path, HUGE_BYTES)
  },
} as const

/** What stands in the place of a folder. */
export const inPlaceOfFolder = {
  missing: () => {},
  'hanging: a pipe without a writer': (path: string) => void spawnSync('mkfifo', [path]),
  'unreadable: a file': (path: string) => writeFileSync(path, 'x'),
  'unreadable: links in circles': (path: string) => symlinkSync(path, path),
  'garbage: nothing in it': (path: string) => mkdirSync(path),
} as const

/** What stands in the place of a link. */
export const inPlaceOfLink = {
  missing: () => {},
  'garbage: a file': (path: string) => writeFileSync(path, 'x'),
  'garbage: a folder': (path: string) => mkdirSync(path),
  'unreadable: links in circles': (path: string) => symlinkSync(path, path),
} as const

/** What a command does instead, in lines of shell; `undefined` where it is not there. */
export const insteadOfCommand = {
  missing: undefined,
  'hanging: asleep': 'exec sleep 100',
  'hanging: deaf to the polite signal': "trap '' TERM; while :; do sleep 1; done",
  'unreadable: fails': 'echo it is broken >&2; exit 1',
  'garbage: binary': 'cat /real/proc/self/exe | head -c 3000',
  'garbage: nothing': 'exit 0',
  'huge: endless lines': 'exec yes 00000000:00:1E.0, 1, 2, 3',
  'huge: endless bytes': 'exec cat /real/dev/zero',
} as const

/** A command that prints half of what it should. */
export function truncated(script: string): string {
  return `whole=$(${script}); code=$?; half=$((\${#whole} / 2)); printf %s "$whole" | head -c "$half"; exit $code`
}

/** Puts something in the place of a path; `text` is what was there. */
export type Put = (path: string, text: string) => void

/** Does `work` with something else in the place of a path below `root`, which is put back. */
export async function broken<T>(at: { root: string; path: string }, put: Put, work: () => Promise<T>): Promise<T> {
  const path = join(at.root, at.path)
  const aside = `${at.root}.aside`
  mkdirSync(dirname(path), { recursive: true })
  const facts = lstatSync(path, { throwIfNoEntry: false })
  const there = facts !== undefined
  if (there) renameSync(path, aside)
  try {
    put(path, facts?.isFile() === true ? readFileSync(aside, 'utf8') : '')
    return await work()
  } finally {
    rmSync(path, { recursive: true, force: true })
    if (there) renameSync(aside, path)
  }
}

/** Puts the file's own text there, changed. Throws if that changes nothing. */
export function spoilt(root: string, path: string, change: (text: string) => string): Put {
  const text = readFileSync(join(root, path), 'utf8')
  const changed = change(text)
  if (changed === text) throw new Error(`nothing to change in ${path}`)
  return (full) => writeFileSync(full, changed)
}
