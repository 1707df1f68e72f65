// GPUs from the outside: the built executable on a real root, in a namespace whose bus shows eight cards and whose /usr/bin has an nvidia-smi of ours.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type onTestFinished, test } from 'vitest'
import { type Answers, answersOf, buses, edited } from '../sensors/nvidia-smi.ts'
import { executable, type Machine, startMachine, startProgram } from './machine.ts'

const overlay = 'mkdir /mnt/u /mnt/w && mount -t overlay o -o lowerdir=/usr/bin,upperdir=/mnt/u,workdir=/mnt/w /usr/bin'
const canMount = spawnSync('unshare', ['--mount', '--', 'sh', '-c', `mount -t tmpfs t /mnt && ${overlay}`]).status === 0
if (!canMount) process.stderr.write('SKIPPED: not root, or no overlay in a namespace: no nvidia-smi is run for real\n')

/** Of cgroup v1: what is frozen there cannot even be killed, as if a driver held it. */
const freezer = '/sys/fs/cgroup/freezer'
const canFreeze = existsSync(`${freezer}/tasks`)
if (!canFreeze) process.stderr.write('SKIPPED: no freezer of cgroup v1: nothing hangs that cannot be killed\n')

/** An nvidia-smi whose next deed is in the file `mode`. */
const fake = `#!/bin/sh
folder=$(cat /mnt/folder)
echo "$@" >>$folder/calls
case $(cat $folder/mode) in
  hang) echo $$ >$folder/frozen/tasks; echo FROZEN >$folder/frozen/freezer.state; sleep 60 ;;
  deaf) trap '' TERM; while :; do sleep 1; done ;;
  noise) head -c 200000 /dev/urandom; exit 0 ;;
  endless) exec yes 'GPU-0, 0, 0, 0' ;;
esac
cat "$folder/answers/\${1%%=*}"
exit $(cat $folder/answers/code)
`

const enter = `set -e
folder=$1 program=$2
shift 2
mount -t tmpfs t /mnt
${overlay}
echo $folder >/mnt/folder
if [ -e $folder/nvidia-smi ]; then cp $folder/nvidia-smi /usr/bin/nvidia-smi; fi
mount --bind $folder/pci /proc/bus/pci/devices
mount --bind $folder/devices /sys/bus/pci/devices
exec $program "$@"
`

interface Seen {
  readonly verdict: string
  readonly kind: string
  readonly reason: string
  readonly ms: number
}

interface Bench {
  readonly folder: string
  readonly machine: Machine
  /** What nvidia-smi does from now on. */
  tell(mode: string, answers?: Answers): void
  /** `check --act`, long enough after the last one to be recorded. */
  check(): Promise<Seen>
  /** Questions asked so far. */
  asked(): number
}

/** Eight cards and a bridge, as /proc and /sys show them. */
function layBus(folder: string): void {
  const lines = buses.p4d.map((address) => {
    const device = join(folder, 'devices', `0000:${address}`)
    mkdirSync(device, { recursive: true })
    writeFileSync(join(device, 'vendor'), '0x10de\n')
    writeFileSync(join(device, 'class'), '0x030200\n')
    symlinkSync('../../../bus/pci/drivers/nvidia', join(device, 'driver'))
    const [bus = '', slot = '', fn = ''] = address.split(/[:.]/)
    return `${bus}${(Number.parseInt(slot, 16) * 8 + Number(fn)).toString(16)}\t10de20b0\t0\n`
  })
  writeFileSync(join(folder, 'pci'), `0000\t80860d57\t0\n${lines.join('')}`)
}

function readingOf(stdout: string): Omit<Seen, 'ms'> {
  const { verdict, readings } = JSON.parse(stdout) as { verdict: string; readings: readonly Record<string, string>[] }
  const gpu = readings.find(({ sensor }) => sensor === 'gpu')
  return { verdict, kind: gpu?.['kind'] ?? 'none', reason: gpu?.['reason'] ?? '' }
}

/** A machine that only its GPUs can keep up. */
async function startBench(finished: typeof onTestFinished): Promise<Bench> {
  const others = ['cpu', 'sessions', 'editors', 'desktops', 'network', 'disk'].map(
    (name) => `${name}: { enabled: false }`,
  )
  const machine = await startMachine({
    settings: { check_interval_minutes: 0.05, sensors: `{ ${others.join(', ')} }` },
  })
  finished(() => machine.close())
  const folder = join(machine.folder, 'gpu')
  mkdirSync(join(folder, 'answers'), { recursive: true })
  layBus(folder)
  writeFileSync(join(folder, 'nvidia-smi'), fake)
  chmodSync(join(folder, 'nvidia-smi'), 0o755)
  writeFileSync(join(folder, 'enter'), enter)
  const flags = ['--state-dir', machine.stateDir, '--config', machine.configPath]
  const command = [
    '--mount',
    '--',
    'sh',
    join(folder, 'enter'),
    folder,
    executable,
    'check',
    '--act',
    '--json',
    ...flags,
  ]
  const calls = join(folder, 'calls')
  let next = 0
  return {
    folder,
    machine,
    tell(mode, answers = {}) {
      writeFileSync(join(folder, 'mode'), mode)
      for (const [question, { stdout }] of Object.entries(answers))
        writeFileSync(join(folder, 'answers', question), stdout)
      writeFileSync(join(folder, 'answers/code'), String(answers['--query-gpu']?.status ?? 0))
    },
    async check() {
      await sleep(Math.max(0, next - Date.now()))
      const ran = await startProgram('unshare', command, machine.env).done
      next = Date.now() + 1_800
      if (ran.code !== 0) throw new Error(`exit ${ran.code}: ${ran.stderr}`)
      return { ...readingOf(ran.stdout), ms: ran.ms }
    },
    asked: () => (existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').length - 1 : 0),
  }
}

/** Processes of this bench's nvidia-smi, told by what they see of their namespace. */
function running({ folder }: Bench): number {
  const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const found = names.filter((pid) => {
    try {
      if (!/^\d+ \(nvidia-smi\) [^ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return false
      return readFileSync(`/proc/${pid}/root/mnt/folder`, 'utf8').trim() === folder
    } catch {
      return false // gone meanwhile
    }
  })
  return found.length
}

/** A cgroup that can be frozen; thawed and removed at the end. */
function freezable(folder: string, finished: typeof onTestFinished): () => Promise<void> {
  const group = `${freezer}/idle-agent-test-${process.pid}`
  mkdirSync(group)
  symlinkSync(group, join(folder, 'frozen'))
  const thaw = async () => {
    writeFileSync(`${group}/freezer.state`, 'THAWED')
    for (let tries = 0; tries < 100 && readFileSync(`${group}/tasks`, 'utf8') !== ''; tries += 1) await sleep(50)
  }
  finished(async () => {
    await thaw()
    rmdirSync(group)
  })
  return thaw
}

const slow = { timeout: 90_000 }

test
  .skipIf(!canMount)
  .concurrent('eight GPUs, by the nvidia-smi of the system and no other', slow, async ({ onTestFinished }) => {
    const bench = await startBench(onTestFinished)
    bench.tell('print', answersOf('p4d-idle'))
    expect(await bench.check()).toMatchObject({
      kind: 'unknown',
      reason: 'no earlier sample in this run of the machine',
    })
    expect(await bench.check()).toMatchObject({
      verdict: 'idle',
      kind: 'idle',
      reason: expect.stringMatching(/^8 GPUs/),
    })
    bench.tell('print', answersOf('p4d-only-5-busy'))
    expect(await bench.check()).toMatchObject({
      verdict: 'active',
      reason: expect.stringMatching(/^GPU 5 is busy: 88 % for \d+ s, limit 5 %$/),
    })
    bench.tell('print', answersOf('p4d-3-lost'))
    expect(await bench.check()).toMatchObject({
      verdict: 'active',
      reason: 'GPU 5 was busy at the last look: 88 %, limit 5 %',
    })
    expect(await bench.check()).toMatchObject({
      verdict: 'unknown',
      reason: expect.stringMatching(/0000:20:1d.0: .*GPU3/),
    })
    bench.tell('print', edited('p4d-idle', /, 0, 0, 6,/, ', [N/A], 0, 6,'))
    expect(await bench.check()).toMatchObject({ verdict: 'unknown', reason: 'GPU 6: it does not tell how busy it is' })
    for (const mode of ['noise', 'endless']) {
      bench.tell(mode)
      const seen = await bench.check()
      expect([mode, seen.verdict, seen.ms < 10_000]).toEqual([mode, 'unknown', true])
    }
    // A program of that name where users can put one, and none where only root can.
    const asked = bench.asked()
    const evil = join(bench.folder, 'nvidia-smi')
    writeFileSync(join(bench.folder, 'enter'), enter.replace(/^if .*$/m, `PATH=${bench.folder}:$PATH`))
    bench.tell('print', answersOf('p4d-idle'))
    expect([existsSync(evil), await bench.check()]).toMatchObject([
      true,
      { verdict: 'unknown', reason: 'nvidia-smi is not in /usr/bin, although its driver is loaded' },
    ])
    expect(bench.asked()).toBe(asked)
  })

test
  .skipIf(!canMount)
  .concurrent(
    'an nvidia-smi that ignores a polite signal is ended, and the check in time',
    slow,
    async ({ onTestFinished }) => {
      const bench = await startBench(onTestFinished)
      bench.tell('deaf')
      await bench.check()
      const seen = await bench.check()
      expect(seen).toMatchObject({
        verdict: 'unknown',
        reason: expect.stringMatching(/^nvidia-smi (hangs since|did not end)/),
      })
      expect(seen.ms).toBeLessThan(10_000)
      await sleep(200)
      expect(running(bench)).toBe(0)
    },
  )

test
  .skipIf(!canMount || !canFreeze)
  .concurrent('one that cannot be ended is left alone, and not joined by others', slow, async ({ onTestFinished }) => {
    const bench = await startBench(onTestFinished)
    bench.tell('print', answersOf('p4d-idle'))
    await bench.check()
    const thaw = freezable(bench.folder, onTestFinished)
    bench.tell('hang')
    const asked = bench.asked()
    const first = await bench.check()
    expect(first).toMatchObject({
      verdict: 'unknown',
      reason: expect.stringMatching(/^nvidia-smi hangs since \d\d:\d\d UTC$/),
    })
    expect(first.ms).toBeLessThan(10_000)
    for (let checks = 0; checks < 3; checks += 1) {
      const seen = await bench.check()
      expect([seen.verdict, seen.reason]).toEqual(['unknown', first.reason])
      expect(seen.ms).toBeLessThan(3_000)
    }
    expect([bench.asked() - asked, running(bench)]).toEqual([1, 1])
    bench.tell('print', answersOf('p4d-idle'))
    await thaw()
    expect(await bench.check()).toMatchObject({ verdict: 'idle' })
    expect(running(bench)).toBe(0)
  })
