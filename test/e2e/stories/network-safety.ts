// Whom the executable talks to, as the kernel sees it: nobody but the endpoints that were named, and without them nobody at all.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startAzureMachine } from '../azure-machine.ts'
import { executable, fastest, type Loopback, type Machine, startMachine, startProgram } from '../machine.ts'

/** In a network of its own, so that a mistake reaches nobody; its loopback leads nowhere. */
const ownNetwork = ['unshare', '--net', '--']
const can = (argv: readonly string[]): boolean => spawnSync(argv[0] ?? '', argv.slice(1)).status === 0
const traces = can(['strace', '-f', '-o', '/dev/null', 'true'])
const isolates = can([...ownNetwork, 'true'])
if (!traces)
  process.stderr.write('SKIPPED: strace is missing or not allowed: nobody looks at the sockets of the executable\n')

const slow = { timeout: 90_000 }

interface Seen {
  readonly code: number
  /** Addresses of the Internet families that were connected or sent to, and every such socket that was opened. */
  readonly addresses: readonly string[]
  readonly sockets: readonly string[]
  /** How many programs were started, its own included, and calls that end or sleep a machine. */
  readonly programs: number
}

async function watched(
  machine: Machine<Loopback>,
  args: readonly string[],
  options: { isolated: boolean },
): Promise<Seen> {
  const file = join(machine.folder, 'trace')
  const tracer = [
    'strace',
    '-f',
    '-qq',
    '-e',
    'trace=connect,sendto,sendmsg,sendmmsg,socket,execve,execveat,reboot',
    '-o',
    file,
  ]
  const [program = '', ...rest] = [...(options.isolated && isolates ? ownNetwork : []), ...tracer, executable, ...args]
  const { code } = await startProgram(program, rest, machine.env).done
  const trace = readFileSync(file, 'utf8').split('\n')
  const addresses = trace.flatMap((line) => {
    const [, port, address] =
      /sin6?_port=htons\((\d+)\), (?:sin6_flowinfo=[^,]+, )?(?:sin_addr=inet_addr\("([^"]+)"|inet_pton)/.exec(line) ??
      []
    return port === undefined ? [] : [`${address ?? line}:${port}`]
  })
  return {
    code,
    addresses: [...new Set(addresses)].sort(),
    sockets: trace.filter((line) => /socket\(AF_INET6?,/.test(line)),
    programs: trace.filter((line) => /\b(execve|execveat|reboot)\(/.test(line)).length,
  }
}

const nobody = { addresses: [], sockets: [] }

test.skipIf(!traces).concurrent('the tracer sees a connection where there is one', slow, async ({ onTestFinished }) => {
  const machine = await startMachine()
  onTestFinished(() => machine.close())
  const seen = await watched(machine, ['check', ...machine.flags], { isolated: false })
  expect([seen.code, seen.addresses]).toEqual([0, [new URL(machine.cloud.metadataUrl).host]])
  expect(seen.sockets.length).toBeGreaterThan(0)
})

for (const args of [['check'], ['check', '--act']]) {
  test
    .skipIf(!traces)
    .concurrent(`${args.join(' ')} on this very machine, no endpoint set: no socket`, slow, async (context) => {
      const machine = await startMachine()
      context.onTestFinished(() => machine.close())
      machine.env = {}
      const flags = ['--state-dir', machine.stateDir, '--config', machine.configPath]
      const seen = await watched(machine, [...args, ...flags], { isolated: true })
      expect(seen).toMatchObject({ code: 0, ...nobody })
    })
}

const firmware = {
  none: {},
  aws: { sys_vendor: 'Amazon EC2', product_uuid: 'ec2a1b2c-0000-0000-0000-000000000000' },
  azure: { sys_vendor: 'Microsoft Corporation', chassis_asset_tag: '7783-7084-3265-9085-8269-3286-77' },
  gcp: { sys_vendor: 'Google', product_name: 'Google Compute Engine' },
}

for (const [name, files] of Object.entries(firmware)) {
  test
    .skipIf(!traces)
    .concurrent(`firmware of ${name} below --root, no endpoint set: no socket`, slow, async (context) => {
      const machine = await startMachine({ settings: fastest })
      context.onTestFinished(() => machine.close())
      machine.env = {
        AWS_REGION: 'eu-west-1',
        HTTP_PROXY: 'http://192.0.2.1:3128',
        http_proxy: 'http://192.0.2.1:3128',
      }
      for (const [file, text] of Object.entries(files)) machine.write(`/sys/class/dmi/id/${file}`, `${text}\n`)
      for (const args of [['check'], ['check', '--act'], ['check', '--act', '--json']]) {
        const seen = await watched(machine, [...args, ...machine.flags], { isolated: true })
        expect(seen).toMatchObject(nobody)
        expect(seen.code).toBe(name === 'aws' || name === 'azure' ? 3 : 0)
      }
    })
}

test
  .skipIf(!traces)
  .concurrent('AWS firmware and loopback endpoints: those two alone, to the very end', slow, async (context) => {
    const machine = await startMachine({ settings: fastest })
    context.onTestFinished(() => machine.close())
    machine.write('/sys/class/dmi/id/sys_vendor', 'Amazon EC2\n')
    machine.env = { ...machine.cloud.env, HTTP_PROXY: 'http://192.0.2.1:3128', HTTPS_PROXY: 'http://192.0.2.1:3128' }
    const hosts = [machine.cloud.metadataUrl, machine.cloud.apiUrl].map((url) => new URL(url).host).sort()
    const all = new Set<string>()
    for (let count = 0; count < 8 && machine.cloud.instance().state === 'running'; count += 1) {
      const seen = await watched(machine, ['check', '--act', ...machine.flags], { isolated: false })
      for (const address of seen.addresses) all.add(address)
      await new Promise((resolve) => setTimeout(resolve, 1_800))
    }
    expect(machine.stops()).toEqual(['hibernate accepted'])
    expect([...all].sort()).toEqual(hosts)
  })

test
  .skipIf(!traces)
  .concurrent(
    'Azure firmware and loopback endpoints: those two alone, and no program is started',
    slow,
    async (context) => {
      const machine = await startAzureMachine({ settings: fastest })
      context.onTestFinished(() => machine.close())
      for (const [file, text] of Object.entries(firmware.azure)) machine.write(`/sys/class/dmi/id/${file}`, `${text}\n`)
      const proxy = 'http://192.0.2.1:3128'
      const astray = {
        IDENTITY_ENDPOINT: proxy,
        IDENTITY_HEADER: 'x',
        MSI_ENDPOINT: proxy,
        AZURE_AUTHORITY_HOST: proxy,
      }
      const others = { AWS_EC2_METADATA_SERVICE_ENDPOINT: proxy, AWS_ENDPOINT_URL: proxy }
      machine.env = {
        ...machine.cloud.env,
        ...astray,
        ...others,
        HTTP_PROXY: proxy,
        HTTPS_PROXY: proxy,
        ALL_PROXY: proxy,
      }
      const hosts = [machine.cloud.metadataUrl, machine.cloud.apiUrl].map((url) => new URL(url).host).sort()
      const all = new Set<string>()
      for (let count = 0; count < 8 && machine.cloud.instance().state === 'running'; count += 1) {
        const seen = await watched(machine, ['check', '--act', ...machine.flags], { isolated: false })
        for (const address of seen.addresses) all.add(address)
        // Its own start, and nothing by which a machine could be shut down from inside.
        expect([seen.code, seen.programs]).toEqual([0, 1])
        await new Promise((resolve) => setTimeout(resolve, 1_800))
      }
      expect(machine.stops()).toEqual(['hibernate accepted'])
      expect([...all].sort()).toEqual(hosts)
    },
  )
