/** What a process that stays (`run`) does about its memory. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { isSea } from 'node:sea'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Resident } from './host.ts'

/** The running program, even where its file has been replaced or removed (proc_pid_exe(5)). */
const program = '/proc/self/exe'
/** Children of this thread (proc_pid_task(5)); a kernel may be without it. */
const children = '/proc/thread-self/children'

/**
 * Nothing is compiled for speed: compilers and what they make are 7 MB, and a check takes no longer without. Garbage is
 * collected before more memory is taken: 2 MB less after a check that read more than others.
 */
const flags = ['--no-sparkplug', '--no-maglev', '--no-opt', '--optimize-for-size', '--semi-space-growth-factor=1']

/** A collection of this flavor gives V8's reserves back; it takes 20 to 45 ms of CPU. */
function collect(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc(how)', { how: { type: 'major', execution: 'sync', flavor: 'last-resort' } })
}

/**
 * Where it fails Node 24 aborts. What is not printed yet would be lost, and a child that has not ended, whoever gave it up,
 * would stay a zombie: nobody would wait for it.
 */
function canBegin(): boolean {
  try {
    accessSync(program, constants.X_OK)
    return isSea() && process.stdout.writableLength === 0 && readFileSync(children, 'utf8') === ''
  } catch {
    return false
  }
}

/** See `Resident`; loaded by `run` alone. */
export const resident: Resident = {
  preferLittle() {
    for (const flag of flags) setFlagsFromString(flag)
  },
  holdLess(mostBytes, env) {
    if (process.memoryUsage.rss() <= mostBytes) return false
    collect()
    if (process.memoryUsage.rss() > mostBytes && canBegin())
      process.execve?.(program, [process.argv0, ...process.argv.slice(2)], { ...process.env, ...env })
    return true
  },
}
