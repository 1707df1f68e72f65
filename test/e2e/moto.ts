// moto's EC2, where it is installed: an implementation of the API that others wrote.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2'
import { end, until } from '../guest/host.ts'

/** Whether `moto_server` can be run; said on stderr where not. */
export function hasMoto(): boolean {
  const here = spawnSync('moto_server', ['--help'], { stdio: 'ignore', timeout: 20_000 }).status === 0
  if (!here)
    process.stderr.write('SKIPPED: moto_server is not here; the story runs against our own and recorded answers\n')
  return here
}

export interface Moto {
  readonly url: string
  /** moto takes whatever credentials there are. */
  client(): EC2Client
  /** Launches an instance in eu-west-1 and returns its id. */
  launch(options: { readonly hibernation: boolean }): Promise<string>
  close(): Promise<void>
}

/** Starts it on a free port of loopback. */
export async function startMoto(): Promise<Moto> {
  const port = await freePort()
  const child = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${String(port)}`
  try {
    await until(() => answers(child, url), 30_000, 'moto_server')
  } catch (error) {
    await end(child)
    throw error
  }
  const client = (): EC2Client =>
    new EC2Client({ region: 'eu-west-1', endpoint: url, credentials: { accessKeyId: 'any', secretAccessKey: 'any' } })
  async function launch({ hibernation }: { readonly hibernation: boolean }): Promise<string> {
    const ec2 = client()
    try {
      const { Instances: [instance] = [] } = await ec2.send(
        new RunInstancesCommand({
          ImageId: 'ami-0123456789abcdef0',
          MinCount: 1,
          MaxCount: 1,
          HibernationOptions: { Configured: hibernation },
        }),
      )
      if (instance?.InstanceId === undefined) throw new Error('moto launched nothing')
      return instance.InstanceId
    } finally {
      ec2.destroy()
    }
  }
  return { url, client, launch, close: () => end(child) }
}

async function answers(child: ChildProcess, url: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`moto_server ended with ${String(child.exitCode)}`)
  return (await fetch(`${url}/moto-api/`, { signal: AbortSignal.timeout(2000) })).ok
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const { port } = server.address() as AddressInfo // a TCP server that listens always has one
      server.close(() => resolve(port))
    })
  })
}
