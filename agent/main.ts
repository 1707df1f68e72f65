/** The entry: arguments in, exit code out; the only place that ends the process. */
import { run } from './cli.ts'
import { createHost } from './host/real.ts'

// A reader that went away (`idle-agent check | head -1`) is no reason to complain.
process.stdout.on('error', () => process.exit(0))

const code = run(process.argv.slice(2), {
  host: (root) => createHost({ root, env: process.env }),
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  colour: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
})
// Idle sockets of the SDK would hold the process for seconds; what was printed is flushed first.
void code.then((status) => process.stdout.write('', () => process.exit(status)))
