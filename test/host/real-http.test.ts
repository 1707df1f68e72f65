// HTTP on the real host against loopback servers that do everything wrong.
import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { createHost } from '../../agent/host/real.ts'

const host = createHost({ root: '/', env: {} })
let server: Server
let base: string
const seen: { method: string | undefined; headers: NodeJS.Dict<string | string[]> }[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push({ method: request.method, headers: request.headers })
    const path = request.url ?? ''
    if (path === '/ok') response.setHeader('X-Token-TTL', '60').end('fine')
    else if (path === '/moved') response.writeHead(302, { location: '/ok' }).end()
    else if (path === '/later') setTimeout(() => response.end('fine'), 300)
    else if (path === '/large') response.end('x'.repeat(1_048_577))
    else if (path === '/limit') response.end('x'.repeat(1_048_576))
    else if (path === '/broken')
      response.writeHead(200, { 'content-length': 10 }).write('abc', () => response.destroy())
    else if (path === '/headers') response.writeHead(200, { 'x-long': 'x'.repeat(100_000) }).end()
    else if (path === '/drip') {
      const timer = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(timer))
    } else if (path !== '/silent') response.writeHead(404).end('none')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const get = (path: string, timeoutMs = 5000) => host.http({ method: 'GET', url: base + path, timeoutMs })

describe('an answer', () => {
  it('comes with its status, lower-case headers and body', async () => {
    const answer = await host.http({ method: 'PUT', url: `${base}/ok`, headers: { 'X-Ask': '1' }, timeoutMs: 5000 })
    expect(answer).toMatchObject({ status: 200, body: 'fine', headers: { 'x-token-ttl': '60' } })
    expect(seen.at(-1)).toMatchObject({ method: 'PUT', headers: { 'x-ask': '1', 'content-length': '0' } })
  })

  it.each([
    ['/none', 404],
    ['/moved', 302],
  ])('of %s is passed on as it is', async (path, status) => {
    expect((await get(path)).status).toBe(status)
  })

  it('may be 1 MiB', async () => {
    expect((await get('/limit')).body.length).toBe(1_048_576)
  })

  it('asks no proxy', async () => {
    // In a process of its own, since Node reads these variables when it starts.
    const script = `
      import { createHost } from ${JSON.stringify(new URL('../../agent/host/real.ts', import.meta.url).href)}
      const host = createHost({ root: '/', env: {} })
      console.log((await host.http({ method: 'GET', url: process.argv[1], timeoutMs: 5000 })).status)`
    const proxy = 'http://127.0.0.1:9'
    const env = { NODE_USE_ENV_PROXY: '1', http_proxy: proxy, HTTP_PROXY: proxy }
    const argv = ['--input-type=module-typescript', '-e', script, `${base}/ok`]
    const { stdout } = await promisify(execFile)(process.execPath, argv, { env })
    expect(stdout.trim()).toBe('200')
  })

  it('that came in time counts, although this process did not run until long after', async () => {
    const script = `
      import { createHost } from ${JSON.stringify(new URL('../../agent/host/real.ts', import.meta.url).href)}
      const host = createHost({ root: '/', env: {} })
      const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000)
      setTimeout(() => setImmediate(block), 100)
      console.log((await host.http({ method: 'GET', url: process.argv[1], timeoutMs: 2000 })).body)`
    const argv = ['--input-type=module-typescript', '-e', script, `${base}/later`]
    expect((await promisify(execFile)(process.execPath, argv)).stdout.trim()).toBe('fine')
  })

  it('leaves no connection open', async () => {
    await get('/ok')
    const open = await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
    expect(open).toBeLessThanOrEqual(1)
  })
})

describe('no answer', () => {
  it.each([
    ['a body that is too large', '/large', /larger than 1048576/],
    ['headers that are too large', '/headers', /eader/],
    ['a connection that breaks', '/broken', /broke|aborted|hang up/],
  ])('is %s', async (_what, path, words) => {
    const error = await get(path).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(HostError)
    expect(String(error)).toMatch(words)
    expect(String(error)).toContain(`GET ${base}${path}`)
  })

  it.each(['/silent', '/drip'])('is one that is not whole in time (%s)', async (path) => {
    const began = Date.now()
    await expect(get(path, 200)).rejects.toThrow(/within 200 ms/)
    expect(Date.now() - began).toBeLessThan(1500)
  })

  it('is one that is given up, before and during', async () => {
    const ask = (signal: AbortSignal) => host.http({ method: 'GET', url: `${base}/silent`, timeoutMs: 60_000, signal })
    const before = seen.length
    await expect(ask(AbortSignal.abort())).rejects.toThrow(/given up/)
    expect(seen.length).toBe(before)
    await expect(ask(AbortSignal.timeout(50))).rejects.toThrow(/given up/)
  })

  it.each([
    ['another scheme', 'https://127.0.0.1/'],
    ['a file', 'file:///etc/passwd'],
    ['no URL', 'nonsense'],
    ['a port where nobody listens', 'http://127.0.0.1:9/'],
    ['a name with two addresses where nobody listens', 'http://localhost:9/'],
  ])('comes from %s', async (_what, url) => {
    const error = await host.http({ method: 'GET', url, timeoutMs: 2000 }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(HostError)
    expect(String(error)).toMatch(/failed: \S/)
  })

  it('comes from a server that speaks something else', async () => {
    const strange = createSocketServer((socket) => {
      socket.on('error', () => {})
      socket.end('SSH-2.0-OpenSSH\r\n')
    })
    await new Promise<void>((resolve) => strange.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(strange.address() as AddressInfo).port}/`
    await expect(host.http({ method: 'GET', url, timeoutMs: 2000 })).rejects.toThrow(HostError)
    strange.close()
  })
})
