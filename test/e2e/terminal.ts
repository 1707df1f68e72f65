// A real terminal on this machine's real root, in a namespace of its own: no other terminal or process is seen, none is written to.
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { executable, type Machine, type Ran } from './machine.ts'

const namespace = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child', '--']
const prepare =
  'mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts && mount --bind /dev/pts/ptmx /dev/ptmx && exec "$@"'
const inside = (argv: readonly string[]) => [...namespace, 'sh', '-c', prepare, 'sh', ...argv]

/** Whether this machine can lend such a terminal: root, namespaces, python3 and bash. */
export const canLendTerminal =
  spawnSync('unshare', inside(['python3', '-c', 'import pty, os; os.stat("/bin/bash")'])).status === 0

export interface Terminal {
  /** Types in a new 8 s bucket of the wall clock: within one, the kernel does not move the access time again. */
  type(text: string): Promise<void>
  /** What was written to it so far. */
  screen(): Promise<string>
  /** The names in /dev/pts. */
  terminals(): Promise<readonly string[]>
  /** The executable beside it, on the real root. */
  run(...args: readonly string[]): Promise<Ran>
  close(): void
}

type Answer = Readonly<Record<string, unknown>>

/** Starts a shell on a new terminal. */
export function openTerminal(machine: Machine): Terminal {
  const child = spawn('unshare', inside(['python3', 'test/e2e/terminal.py']), { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map<number, (answer: Answer) => void>()
  let last = 0
  let typedMs = 0
  createInterface(child.stdout).on('line', (line) => {
    const answer = JSON.parse(line) as Answer & { readonly id: number }
    waiting.get(answer.id)?.(answer)
  })
  function ask(question: Readonly<Record<string, unknown>>): Promise<Answer> {
    last += 1
    const id = last
    child.stdin.write(`${JSON.stringify({ id, ...question })}\n`)
    return new Promise((resolve) => waiting.set(id, resolve))
  }
  return {
    async type(text) {
      const bucketMs = 8_000
      while (Math.floor(Date.now() / bucketMs) === Math.floor(typedMs / bucketMs)) await sleep(100)
      typedMs = Date.now()
      await ask({ type: text })
      await sleep(200)
    },
    screen: async () => String((await ask({}))['screen']),
    async terminals() {
      const { terminals } = await ask({})
      // A new terminal's access time is that of its making.
      typedMs = Math.max(typedMs, Date.now())
      return (terminals as readonly string[]).filter((name) => name !== 'ptmx')
    },
    async run(...args) {
      const began = Date.now()
      const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...machine.env }
      const { code, stdout, stderr } = await ask({ run: [executable, ...args], env })
      return { code: Number(code), stdout: String(stdout), stderr: String(stderr), ms: Date.now() - began }
    },
    close: () => child.kill('SIGKILL'),
  }
}
