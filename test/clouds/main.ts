// `make cloud`: the loopback clouds in the foreground, with the environments to export and a line for each request.

import { type AwsCloud, startAws } from './aws.ts'
import { type AzureCloud, startAzure } from './azure.ts'
import type { CloudClock } from './clock.ts'
import { FlagError, type Flags, parseFlags, usage } from './flags.ts'
import { describeRequest } from './request-log.ts'

/** Runs until SIGINT or SIGTERM; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args)
  if (flags.help) {
    process.stdout.write(usage)
    return 0
  }
  const aws = await openAws(flags)
  try {
    const azure = await openAzure(flags)
    await interrupted()
    await azure.close()
  } finally {
    await aws.close()
  }
  return 0
}

type Running = Extract<Flags, { help: false }>

async function openAws(flags: Running): Promise<AwsCloud> {
  const cloud = await startAws({
    ...flags.aws,
    onRequest: (request) => say(describeRequest(request)),
    onState: (instance, before) => {
      const why = instance.stateReason ? ` (${instance.stateReason.code})` : ''
      say(`${time(cloud.clock)} instance ${instance.id} ${before} -> ${instance.state}${why}`)
    },
  })
  say('# a machine on EC2:')
  tell(cloud.env)
  say(`# control: ${cloud.controlUrl}/_control/ instance: ${cloud.instance().id} region: ${cloud.region}`)
  tellStart(cloud)
  return cloud
}

async function openAzure(flags: Running): Promise<AzureCloud> {
  const cloud = await startAzure({
    ...flags.azure,
    onRequest: (request) => say(`${describeRequest(request)} (azure)`),
    onState: (vm, before) => say(`${time(cloud.clock)} vm ${vm.id} ${before} -> ${vm.state}`),
  })
  say('# or one on Azure:')
  tell(cloud.env)
  say(`# azure control: ${cloud.controlUrl}/_control/ instance: ${cloud.instance().id}`)
  tellStart(cloud)
  return cloud
}

/** Whoever has had it stopped wants it back. */
function tellStart({ controlUrl, instance }: AwsCloud | AzureCloud): void {
  say(`# started again by: curl -X POST ${controlUrl}/_control/instances/${instance().id}/start`)
}

function tell(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) say(`export ${name}=${value}`)
}

function time(clock: CloudClock): string {
  return new Date(clock.now()).toISOString().slice(11, 23)
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
