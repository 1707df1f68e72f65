/** What a process in front of a terminal is by its name and command line: somebody's work, or only in between. */
import type { Host } from '../host/host.ts'
import {
  carriers,
  commandOption,
  databaseClients,
  databaseCommand,
  editorServer,
  interpreters,
  interpreterValueOption,
  onlookers,
  shells,
  shellValueOption,
  sshServices,
  sshValueOptions,
} from './known-programs.ts'
import { commandLine, type Process, whileItLives } from './processes.ts'

/** What one process in a group is. `carrier`: judged by what it carries. `prompt`: an interpreter that waits for somebody to type. */
export type Role = 'carrier' | 'onlooker' | 'prompt' | 'work'

/** The last part of a path as the kernel shows it for a program: cut at 15 bytes. */
function programName(word: string): string {
  return Buffer.from(word.slice(word.lastIndexOf('/') + 1))
    .subarray(0, 15)
    .toString()
}

/** The arguments of a program. What is itself a script (`#!/usr/bin/python3` in ipython) comes as the first one of its interpreter. */
function argumentsOf(comm: string, cmdline: string): readonly string[] {
  const [first = '', ...words] = cmdline.split('\0')
  if (programName(first) === comm && !interpreters.test(comm)) return words
  const plain = words.findIndex((word) => word !== '' && !word.startsWith('-'))
  const name = programName(words[plain] ?? '')
  const itself = interpreters.test(comm) ? interpreters.test(name) : name === comm
  return itself && !words.slice(0, plain).some((word) => commandOption.test(word)) ? words.slice(plain + 1) : words
}

/** Does this command line give a shell or an interpreter something to run? Arguments are looked at here and go nowhere. */
export function hasScript(comm: string, cmdline: string): boolean {
  const words = argumentsOf(comm, cmdline)
  if (databaseClients.test(comm)) return words.some((word) => databaseCommand.test(word))
  const takesValue = shells.has(comm) ? shellValueOption : interpreterValueOption
  let skip = false
  for (const word of words) {
    if (skip) skip = false
    else if (takesValue.test(word)) skip = true
    else if (commandOption.test(word)) return true
    else if (word !== '' && !word.startsWith('-') && !word.startsWith('+')) return true
  }
  return false
}

/** Does this command line of ssh run something on the other machine? The first word that is no option names that machine. */
export function hasRemoteCommand(cmdline: string): boolean {
  let skip = false
  let named = false
  for (const word of cmdline.split('\0').slice(1)) {
    if (skip) skip = false
    else if (word.startsWith('-')) {
      const value = [...word].findIndex((letter, index) => index > 0 && sshValueOptions.includes(letter))
      skip = value > 0 && value === word.length - 1
    } else if (word !== '') {
      if (named) return true
      named = true
    }
  }
  return false
}

/** Is this true of its command line? In doubt yes: of one that is too long to be read, or empty. `undefined` once it is gone. */
async function says(host: Host, pid: number, is: (cmdline: string) => boolean): Promise<boolean | undefined> {
  const cmdline = await commandLine(host, pid)
  return cmdline === undefined ? undefined : !cmdline.whole || cmdline.text === '' || is(cmdline.text)
}

/**
 * A shell or interpreter at its prompt: no script, and a terminal to read from. Without a terminal, a shell's commands come
 * over the connection, and so does an interpreter's script. In doubt it is work; one that is gone is not.
 */
async function atPrompt(host: Host, { pid, comm, ttyNr }: Process): Promise<boolean> {
  const script = await says(host, pid, (text) => hasScript(comm, text))
  if (script !== false) return script === undefined
  if (ttyNr === 0 && shells.has(comm)) return true
  const input = await whileItLives(host, pid, () => host.readLink(`/proc/${pid}/fd/0`))
  return input !== undefined && /(^|\/)(pts\/\d+|tty\w*|hvc\d+|console)( \(deleted\))?$|^\/\d+$/.test(input)
}

/** `sleep infinity`, which keeps a container open: nothing can come after it, so nobody waits for it. */
async function sleepsForEver(host: Host, { pid, comm }: Process): Promise<boolean> {
  if (comm !== 'sleep') return false
  const cmdline = await commandLine(host, pid)
  return cmdline === undefined || /^[^\0]*\0inf(inity)?\0*$/i.test(cmdline.text)
}

/** The role of one process. */
export async function roleOf(host: Host, process: Process): Promise<Role> {
  const { comm, pid } = process
  if (carriers.has(comm)) return 'carrier'
  if (await sleepsForEver(host, process)) return 'onlooker'
  if (comm === 'ssh') return (await says(host, pid, hasRemoteCommand)) === true ? 'work' : 'onlooker'
  if (onlookers.has(comm)) return 'onlooker'
  if (shells.has(comm)) return (await atPrompt(host, process)) ? 'carrier' : 'work'
  if (!interpreters.test(comm) && !databaseClients.test(comm)) return 'work'
  return (await atPrompt(host, process)) ? 'prompt' : 'work'
}

/** Does it only serve a connection over ssh: moves files, passes bytes on, or keeps an editor's window open? */
export async function onlyServes(host: Host, { comm, pid }: Process): Promise<boolean> {
  return sshServices.has(comm) || editorServer.test((await commandLine(host, pid))?.text ?? '')
}
