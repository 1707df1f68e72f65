// Everything else that may run on a machine (subjects.ts), as its servers, sockets and commands answer in every wrong way: said, in time, and never idle by that.
import { expect, test } from 'vitest'
import { type Crowd, canEnter, startCrowd } from '../cell.ts'
import { displayAnswers } from '../display-server.ts'
import { type Acted, checkOnce, checkWhenDue, makeDue, timePasses, wasStarved } from '../due.ts'
import { insteadOfCommand, truncated } from '../faulty.ts'
import { answers } from '../notebook-server.ts'
import { startContainersAnew, subjectCommands, subjectScripts, subjectSettings } from '../subjects.ts'

const slow = { timeout: 240_000 }
const concurrent = test.skipIf(!canEnter).concurrent
const guarded = { ...subjectSettings, protected: true }

interface Row {
  readonly sensor: string
  /** The kind of reading that is right, and what is said, by the beginning of the fault's name. */
  readonly right: Readonly<Record<string, readonly [kind: string, says: RegExp]>>
}

function readingOf({ check }: Acted, sensor: string): readonly [kind: string, reason: string] {
  const { kind = 'none', reason = '' } = check.readings.find((one) => one.sensor === sensor) ?? {}
  return [kind, reason]
}

/** Starts one that is idle by all its sources; protected, so that it stays. */
async function startIdle(close: (work: () => Promise<void>) => void): Promise<Crowd> {
  const crowd = await startCrowd()
  close(() => crowd.close())
  await makeDue(crowd)
  crowd.configure(guarded)
  await becomesIdle(crowd)
  return crowd
}

async function becomesIdle(crowd: Crowd): Promise<void> {
  const told: string[] = []
  for (let tries = 0; tries < 3; tries += 1) {
    const { check } = await checkWhenDue(crowd)
    if (check.verdict === 'idle') return
    told.push(check.reason)
  }
  throw new Error(`three checks after the fault the machine is not idle: ${told.join('; ')}`)
}

async function expectRight(crowd: Crowd, { sensor, right }: Row, fault: string): Promise<void> {
  const [, [kind, says] = ['unknown', /^$/] as const] =
    Object.entries(right).find(([beginning]) => fault.startsWith(beginning)) ?? []
  // Which may act, but for what is unknown; a hold of no minutes is none.
  crowd.configure(kind === 'unknown' ? subjectSettings : guarded)
  startContainersAnew(crowd)
  timePasses(crowd)
  const checked = await checkOnce(crowd)
  crowd.configure(guarded)
  expect([fault, checked.code, checked.stderr]).toEqual([fault, wasStarved(checked) ? 3 : 0, ''])
  expect([fault, ...readingOf(checked, sensor)]).toEqual([fault, kind, expect.stringMatching(says)])
  expect([fault, crowd.stops(), checked.ms < 10_000]).toEqual([fault, [], true])
}

const notebook: Row = {
  sensor: 'notebooks',
  // The kernel's process tells the rest, and holds for a while.
  right: { '': ['hold', /^uid 1000: .*kernel.* whose server does not tell whether it works \(pid 7201\)$/] },
}

/** Its server is a user's own, who could keep it silent for ever: it holds for a day. */
const display: Row = {
  sensor: 'desktops',
  right: {
    hanging: [
      'hold',
      /^uid 1000: desktop, Xorg \(pid 7100\) cannot be asked: X display 10: it does not answer in time$/,
    ],
    huge: ['hold', /X display 10: it says more than 262144 bytes$/],
    'garbage: a page': ['hold', /X display 10: /],
    '': ['hold', /X display 10: its answer is cut off$/],
  },
}

concurrent('a server of Jupyter answers in every wrong way: held by its kernel', slow, async ({ onTestFinished }) => {
  const crowd = await startIdle(onTestFinished)
  for (const fault of Object.keys(answers) as (keyof typeof answers)[]) {
    if (fault === 'as it should') continue
    crowd.notebook.answer = fault
    await expectRight(crowd, notebook, fault)
    crowd.notebook.answer = 'as it should'
    await becomesIdle(crowd)
  }
})

concurrent('an X display answers in every wrong way: never idle by that', slow, async ({ onTestFinished }) => {
  const crowd = await startIdle(onTestFinished)
  for (const fault of Object.keys(displayAnswers) as (keyof typeof displayAnswers)[]) {
    if (fault === 'as it should') continue
    crowd.display.answer = fault
    await expectRight(crowd, display, fault)
    crowd.display.answer = 'as it should'
    await becomesIdle(crowd)
  }
})

const probe = /^the command probe (cannot be asked: |ended with |is not run: )/
const bytes = /^bytes of the clients of VS Code server \(pid 7000\) cannot be read: ss does not tell them$/

/** The commands that are asked for what runs here. */
const byCommands: readonly (Row & { readonly command: keyof typeof subjectScripts })[] = [
  {
    ...{ command: 'ss', sensor: 'editors' },
    right: {
      hanging: ['unknown', /^ss did not end within \d+ ms$/],
      // The server is a user's own.
      '': ['hold', bytes],
    },
  },
  {
    ...{ command: 'ss', sensor: 'services' },
    right: {
      hanging: ['unknown', /^ss did not end within \d+ ms$/],
      'garbage: nothing': ['idle', /on port 8443/],
      huge: ['unknown', /there are more connections than are read/],
      'garbage: binary': ['unknown', /ss/],
      truncated: ['unknown', /ss/],
      '': ['unknown', /1 client on port 8443 \(inference\), and without ss nobody can tell/],
    },
  },
  {
    ...{ command: 'dcv', sensor: 'desktops' },
    // Where the command is not there, no DCV is installed; where it says nothing there is no session.
    right: {
      missing: ['idle', /nobody connected/],
      'garbage: nothing': ['idle', /nobody connected/],
      '': ['unknown', /^DCV cannot be asked: /],
    },
  },
  {
    ...{ command: 'podman', sensor: 'containers' },
    // Podman's own files are all there is to go by where it is not there.
    right: {
      missing: ['idle', /none at work/],
      '': ['unknown', /^labels of the container ffffffffffff cannot be read: |^containers: no answer within/],
    },
  },
  { ...{ command: 'head', sensor: 'notebooks' }, right: notebook.right },
  {
    ...{ command: 'probe', sensor: 'commands' },
    // By its exit code, whatever it prints: 0 is yes, 1 is no.
    right: {
      garbage: ['active', /^the command probe says/],
      truncated: ['idle', /^not needed, says probe$/],
      'unreadable: fails': ['idle', /^not needed, says probe$/],
      '': ['unknown', probe],
    },
  },
]

for (const row of byCommands) {
  concurrent(`command ${row.command} (${row.sensor}): never idle by a fault`, slow, async ({ onTestFinished }) => {
    const crowd = await startIdle(onTestFinished)
    const faults = { ...insteadOfCommand, 'truncated: in the middle': truncated(subjectScripts[row.command]) }
    for (const [fault, script] of Object.entries(faults)) {
      // Two of a kind, each tried in command-faults.ts.
      if (fault === 'hanging: asleep' || fault === 'huge: endless bytes') continue
      crowd.command(row.command, script)
      await expectRight(crowd, row, fault)
      subjectCommands(crowd)
      await becomesIdle(crowd)
    }
  })
}
