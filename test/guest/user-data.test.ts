// The first user data, run in a layer above a real Debian: it installs, or leaves nothing and says why.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { partsOf } from '../../provisioning/cloud-init.ts'
import { type Changes, inImage, made, template } from '../provisioning/make.ts'
import { environment } from './host.ts'
import { rootfs } from './rootfs.ts'
import { guestsSkipped } from './story.ts'

const executable = 'dist/idle-agent'

interface Ran {
  readonly status: number | null
  readonly lines: readonly string[]
  /** Files that the run left, below the layer. */
  readonly left: readonly string[]
}

interface Change {
  readonly sum?: string
  readonly megabytes?: number
  /** Asked for in the configuration, where no systemd runs that could do it. */
  readonly rootOnly?: true
  /** Of tries and time; few and short unless given. */
  readonly limits?: Readonly<Record<string, string>>
}

const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  '/good': (response) => createReadStream(executable).pipe(response),
  '/truncated': (response) => createReadStream(executable, { end: 5_000_000 }).pipe(response),
  '/cut': (response) => {
    response.writeHead(200, { 'content-length': statSync(executable).size })
    createReadStream(executable, { end: 5_000_000 })
      .on('data', (data) => response.write(data))
      .on('end', () => response.destroy())
  },
  '/html': (response) => response.end('<!doctype html><title>Sign in</title>'),
  '/slow': (response) => {
    response.write('x')
  },
  '/drip': (response) => {
    const drip = setInterval(() => response.write('x'.repeat(100)), 1_000)
    response.on('close', () => clearInterval(drip))
  },
}

/** Our script, as cloud-init would run it. */
function scriptOf(keys: Changes): string {
  return partsOf(made(template(keys)).spec)[0]?.text ?? ''
}

describe.skipIf(guestsSkipped('user data'))('the first user data', () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const answer = answers[(request.url ?? '').replace('?', '')]
    if (answer === undefined) response.writeHead(404).end('none')
    else answer(response)
  })
  let sum = ''
  let tree = ''

  beforeAll(async () => {
    tree = rootfs()
    sum = createHash('sha256').update(readFileSync(executable)).digest('hex')
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  }, 300_000)
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  /** Runs the script above the tree in namespaces of its own; the layer is a tmpfs of `megabytes`. */
  function run(path: string, change: Change = {}): Promise<Ran> {
    const { port } = server.address() as AddressInfo
    const script = readFileSync('cloud-init/user-data.sh', 'utf8')
      .replace(/^AGENT_URL=.*$/m, `AGENT_URL='http://127.0.0.1:${port}${path}'`)
      .replace(/^AGENT_SHA256=.*$/m, `AGENT_SHA256='${change.sum ?? sum}'`)
      .replace('metadata_root_only: false', `metadata_root_only: ${String(change.rootOnly === true)}`)
    return runScript(script, path, change)
  }

  function runScript(script: string, path: string, change: Change = {}): Promise<Ran> {
    const folder = mkdtempSync('/tmp/user-data-')
    writeFileSync(join(folder, 'script'), script)
    const within = `set -e; cd ${folder}; mkdir layer; mount -t tmpfs -o size=${change.megabytes ?? 600}m none layer
      mkdir layer/up layer/work layer/root; mount -t overlay -o lowerdir=${tree},upperdir=layer/up,workdir=layer/work none layer/root
      cp script layer/root/root/script; mount -t proc proc layer/root/proc; mount -t devtmpfs none layer/root/dev 2>/dev/null || mount --bind /dev layer/root/dev
      set +e; chroot layer/root /bin/sh /root/script </dev/null; status=$?
      echo "=== left"; cd layer/up; find . ! -type d ! -path ./root/script | sort; exit $status`
    const { limits = { IDLE_AGENT_TRIES: '2', IDLE_AGENT_PAUSE: '1', IDLE_AGENT_LIMIT: '4' } } = change
    return new Promise((resolve, reject) => {
      const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', within], {
        env: { ...environment, ...(path === '/good' ? {} : limits) },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 100_000,
      })
      let out = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (data) => {
          out += data
        })
      child.on('error', reject)
      child.on('close', (status) => {
        rmSync(folder, { recursive: true, force: true })
        const [said = '', left = ''] = out.split('=== left\n')
        resolve({
          status,
          lines: said.trim().split('\n'),
          left: left
            .trim()
            .split('\n')
            .filter((line) => line !== ''),
        })
      })
    })
  }

  it('installs, and says when the first check runs', { timeout: 120_000 }, async () => {
    const { status, lines, left } = await run('/good')
    expect([status, lines.at(-1)]).toEqual([0, 'idle-agent: installed'])
    expect(left).toEqual(
      expect.arrayContaining(['./etc/cron.d/idle-agent', './etc/idle-agent/config.yaml', './usr/local/bin/idle-agent']),
    )
    expect(left.filter((path) => path.startsWith('./var/tmp'))).toEqual([])
  })

  it.each<[string, string, RegExp, Change]>([
    ['a wrong sum', '/good', /has the sum [0-9a-f]{64}, not 1{64}$/, { sum: '1'.repeat(64) }],
    ['a truncated file', '/truncated', /\(5000001 bytes\) has the sum/, {}],
    ['a connection that breaks', '/cut', /cannot fetch http.*cut: curl: \(18\)/, {}],
    ['a page instead', '/html', /\(37 bytes\) has the sum/, {}],
    ['nothing there', '/none', /cannot fetch http.*404/, {}],
    ['no progress', '/slow', /cannot fetch http.*timed out/, {}],
    ['a full disk', '/good', /cannot fetch http.*curl: \(23\)/, { megabytes: 40 }],
  ])('%s: tries again, leaves nothing, says why', { timeout: 120_000 }, async (_what, path, why, change) => {
    asked.length = 0
    const { status, lines, left } = await run(path === '/good' ? '/good?' : path, change)
    expect([status, lines.at(-1)]).toEqual([1, expect.stringMatching(/^idle-agent: NOT INSTALLED: /)])
    expect(lines.at(-1)).toMatch(why)
    expect(left).toEqual([])
    expect(asked.length).toBe(2)
    expect(lines[0]).toMatch(/^idle-agent: try 1 of 2: /)
  })

  it('gives up a download that hardly moves, long before its limit', { timeout: 120_000 }, async () => {
    const began = Date.now()
    const { status, lines, left } = await run('/drip', { limits: { IDLE_AGENT_TRIES: '1' } })
    expect([status, lines.at(-1)]).toEqual([1, expect.stringMatching(/NOT INSTALLED: cannot fetch .*curl: \(28\)/)])
    expect(Date.now() - began).toBeLessThan(60_000)
    expect(left).toEqual([])
  })

  it('comes into an image by its script, and boots from there without fetching anything', {
    timeout: 120_000,
  }, async () => {
    const { port } = server.address() as AddressInfo
    const agent = { agent_url: `http://127.0.0.1:${port}/good`, agent_sha256: sum }
    const keys = { ...inImage, size: 'm7i.large', ...agent }
    const image = made(template(keys), { format: 'image' }).files[0]?.text.toString()
    const boots = scriptOf(keys)
    asked.length = 0
    const { status, lines, left } = await runScript(`(\n${image}) || exit 1\n${boots}`, '/good')
    expect([status, lines.at(-1)]).toEqual([0, 'idle-agent: installed'])
    expect(lines).toContain(
      'idle-agent: /usr/local/bin/idle-agent is in the image; have agent_in_image: true in the template',
    )
    expect(left).toEqual(expect.arrayContaining(['./etc/cron.d/idle-agent', './usr/local/bin/idle-agent']))
    expect(left.filter((path) => path.startsWith('./var/tmp'))).toEqual([])
    expect(left.filter((path) => path.endsWith('.image'))).toEqual([])
    expect(asked).toEqual(['/good'])
  })

  it('leaves the image its executable where installing fails', { timeout: 120_000 }, async () => {
    const { port } = server.address() as AddressInfo
    const agent = { agent_url: `http://127.0.0.1:${port}/good`, agent_sha256: sum }
    const keys = { ...inImage, size: 'm7i.large', ...agent, imds_root_only: true }
    const image = made(template(keys), { format: 'image' }).files[0]?.text.toString()
    const { status, left } = await runScript(`(\n${image}) || exit 1\n${scriptOf(keys)}`, '/good')
    expect(status).toBe(1)
    expect(left).toEqual(['./usr/local/bin/idle-agent'])
  })

  it('is not installed from an image that does not hold it', { timeout: 120_000 }, async () => {
    const keys = { ...inImage, size: 'm7i.large', agent_url: undefined, agent_sha256: undefined }
    const { status, lines, left } = await runScript(scriptOf(keys), '/good')
    expect([status, lines.at(-1)]).toEqual([
      1,
      'idle-agent: NOT INSTALLED: the image holds no /usr/local/bin/idle-agent',
    ])
    expect(left).toEqual([])
  })

  it('installs nothing where metadata cannot be left to root, as was asked for', { timeout: 120_000 }, async () => {
    const { status, lines, left } = await run('/good?', { rootOnly: true })
    expect([status, lines.at(-1)]).toEqual([1, 'idle-agent: NOT INSTALLED: see the lines above'])
    expect(lines.at(-2)).toBe(
      'idle-agent: metadata_root_only cannot be put in force: systemd does not run here; every user of this machine still reaches metadata',
    )
    expect(left).toEqual([])
  })

  it('takes back what it installed when the disk fills on the way', { timeout: 120_000 }, async () => {
    const { status, lines, left } = await run('/good?', { megabytes: 180 })
    expect([status, lines.at(-1)]).toEqual([1, 'idle-agent: NOT INSTALLED: see the lines above'])
    expect(lines.join('\n')).toMatch(/no space left/)
    expect(left).toEqual([])
  })
})
