/** A real container of podman on the machine that runs the tests, where root, podman, runc and a static busybox are there. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { containers } from '../../agent/sensors/containers.ts'
import { defaults } from './machine.ts'

const machine = createHost({ root: '/', env: {} })

/** A static busybox, for a file system of a container. */
const busybox = ['/usr/bin/busybox', '/bin/busybox'].find(
  (path) => spawnSync('ldd', [path], { encoding: 'utf8' }).status === 1,
)

/** podman with folders of its own; its runtime has to be one that takes cgroup v1 and v2 side by side, which crun does not. */
function podman(folder: string, ...words: readonly string[]) {
  const own = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--tmpdir', join(folder, 'tmp')]
  return spawnSync('podman', [...own, '--cgroup-manager=cgroupfs', '--runtime=runc', ...words], { encoding: 'utf8' })
}

const runs =
  process.getuid?.() === 0 && busybox !== undefined && spawnSync('podman', ['--version']).status === 0
    ? spawnSync('runc', ['--version']).status === 0
    : false
if (!runs) process.stderr.write('SKIPPED: no root, podman, runc or static busybox: no real container is looked at\n')

it.runIf(runs)('a real container is found, and named when it works', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podman-'))
  const box = join(folder, 'box')
  mkdirSync(join(box, 'bin'), { recursive: true })
  copyFileSync(busybox ?? '', join(box, 'bin/busybox'))
  symlinkSync('busybox', join(box, 'bin/sh'))
  onTestFinished(() => {
    podman(folder, 'rm', '--all', '--force', '--time=0')
    spawnSync('umount', [join(folder, 'root/overlay')])
    // What conmon still writes on its way out.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  })
  const limits = ['--network=none', '--ulimit=nofile=1024:1024', '--ulimit=nproc=1000:1000']
  const loop = ['sh', '-c', 'while :; do :; done']
  const started = podman(folder, 'run', '--detach', ...limits, '--rootfs', box, ...loop)
  expect(started.stderr).toBe('')
  const id = started.stdout.trim()
  expect(id).toMatch(/^[0-9a-f]{64}$/)

  const signal = new AbortController().signal
  const before = await containers.read({ ...machine }, signal)
  const { monoMs } = machine.clocks()
  let reading: unknown
  for (let round = 0; round < 100; round += 1) {
    await machine.sleep(100)
    const now = await containers.read({ ...machine }, signal, before)
    const span = { now: machine.clocks(), ms: machine.clocks().monoMs - monoMs }
    reading = containers.judge(now, before, { span, limits: defaults(containers.options) })
    if (JSON.stringify(reading).includes(id.slice(0, 12))) break
  }
  expect(reading).toMatchObject({ kind: 'active', reason: expect.stringContaining(`container ${id.slice(0, 12)}: `) })
})
