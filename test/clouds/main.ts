// `make cloud`: the loopback cloud in the foreground, with the environment to export and a line for each request.

import { startAws } from './aws.ts'
import { FlagError, parseFlags, usage } from './flags.ts'
import { describeRequest } from './request-log.ts'

/** Runs until SIGINT or SIGTERM; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args)
  if (flags.help) {
    process.stdout.write(usage)
    return 0
  }
  const cloud = await startAws({
    ...flags.options,
    onRequest: (request) => say(describeRequest(request)),
    onState: (instance, before) => {
      const why = instance.stateReason ? ` (${instance.stateReason.code})` : ''
      say(
        `${new Date(cloud.clock.now()).toISOString().slice(11, 23)} instance ${instance.id} ${before} -> ${instance.state}${why}`,
      )
    },
  })
  for (const [name, value] of Object.entries(cloud.env)) say(`export ${name}=${value}`)
  say(`# control: ${cloud.controlUrl}/_control/ instance: ${cloud.instance().id} region: ${cloud.region}`)
  await interrupted()
  await cloud.close()
  return 0
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`cloud: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof FlagError ? 2 : 1
}
