// The agents that a soak can have: one that stays, whose time is told to it, and the unmodified executable, a process a check, under clocks of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Clocks } from '../../../agent/types.ts'
import { withClocks } from '../../e2e/clocks.ts'
import { executable, startProgram } from '../../e2e/machine.ts'
import type { FromResident, Held, ToResident } from './messages.ts'

/** The world around a check. */
export interface Around {
  clocks(): Clocks
  /** Something hangs: it is waited for a twentieth of its time. */
  hurried(): boolean
  /** Lets so many milliseconds pass. */
  pass(ms: number): void
}

/** What a check came to. */
export interface Ran {
  /** What it printed; nothing where it was killed. */
  readonly said: readonly string[]
  readonly killed: boolean
}

/** How a check is to end. */
export interface Fate {
  /** Dies by itself at that change of its files. */
  readonly diesAt?: number
  /** Is killed so many milliseconds of real time after it began. */
  readonly killedAfterMs?: number
}

export interface SoakAgent {
  check(around: Around, fate: Fate): Promise<Ran>
  /** What its process holds; there is none between the checks of cron. */
  measure(): Promise<Held | undefined>
  close(): Promise<void>
}

/** Starts one that stays; `argv` is the program, with the arguments that make it see the machine. */
export async function startResident(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<SoakAgent> {
  const [program = '', ...args] = argv
  const child = spawn(program, args, {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TZ: 'UTC', ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const inbox = receiver(child)
  const send = (message: ToResident): void => void child.send(message)
  const first = await inbox()
  if (first?.kind !== 'ready') throw new Error(`${program}: the resident agent does not start`)
  return {
    async check(around, fate) {
      const { killedAfterMs, ...how } = fate
      send({ kind: 'check', clocks: around.clocks(), hurried: around.hurried(), ...how })
      const killer = killedAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killedAfterMs)
      for (;;) {
        const message = await inbox()
        if (message === undefined || message.kind === 'done') {
          clearTimeout(killer)
          if (message === undefined) return { said: [], killed: true }
          around.pass(message.waitedMs)
          return { said: message.said, killed: false }
        }
        if (message.kind !== 'sleep') throw new Error(`the resident agent says ${message.kind} in a check`)
        around.pass(message.waitedMs + Math.max(0, message.ms))
        send({ kind: 'go', clocks: around.clocks(), hurried: around.hurried() })
      }
    },
    async measure() {
      send({ kind: 'measure' })
      const message = await inbox()
      if (message?.kind !== 'measured') throw new Error('the resident agent does not say what it holds')
      return message.held
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

/** The executable as cron runs it. What it waits for passes in real time. */
export function cronAgent(
  flags: readonly string[],
  where: { readonly folder: string; readonly env: Readonly<Record<string, string>> },
): SoakAgent {
  const clocked = { ...where }
  const set = withClocks(clocked)
  return {
    async check(around) {
      const { wallMs, bootMs, monoMs } = around.clocks()
      const began = performance.now()
      const upMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
      const realMs = Number(process.hrtime.bigint() / 1_000_000n)
      set({ wallMs: wallMs - Date.now(), bootMs: bootMs - Math.round(upMs), monoMs: monoMs - realMs })
      const ran = await startProgram(executable, ['check', '--act', ...flags], clocked.env).done
      around.pass(Math.round(performance.now() - began))
      if (ran.stderr !== '' || (ran.code !== 0 && ran.code !== 3))
        throw new Error(`idle-agent check: exit ${ran.code}: ${ran.stderr}`)
      return { said: ran.stdout.split('\n').slice(0, 1), killed: false }
    },
    measure: async () => undefined,
    close: async () => undefined,
  }
}

/** Gives the messages of a process one by one; `undefined` once it has ended. */
function receiver(child: ChildProcess): () => Promise<FromResident | undefined> {
  const waiting: FromResident[] = []
  let ended = false
  let ready: (() => void) | undefined
  const heard = (): void => ready?.()
  child.on('message', (message: FromResident) => {
    waiting.push(message)
    heard()
  })
  child.once('exit', () => {
    ended = true
    heard()
  })
  return async () => {
    while (waiting.length === 0 && !ended) {
      await new Promise<void>((resolve) => {
        ready = resolve
      })
    }
    return waiting.shift()
  }
}
