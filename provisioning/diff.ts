/** What would change in a folder that was generated into before. */
import { createHash } from 'node:crypto'
import { createTwoFilesPatch } from 'diff'
import { UsageError } from '../agent/errors.ts'
import type { OutputFile } from './output.ts'
import { isFolder, present } from './write.ts'

const red = '\u001b[31m'
const green = '\u001b[32m'
const plain = '\u001b[0m'

/** Lines of a unified diff, from what is there to what would be written. Throws UsageError where there is no such folder, HostError where a file cannot be read. */
export function differences(folder: string, files: readonly OutputFile[], colour: boolean): readonly string[] {
  if (!isFolder(folder)) throw new UsageError(`${folder}: no folder is there to compare with`)
  const before = present(folder, files)
  return files.flatMap(({ name, text }) => {
    const old = before.get(name)
    const now = text.toString()
    if (old === now) return []
    // User data that is compressed is no text.
    if (`${old ?? ''}${now}`.includes('\0')) return [`${name}: ${old === undefined ? 'new' : 'changed'}`]
    const patch = createTwoFilesPatch(old === undefined ? '/dev/null' : name, name, readable(old ?? ''), readable(now))
    const lines = patch.slice(patch.indexOf('--- ')).trimEnd().split('\n')
    return colour ? lines.map(coloured) : lines
  })
}

/** User data in base64 says nothing to people; what it holds is compared beside it. */
export function readable(text: string): string {
  return text.replace(/[A-Za-z0-9+/]{200,}={0,2}/g, (data) => {
    const sum = createHash('sha256').update(data).digest('hex').slice(0, 16)
    return `(${data.length} characters of base64, sha256 ${sum})`
  })
}

function coloured(line: string): string {
  if (line.startsWith('-')) return `${red}${line}${plain}`
  return line.startsWith('+') ? `${green}${line}${plain}` : line
}
