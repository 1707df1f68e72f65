// Everything at once: every command hangs, every server and socket is silent, every file is a pipe that nobody writes to. Unknown, over in time, and forgotten once it is mended.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Crowd, canEnter, startCrowd } from '../cell.ts'
import { type Acted, checkOnce, checkWhenDue, makeDue, timePasses } from '../due.ts'
import { insteadOfCommand } from '../faulty.ts'
import { startContainersAnew, subjectCommands, subjectScripts, subjectSettings } from '../subjects.ts'

const slow = { timeout: 120_000 }
const concurrent = test.skipIf(!canEnter).concurrent

/** The longest time that an operator may give a command. */
const settings = { ...subjectSettings, commands: '[{ argv: [/usr/bin/probe], timeout_seconds: 7 }]' }

/** Commands, servers and sockets, and these of the cloud. */
function silence(crowd: Crowd, servers: readonly ('metadata' | 'api')[]): void {
  for (const name of [...Object.keys(subjectScripts), 'nvidia-smi', 'grep', 'systemctl', 'env', 'setpriv'])
    crowd.command(name, insteadOfCommand['hanging: deaf to the polite signal'])
  crowd.notebook.answer = 'hanging: never'
  crowd.display.answer = 'hanging: never'
  for (const server of servers) crowd.cloud.faults.add({ server, fault: { kind: 'hang' } })
  startContainersAnew(crowd)
}

function mend(crowd: Crowd): void {
  subjectCommands(crowd)
  crowd.notebook.answer = 'as it should'
  crowd.display.answer = 'as it should'
  crowd.cloud.faults.clear()
}

/** What no check is made without (veto-faults.ts), and what is the executable's own. */
const needed =
  /^\/proc\/(self|uptime|sys\/kernel\/random)(\/|$)|^\/(etc\/(ld\.so\.cache|idle-agent\.yaml)|sys\/devices|answers)/

/** Every file of the machine becomes a pipe; gives back what puts them right. */
function plug({ root }: Crowd): () => void {
  const files = ['proc', 'sys', 'etc', 'run', 'var', 'home'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !needed.test(path.slice(root.length))),
  )
  for (const path of files) renameSync(path, `${path}.aside`)
  expect(spawnSync('mkfifo', files).status).toBe(0)
  return () => {
    for (const path of files) {
      rmSync(path)
      renameSync(`${path}.aside`, path)
    }
  }
}

function kindsOf({ check }: Acted): Readonly<Record<string, string>> {
  return Object.fromEntries(check.readings.map(({ sensor, kind }) => [sensor, kind]))
}

function samplesIn(crowd: Crowd): readonly string[] {
  const file = JSON.parse(readFileSync(join(crowd.stateDir, 'state.json'), 'utf8')) as { samples: object }
  return Object.keys(file.samples)
}

const sensors = ['cpu', 'sessions', 'editors', 'desktops', 'network', 'disk', 'gpu', 'containers', 'schedulers']
const all = [...sensors, 'notebooks', 'processes', 'commands', 'services']

/** What only asks, or reads counters, is told by these; a kernel is judged by its process. */
const asked = {
  ...{ cpu: 'idle', network: 'idle', disk: 'idle', schedulers: 'idle', processes: 'idle', notebooks: 'hold' },
  ...{ sessions: 'unknown', editors: 'unknown', desktops: 'unknown', gpu: 'unknown', containers: 'unknown' },
  ...{ commands: 'unknown', services: 'unknown' },
}

/** Reads nothing but what its command says. */
const withoutFiles = Object.fromEntries(all.map((sensor) => [sensor, 'unknown']))

interface Row {
  readonly name: string
  readonly files: boolean
  /** Checks in a row. */
  readonly rounds: number
  readonly servers: readonly ('metadata' | 'api')[]
  readonly kinds: Readonly<Record<string, string>>
}

const rows: readonly Row[] = [
  { name: 'whatever is asked hangs', files: false, rounds: 2, kinds: asked, servers: ['metadata', 'api'] },
  // The tags that said idle are to be changed, which costs time of its own.
  { name: 'whatever is asked hangs but metadata', files: false, rounds: 1, kinds: asked, servers: ['api'] },
  {
    ...{ name: 'whatever is asked hangs, and every file with it', files: true, rounds: 1, kinds: withoutFiles },
    ...{ servers: ['metadata', 'api'] },
  },
]

for (const row of rows) {
  concurrent(`${row.name}: unknown, over within ten seconds, and nothing is lost`, slow, async ({ onTestFinished }) => {
    const crowd = await startCrowd(settings)
    onTestFinished(() => crowd.close())
    await makeDue(crowd)
    crowd.configure({ ...settings, protected: true })
    await checkWhenDue(crowd)
    expect(crowd.tags()['IdleStatus']).toBe('idle')
    crowd.configure(settings)
    timePasses(crowd)
    silence(crowd, row.servers)
    const unplug = row.files ? plug(crowd) : () => {}
    try {
      for (const _ of [1, 2].slice(0, row.rounds)) {
        const checked = await checkOnce(crowd)
        const { check, code, stderr, ms } = checked
        expect([code, stderr, ms < 10_000, crowd.stops()]).toEqual([3, '', true, []])
        expect([check.verdict, check.state, check.idleSince]).toEqual(['unknown', 'active', null])
        expect(check.reason).toMatch(/^unknown, so it stays up: /)
        expect(kindsOf(checked)).toEqual(row.kinds)
        for (const { kind, reason } of check.readings) if (kind === 'unknown') expect(reason.length).toBeGreaterThan(10)
        expect(samplesIn(crowd).toSorted()).toEqual(all.toSorted())
        timePasses(crowd)
      }
    } finally {
      unplug()
    }
    mend(crowd)
    await checkWhenDue(crowd)
    expect([(await checkWhenDue(crowd)).code, crowd.stops()]).toEqual([0, ['hibernate accepted']])
  })
}
