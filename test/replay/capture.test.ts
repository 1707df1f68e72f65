// Captures of the machine that runs the tests: what was judged then is judged again from the frames alone, and nothing secret is in them.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createCapture } from '../../agent/check/capture.ts'
import { framesOf } from '../../agent/check/frames.ts'
import { isInput, type Replayed, replayFrames } from '../../agent/check/replay.ts'
import type { Cloud } from '../../agent/clouds/cloud.ts'
import type { Config } from '../../agent/config.ts'
import type { Frame } from '../../agent/host/frame.ts'
import { createFrameFile, linesOf } from '../../agent/host/frame-files.ts'
import type { Host } from '../../agent/host/host.ts'
import { createMask } from '../../agent/host/mask.ts'
import { createHost } from '../../agent/host/real.ts'
import { createRecorder } from '../../agent/host/record.ts'
import { startDriver } from '../clouds-drivers/start-aws.ts'
import { createMemoryCloud } from '../host/memory-cloud.ts'
import { configOf } from './frames.ts'

const { signal } = new AbortController()

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'capture-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

/** This machine, with time that passes as it is told: waits take none, and each check comes two minutes after the one before. */
function fastMachine(): { readonly host: Host; pass(ms: number): void } {
  const real = createHost({ root: '/', env: {} })
  let ahead = 0
  const host: Host = {
    ...real,
    clocks() {
      const { wallMs, bootMs, monoMs } = real.clocks()
      return { wallMs: wallMs + ahead, bootMs: bootMs + ahead, monoMs: monoMs + ahead }
    },
    async sleep(ms) {
      ahead += ms
      await real.sleep(0)
    },
  }
  return {
    host,
    pass(ms) {
      ahead += ms
    },
  }
}

interface Wanted {
  readonly checks: number
  readonly config: Config
  readonly machine?: ReturnType<typeof fastMachine>
  readonly cloud?: Cloud
  readonly between?: (check: number) => Promise<void>
}

async function captureHere({ checks, config, between, ...given }: Wanted): Promise<Replayed[]> {
  const { host, pass } = given.machine ?? fastMachine()
  const { cloud = createMemoryCloud({ name: 'aws', startedAt: () => '2026-01-01T00:00:00Z' }) } = given
  const next = await createCapture({ arguments: false, host, cloud, config, stateDir: folder(), signal })
  const all: Replayed[] = []
  for (let check = 0; check < checks; check += 1) {
    all.push(await next())
    await between?.(check)
    pass(120_000 - 3)
  }
  return all
}

/** As text, the way a file brings them. */
function written(frames: readonly Frame[], name: string): AsyncGenerator<Frame> {
  const path = join(folder(), name)
  const file = createFrameFile(path, { force: false })
  for (const frame of frames) file.write(JSON.stringify(frame))
  file.close()
  return framesOf(linesOf(path), path)
}

async function again(frames: AsyncIterable<Frame>, config: Config): Promise<string[]> {
  const lines: string[] = []
  for await (const { object } of replayFrames(frames, { config })) lines.push(JSON.stringify(object))
  return lines
}

/** A busy machine that counts as idle, so that the whole way to a stop is gone; other tests run editors, jobs and containers beside this one. */
const careless = `idle_detection:
  boot_grace_minutes: 0
  sensors:
    cpu: {cores: 64}
    disk: {bytes_per_second: 1000000000}
    network: {in_bytes_per_second: 1000000000, out_bytes_per_second: 1000000000}
    sessions: {enabled: false}
    editors: {enabled: false}
    desktops: {enabled: false}
    containers: {enabled: false}
    schedulers: {enabled: false}
    notebooks: {enabled: false}
`

test.each([['capture.jsonl'], ['capture.jsonl.gz']])(
  '30 checks of this machine, stops in them, are judged the same from %s, byte for byte',
  { timeout: 60_000 },
  async (name) => {
    const config = await configOf(careless)
    const all = await captureHere({ checks: 30, config })
    const lines = all.map(({ object }) => JSON.stringify(object))
    expect(
      await again(
        written(
          all.map(({ frame }) => frame),
          name,
        ),
        config,
      ),
    ).toEqual(lines)
    // It is no proof unless something happened.
    expect(lines.filter((line) => line.includes('in memory: ')).length).toBeGreaterThan(1)
    expect(all.some(({ frame }) => (frame.again ?? []).length > 0)).toBe(true)
    expect(JSON.stringify(all.at(-1)?.frame).length).toBeLessThan(JSON.stringify(all[0]?.frame).length)
  },
)

test('with the defaults, too, and on a machine without a cloud', { timeout: 60_000 }, async () => {
  const config = await configOf()
  const cloud = { ...createMemoryCloud({ name: 'local', defaultAction: 'report' }), tellsStart: false }
  const all = await captureHere({ checks: 5, config, cloud })
  const lines = all.map(({ object }) => JSON.stringify(object))
  expect(
    await again(
      written(
        all.map(({ frame }) => frame),
        'a.jsonl',
      ),
      config,
    ),
  ).toEqual(lines)
  expect(lines.every((line) => line.includes('"cloud":"local"'))).toBe(true)
})

test('who did not answer in time is remembered, and so is metadata that does not answer', async () => {
  const { host, pass } = fastMachine()
  let asked = 0
  const slow: Host = {
    ...host,
    deadline: (ms, what) => host.deadline(what === 'disk' || what === 'metadata' ? 50 : ms, what),
    readText: (path, maxBytes) =>
      path === '/proc/diskstats' ? new Promise<never>(() => undefined) : host.readText(path, maxBytes),
  }
  const memory = createMemoryCloud({ name: 'aws', startedAt: () => '2026-01-01T00:00:00Z' })
  const cloud: Cloud = {
    ...memory,
    async identify(limit) {
      asked += 1
      if (asked === 2) return new Promise<never>(() => undefined)
      if (asked === 3) throw new Error('metadata said 404')
      return memory.identify(limit)
    },
  }
  const config = await configOf(careless)
  const all = await captureHere({ checks: 4, config, machine: { host: slow, pass }, cloud })
  const lines = all.map(({ object }) => JSON.stringify(object))
  expect(lines[1]).toContain('"reason":"disk: no answer within 4 s"')
  expect(lines[1]).toContain('metadata: no answer within 3 s')
  expect(lines[2]).toContain('metadata said 404')
  expect(all[1]?.frame.late?.toSorted()).toEqual(['disk', 'metadata'])
  expect(
    await again(
      written(
        all.map(({ frame }) => frame),
        'a.jsonl',
      ),
      config,
    ),
  ).toEqual(lines)
})

const planted = (number: number) => `PLANTED${number}PLANTED`

function start(file: string, args: readonly string[]): ChildProcess {
  const child = spawn(file, args, {
    stdio: 'ignore',
    detached: true,
    env: { PATH: process.env['PATH'], KEY: planted(1) },
  })
  onTestFinished(() => {
    // The group: a shell's child would outlive it.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  })
  return child
}

/** A script that is called so, and waits; its arguments are in its command line. */
function program(name: string): string {
  const path = join(folder(), name)
  writeFileSync(path, '#!/bin/sh\nsleep 60\n')
  chmodSync(path, 0o755)
  return path
}

test('no argument and no environment of a process is in a capture', { timeout: 30_000 }, async () => {
  const [mysql, sshd, python] = [program('mysql'), program('sshd'), program('python3')]
  start('/usr/bin/script', ['-qc', `${mysql} -p${planted(2)} --password=${planted(3)}`, '/dev/null'])
  start(sshd, [planted(4)])
  start('/usr/bin/script', ['-qc', `${python} ${planted(5)} --token ${planted(6)}`, '/dev/null'])
  const config = await configOf('idle_detection:\n  boot_grace_minutes: 0\n')
  const seen: string[] = []
  const { host, pass } = fastMachine()
  const watched: Host = {
    ...host,
    async readText(path, maxBytes) {
      const text = await host.readText(path, maxBytes)
      if (text?.includes('PLANTED')) seen.push(text)
      return text
    },
  }
  const all = await captureHere({
    checks: 3,
    config,
    machine: { host: watched, pass },
    between: () => new Promise((resolve) => setTimeout(resolve, 300)),
  })
  // The sensors did read them.
  expect(seen.join().replaceAll('\0', ' ')).toMatch(/mysql -pPLANTED2PLANTED/)
  expect(seen.join()).toContain(planted(4))
  const text = JSON.stringify(all)
  expect(text).not.toContain('PLANTED')
  expect(text).toMatch(/\/cmdline":"\/x\/sh\\u0000/)
})

test('a token that a server leaves for root is used, and is in no frame', async () => {
  const token = 'PLANTED4f6b0c1d2e3f'
  const got: (string | undefined)[] = []
  const server = createServer((request, response) => {
    got.push(request.headers.authorization, request.url)
    response.setHeader('set-cookie', `session=${token}`)
    response.end(JSON.stringify({ kernels: 2, token, url: `http://127.0.0.1/?token=${token}` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  onTestFinished(() => void server.close())
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const path = join(folder(), 'jpserver-4242.json')
  writeFileSync(path, JSON.stringify({ port: 8888, token, password: false, pid: 4242 }))

  const real = createHost({ root: '/', env: {} })
  const recorder = createRecorder(real, {
    mask: createMask({ arguments: false }),
    isInput,
    realPath: (one) => one,
    signal,
  })
  recorder.begin()
  const { host } = recorder
  const read: unknown = JSON.parse((await host.readText(path)) ?? '')
  expect(read).toEqual({ port: 8888, token: 'masked-1', password: false, pid: 4242 })
  const plain = await host.store.readPlain(path, 4096)
  expect(plain?.text).toBe(await host.readText(path))
  const request = { method: 'GET', timeoutMs: 5000, headers: { authorization: 'token masked-1' } } as const
  const answer = await host.http({ ...request, url: `${origin}/api/status?token=masked-1` })
  expect(JSON.parse(answer.body)).toMatchObject({ kernels: 2, token: 'masked-1' })
  await expect(host.readText(`/proc/${process.pid}/environ`)).rejects.toThrow('not recorded')
  await expect(host.http({ ...request, url: 'http://127.0.0.1:1/?token=masked-1' })).rejects.toThrow('masked-1')
  expect(got).toEqual([`token ${token}`, `/api/status?token=${token}`])
  const frame = recorder.frame()
  expect(JSON.stringify(frame)).not.toContain('PLANTED')
  expect(Object.keys(frame.http ?? {})[0]).toBe(`GET ${origin}/api/status?token=masked-1`)
})

test('what a command line says where to look is looked at, and is in no frame', async () => {
  const runtime = join(folder(), 'PLANTED-runtime')
  mkdirSync(runtime)
  writeFileSync(join(runtime, 'jpserver-1.json'), JSON.stringify({ port: 1, token: 'PLANTED4f6b0c1d2e3f' }))
  const child = start('/bin/sh', ['-c', 'sleep 60; :', '-f', join(runtime, 'kernel-0f1e.json')])
  const real = createHost({ root: '/', env: {} })
  const mask = createMask({ arguments: false })
  const recorder = createRecorder(real, { mask, isInput, realPath: (one) => one, signal })
  recorder.begin()
  const { host } = recorder
  const path = (await host.readText(`/proc/${child.pid}/cmdline`))?.split('\0').find((word) => word.endsWith('.json'))
  expect(path).toBe('/masked-1/kernel-0f1e.json')
  const answer = await host.run(['head', '-qc', '4096', '/masked-1/jpserver-1.json'], { timeoutMs: 5000 })
  expect(answer?.stdout).toBe('{"port":1,"token":"masked-2"}')
  expect(await host.list('/masked-1')).toEqual(['jpserver-1.json'])
  expect(await host.stat('/masked-1/kernel-0f1e.json')).toBeUndefined()
  expect(JSON.stringify(recorder.frame())).not.toContain('PLANTED')
})

test('the cloud is asked who the machine is, once a check, and for nothing else; its token is in no frame', async () => {
  await using started = await startDriver()
  const config = await configOf(careless)
  const all = await captureHere({ checks: 8, config, cloud: started.cloud })
  const lines = all.map(({ object }) => JSON.stringify(object))
  expect(lines.join()).toContain('in memory: hibernate')
  const requests = started.aws.requests.list()
  expect(requests.filter(({ server }) => server === 'api')).toEqual([])
  const tokens = started.host.requests.flatMap(({ headers }) =>
    Object.entries(headers ?? {}).flatMap(([name, value]) => (/metadata-token$/i.test(name) ? [value] : [])),
  )
  expect(tokens.length).toBeGreaterThan(0)
  for (const one of tokens) expect(JSON.stringify(all)).not.toContain(one)
  expect(
    await again(
      written(
        all.map(({ frame }) => frame),
        'a.jsonl',
      ),
      config,
    ),
  ).toEqual(lines)
})

test('a frame says only what changed, and what nobody asked for again is forgotten', async () => {
  const path = join(folder(), 'file')
  writeFileSync(path, 'one')
  const real = createHost({ root: '/', env: {} })
  const recorder = createRecorder(real, {
    mask: createMask({ arguments: false }),
    isInput,
    realPath: (one) => one,
    signal,
  })
  const { host } = recorder
  recorder.begin()
  await host.readText(path)
  writeFileSync(path, 'two')
  expect(await host.readText(path)).toBe('one') // a look is of one moment
  await host.stat('/proc/nothing')
  expect(recorder.frame()).toMatchObject({ files: { [path]: 'one' }, stats: { '/proc/nothing': null } })
  recorder.begin()
  await host.readText(path)
  await host.stat('/proc/nothing')
  await host.list('/proc/nothing')
  const { files, stats, folders, forget } = recorder.frame()
  expect({ files, stats, folders, forget }).toEqual({ files: { [path]: 'two' }, folders: { '/proc/nothing': null } })
  recorder.begin()
  await host.readText(path)
  await host.sleep(1)
  writeFileSync(path, 'three')
  expect(await host.readText(path)).toBe('three') // and the next one is of another
  const last = recorder.frame()
  expect(last.files).toBeUndefined()
  expect(last.forget).toEqual({ stats: ['/proc/nothing'], folders: ['/proc/nothing'] })
  expect(last.again).toEqual([{ clocks: last.again?.[0]?.clocks, files: { [path]: 'three' } }])
})
