/** Command lines as a capture keeps them: the program's name and words out of closed lists; everything else becomes something that sensors take for the same. */
import {
  pathOptions,
  scriptable,
  sshValueLetters,
  tellingForms,
  tellingOptions,
  tellingParts,
  tellingTitles,
} from './telling-forms.ts'
import { tellingPart, tellingWords } from './telling-words.ts'

const LONGEST_NAME = 64
/** As many bytes of a program's name as the kernel keeps (proc_pid_comm(5)). */
const COMM_BYTES = 15

function cut(name: string): string {
  return Buffer.byteLength(name) > COMM_BYTES ? Buffer.from(name).subarray(0, COMM_BYTES).toString() : name
}

function maskPart(part: string): string {
  if (part === '' || tellingWords.has(part)) return part
  for (const form of [tellingPart, ...tellingParts]) {
    const found = form.exec(part)?.[0]
    // Whether the name goes on tells something, too; how, does not.
    if (found !== undefined) return part.startsWith(found) && part !== found ? `${found}-x` : found
  }
  // Folders of remote editors that nobody has listed are told by this form alone.
  return /^\.[\w-]+[-_]server$/.test(part) ? '.x-server' : 'x'
}

/** A path, or a plain word: the parts that tell something stay where they are. */
function maskPath(word: string): string {
  const parts = word.split('/')
  const last = parts.length - 1
  return parts
    .map((part, index) => (index === last && scriptable.test(cut(part)) ? cut(part) : maskPart(part)))
    .join('/')
}

/** `last`, `inside`: where the first letter stands that takes a value. */
function valueIn(word: string): 'last' | 'inside' | 'none' {
  const at = [...word].findIndex((letter, index) => index > 0 && sshValueLetters.includes(letter))
  if (at <= 0) return 'none'
  return at === word.length - 1 ? 'last' : 'inside'
}

/** Words that stand for all options of their kind: long, short, and short that end like one that gives a command to run. */
const long = { none: '--v', last: '--vp', inside: '--px' } as const
const short = { none: '-v', last: '-vp', inside: '-px' } as const
const running = { none: '-vf', last: '-ve', inside: '-pf' } as const

function maskOption(word: string): string {
  const [name = '', value] = word.split(/=(.*)/s)
  if (value !== undefined && (tellingOptions.has(name) || tellingWords.has(name))) return `${name}=x`
  if (word.startsWith('+')) return '+x'
  const kind = valueIn(word)
  if (word.startsWith('--')) return long[kind]
  return (/^-[a-zA-Z]*[cmef]$/.test(word) ? running : short)[kind]
}

/** Gives a path a name by which it can still be opened (see `Mask.reveal`). */
type NamePath = (path: string) => string

/** The path of a file that a sensor opens, or whose folder it looks into: under a name that says nothing. */
function maskOpened(word: string, { before, namePath }: { readonly before: string; readonly namePath: NamePath }) {
  const [, option = '', folder, file] = /^(-{1,2}[\w-]+=)?\/(.+)\/([^/]+)$/s.exec(word) ?? []
  if (folder !== undefined && file !== undefined && tellingPart.exec(file)?.[0] === file) {
    const kept = option === '' ? '' : `${maskOption(`${option}x`).replace(/=x$/, '')}=`
    return `${kept}/${namePath(folder)}/${file}`
  }
  if (!pathOptions.has(before)) return undefined
  if (/^[-+]/.test(word) || !/^[x/]*$/.test(maskPath(word))) return undefined
  return word.startsWith('/') ? `/${namePath(word.slice(1))}` : namePath(word)
}

function maskWord(word: string, before: string, namePath: NamePath): string {
  if (word === '' || tellingWords.has(word) || tellingWords.has(word.toLowerCase()) || tellingOptions.has(word))
    return word
  if (tellingForms.some((form) => form.test(word))) return word
  const opened = maskOpened(word, { before, namePath })
  if (opened !== undefined) return opened
  if (word.startsWith('-') || word.startsWith('+')) return maskOption(word)
  return maskPath(word)
}

/** `sshd: alice@pts/3` without the name: its terminals, and the words that say that nobody has logged in. */
function maskSshd(name: string): string {
  if (name === '' || name === 'unknown') return name
  if (name.includes('[')) return `x [${/\[(priv|net|preauth|accepted|listener)\]/.exec(name)?.[1] ?? 'x'}]`
  if (name.startsWith('/')) return '/x'
  const terminals = /@((?:pts\/|tty|hvc)[^@]*)$/.exec(name)?.[1]
  if (terminals === undefined) return 'x'
  const known = terminals.split(',').map((one) => (/^(pts\/\d{1,9}|tty\w{0,9}|hvc\d{1,5})$/.test(one) ? one : 'pts/x'))
  return `x@${known.join(',')}`
}

/** The program, or the title that it has given itself. */
function maskFirst(word: string): string {
  const [, sshd, rest] = /^(sshd(?:-session)?): (.*)$/s.exec(word) ?? []
  if (sshd !== undefined && rest !== undefined) return `${sshd}: ${maskSshd(rest.trim())}`
  for (const title of tellingTitles) {
    const found = title.exec(word)?.[0]
    if (found !== undefined) return found
  }
  // In a title whatever follows a blank may be an argument; a path with a blank in it ends in the program all the same.
  const whole = /\s/.test(word) && !scriptable.test(cut(word.slice(word.lastIndexOf('/') + 1)))
  const path = whole ? (word.split(/\s/)[0] ?? '') : word
  const folders = path.slice(0, path.lastIndexOf('/') + 1)
  const name = /^[\w.+:@-]*/.exec(path.slice(folders.length))?.[0].slice(0, LONGEST_NAME) ?? ''
  return `${folders.split('/').map(maskPart).join('/')}${name === '' && path !== folders ? 'x' : name}`
}

/** The text of /proc/PID/cmdline as it is recorded. */
export function maskCommandLine(text: string, namePath: NamePath = () => 'x'): string {
  const [first = '', ...words] = text.split('\0')
  return [maskFirst(first), ...words.map((word, index) => maskWord(word, words[index - 1] ?? '', namePath))].join('\0')
}
