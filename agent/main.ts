/** The entry: arguments in, exit code out; the only place that ends the process. */
import { run } from './cli.ts'
import { createHost } from './host/real.ts'

/** What was to be printed and was not: that is no answer, whatever the command says. */
let unprinted: Error | undefined

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that went away (`idle-agent check | head -1`) is no reason to complain.
  if (error.code === 'EPIPE') process.exit(0)
  unprinted ??= error
})

/** Where nobody reads it, it is lost. The stream is made here, which takes 1 ms: hardly any check complains. */
function complain(line: string): void {
  if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => undefined)
  process.stderr.write(`${line}\n`)
}

function end(status: number): void {
  if (unprinted !== undefined) complain(`idle-agent: cannot print: ${unprinted.message}`)
  process.exit(unprinted !== undefined && status === 0 ? 5 : status)
}

const code = run(process.argv.slice(2), {
  host: (root) => createHost({ root, env: process.env }),
  out: (line) => process.stdout.write(`${line}\n`),
  err: complain,
  colour: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
})
// Idle sockets of the SDK would hold the process for seconds; what was printed is flushed first, and its errors are heard.
void code.then((status) => process.stdout.write('', () => setImmediate(end, status)))
