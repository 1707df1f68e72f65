/** A real job of a real Slurm, its daemons on loopback and in a temporary folder, where root, Slurm and munge are there. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createHost } from '../../agent/host/real.ts'
import { schedulers } from '../../agent/sensors/schedulers.ts'
import { defaults } from './machine.ts'

const machine = createHost({ root: '/', env: {} })
const programs = ['slurmctld', 'slurmd', 'munged', 'sbatch']
const missing = programs.filter((name) => spawnSync('which', [name]).status !== 0)
const runs = process.getuid?.() === 0 && missing.length === 0
if (!runs) process.stderr.write(`SKIPPED: no root, or no ${missing.join(', ')}: no real job of Slurm is looked at\n`)

/** A port of loopback that is free. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function configure(folder: string): Promise<string> {
  const host = hostname().split('.')[0] ?? ''
  const lines = {
    ...{ ClusterName: 'test', SlurmctldHost: `${host}(127.0.0.1)`, SlurmUser: 'root', SlurmdUser: 'root' },
    ...{
      AuthType: 'auth/munge',
      AuthInfo: `socket=${folder}/munge.sock`,
      CommunicationParameters: 'NoCtldInAddrAny,NoInAddrAny',
    },
    ...{ StateSaveLocation: `${folder}/state`, SlurmdSpoolDir: `${folder}/spool` },
    ...{ SlurmctldPidFile: `${folder}/ctld.pid`, SlurmdPidFile: `${folder}/d.pid` },
    ...{ ProctrackType: 'proctrack/linuxproc', TaskPlugin: 'task/none', SelectType: 'select/cons_tres' },
    ...{ MpiDefault: 'none', SwitchType: 'switch/none', SlurmctldPort: await freePort(), SlurmdPort: await freePort() },
  }
  const nodes = [
    `NodeName=${host} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN`,
    `PartitionName=p Nodes=${host} Default=YES State=UP`,
  ]
  const path = join(folder, 'slurm.conf')
  writeFileSync(path, [...Object.entries(lines).map((pair) => pair.join('=')), ...nodes, ''].join('\n'))
  return path
}

it.runIf(runs)(
  'a real job of Slurm is told by its number, and counts once more when it has ended',
  { timeout: 60_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slurm-'))
    const daemons: ChildProcess[] = []
    onTestFinished(async () => {
      for (const daemon of daemons.reverse()) {
        daemon.kill('SIGTERM')
        if (daemon.exitCode === null && daemon.signalCode === null)
          await new Promise((resolve) => daemon.on('exit', resolve))
      }
      rmSync(folder, { recursive: true, force: true })
    })
    for (const name of ['state', 'spool']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'munge.key'), Buffer.alloc(64, 7), { mode: 0o600 })
    const env = { ...process.env, SLURM_CONF: await configure(folder) }
    const daemon = (program: string, ...words: readonly string[]) => {
      daemons.push(spawn(program, words, { env, stdio: 'ignore' }))
    }
    const at = (name: string) => `${folder}/${name}`
    const own = [`--key-file=${at('munge.key')}`, `--socket=${at('munge.sock')}`, `--pid-file=${at('munge.pid')}`]
    daemon('munged', '--foreground', '--force', ...own, `--log-file=${at('munge.log')}`, `--seed-file=${at('seed')}`)
    daemon('slurmctld', '-D')
    daemon('slurmd', '-D')

    const signal = new AbortController().signal
    let before = await schedulers.read({ ...machine }, signal)
    /** Looks until a reading says this, at most 30 s; each look is compared with the one before it. */
    const until = async (words: RegExp, each: () => void = () => {}) => {
      for (let round = 0; round < 300; round += 1) {
        each()
        const now = await schedulers.read({ ...machine }, signal)
        const span = { now: machine.clocks(), ms: 100 }
        const reading = schedulers.judge(now, before, { span, limits: defaults(schedulers.options) })
        before = now
        if (words.test(`${reading.kind}: ${reading.reason}`)) return
        await machine.sleep(100)
      }
      throw new Error(`nothing said ${words}`)
    }
    await until(/^idle: no job on this machine$/)
    let job = ''
    await until(/^active: Slurm job \d+ of uid 0 \(slurmstepd pid \d+\)$/, () => {
      // Until the daemons are up, there is nobody to take it.
      if (job === '')
        job = spawnSync('sbatch', ['--parsable', '-o', '/dev/null', '--wrap', 'sleep 2'], {
          env,
          cwd: folder,
          encoding: 'utf8',
        }).stdout.trim()
    })
    expect(job).toMatch(/^\d+$/)
    // A step that is being cleared away has lost its title.
    await until(new RegExp(`^active: ended since the last check: (Slurm job ${job}|a Slurm job) `))
    await until(/^idle: no job on this machine$/)
  },
)
