// The agent's own files: a folder that is full or read-only, and something else in the place of each of them.
import { spawnSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { acted, fastest, type Machine, startMachine } from '../machine.ts'
import { canMount, inNamespace } from '../namespace.ts'

/** What CreateTags was asked to write as IdleReason, call by call; `undefined` where it was not among them. */
function reasons(machine: Machine): readonly (string | undefined)[] {
  return machine.cloud.requests.list({ server: 'api', action: 'CreateTags' }).map(({ params }) => {
    const key = Object.keys(params).find((name) => params[name]?.endsWith(':IdleReason'))
    return key === undefined ? undefined : params[key.replace('Key', 'Value')]
  })
}

for (const { name, breaks, mends, words } of [
  {
    name: 'full',
    breaks: 'cat /dev/zero > /var/lib/idle-agent/filler 2>/dev/null',
    mends: 'rm /var/lib/idle-agent/filler',
    words: /no space left on the device/,
  },
  {
    name: 'read-only',
    breaks: 'mount -o remount,ro /var/lib/idle-agent',
    mends: 'mount -o remount,rw /var/lib/idle-agent',
    words: /the file system is read-only/,
  },
]) {
  test
    .skipIf(!canMount)
    .concurrent(
      `a state folder that is ${name}: 5, in the status and once in a tag; acted on once it is mended`,
      { timeout: 120_000 },
      async ({ onTestFinished }) => {
        const machine = await startMachine({ settings: fastest })
        onTestFinished(() => machine.close())
        chmodSync(machine.folder, 0o755)
        const check = 'sleep 1.8; agent check --act --json $observed'
        const isDone = `grep -q '"hibernate","result":"done"' /run/last`
        const untilActed = `for n in $(seq 12); do ${isDone} && break; ${check} > /run/last; done; ${isDone}`
        const [, first, , broken, told, still, mended, gone, end] = await inNamespace(machine, [
          'mkdir /var/lib/idle-agent && mount -t tmpfs -o size=256k,mode=700 tmpfs /var/lib/idle-agent',
          'agent check --act --json $observed',
          breaks,
          check,
          'nobody /run/agent status',
          `${check}; ${check}; ${check}`,
          `${mends}; ${check} > /run/last`,
          'nobody /run/agent status',
          untilActed,
        ])
        expect([first?.code, broken?.code, still?.code]).toEqual([0, 5, 5])
        expect(broken?.out).toMatch(/^idle-agent: cannot .*\/var\/lib\/idle-agent/)
        expect(broken?.out).toMatch(words)
        expect([told?.code, told?.out]).toEqual([
          0,
          expect.stringMatching(/^idle-agent has not worked since .* UTC .*: cannot /),
        ])
        expect(told?.out).toMatch(words)
        expect(told?.out).toMatch(/last check/)
        expect([mended?.code, gone?.out]).toEqual([0, expect.not.stringContaining('has not worked')])
        expect([end?.code, machine.stops()]).toEqual([0, ['hibernate accepted']])
        // Once over all the checks that failed, and gone with the first that did not.
        const all = reasons(machine)
        expect(all.filter((text) => text?.startsWith('fault: cannot '))).toHaveLength(1)
        expect([all[0], all[1], all.at(-1)]).toEqual(['', expect.stringMatching(/^fault: .*\/var\/lib/), ''])
      },
    )
}

test
  .skipIf(!canMount)
  .concurrent(
    'a state folder that was full from the start: told, too',
    { timeout: 60_000 },
    async ({ onTestFinished }) => {
      const machine = await startMachine({ settings: fastest })
      onTestFinished(() => machine.close())
      chmodSync(machine.folder, 0o755)
      const [, broken, still, told, json] = await inNamespace(machine, [
        'mkdir /var/lib/idle-agent && mount -t tmpfs -o size=4k,mode=700 tmpfs /var/lib/idle-agent; cat /dev/zero > /var/lib/idle-agent/filler 2>/dev/null',
        'agent check --act --json $observed',
        'agent check --act --json $observed; agent check --act --json $observed',
        'nobody /run/agent status',
        'nobody /run/agent status --json',
      ])
      expect([broken?.code, still?.code, told?.code]).toEqual([5, 5, 0])
      expect(told?.out).toMatch(/^idle-agent has not worked since .*no space left/)
      expect(JSON.parse(json?.out ?? '')).toMatchObject({ schema: 'idle-agent.status.v1', fault: { tagged: true } })
      expect(reasons(machine)).toEqual(['', expect.stringMatching(/^fault: /)])
    },
  )

const things: Readonly<Record<string, (path: string) => void>> = {
  'a folder with something in it': (path) => {
    mkdirSync(path)
    writeFileSync(join(path, 'mine'), 'x')
  },
  'a link in circles': (path) => symlinkSync(path, path),
  'a link to a folder': (path) => symlinkSync('/etc', path),
  'a pipe': (path) => void spawnSync('mkfifo', [path]),
}

const ownFiles = [
  ...['state.json', 'config.json', 'intents.jsonl', 'history.jsonl'],
  ...['run/status.json', 'run/resumed_at', 'log/audit.jsonl'],
]

for (const [thing, put] of Object.entries(things)) {
  test.concurrent(`${thing} in the place of each of its files: put aside, told, and the machine is stopped in the end`, {
    timeout: 90_000,
  }, async ({ onTestFinished }) => {
    const machine = await startMachine({ settings: fastest })
    onTestFinished(() => machine.close())
    await machine.check()
    for (const _ of [1, 2]) {
      for (const name of ownFiles) {
        rmSync(join(machine.stateDir, name), { recursive: true, force: true })
        put(join(machine.stateDir, name))
      }
      // A changed configuration is compiled anew, and its compiled form stored.
      machine.configure({ ...fastest, boot_grace_minutes: 0.001 * _ })
      const ran = await machine.check()
      expect([ran.code, ran.check.verdict]).toEqual([0, 'unknown'])
      expect(ran.check.notes).toContainEqual(expect.stringMatching(/state\.json cannot be used .*starting without it/))
      expect(ran.check.notes).toContainEqual(expect.stringMatching(/resumed_at was no file and is put aside/))
    }
    await machine.until(acted)
    expect(machine.stops()).toEqual(['hibernate accepted'])
    for (const name of ownFiles) {
      if (name === 'run/resumed_at') continue
      expect([name, lstatSync(join(machine.stateDir, name)).isFile()]).toEqual([name, true])
    }
    expect(machine.intents().at(-1)).toMatchObject({ phase: 'accepted' })
    expect(machine.audit().at(-1)).toMatchObject({ action: 'hibernate', result: 'done' })
  })
}

test.concurrent('an audit log that has grown large is made small by the next deed, and what was done is still in it', {
  timeout: 30_000,
}, async ({ onTestFinished }) => {
  const machine = await startMachine({ settings: fastest })
  onTestFinished(() => machine.close())
  const at = new Date().toISOString()
  const done = `{"at":"${at}","action":"stop","result":"done","detail":"accepted: long ago"}\n`
  const refused = `{"at":"${at}","action":"stop","result":"refused","detail":"${'x'.repeat(100)}"}\n`
  mkdirSync(join(machine.stateDir, 'log'), { recursive: true })
  writeFileSync(join(machine.stateDir, 'log/audit.jsonl'), done + refused.repeat(1_048_500 / refused.length))
  expect((await machine.check()).code).toBe(0)
  const audit = machine.audit()
  expect(audit).toHaveLength(15)
  expect(audit[0]).toMatchObject({ action: 'stop', result: 'done' })
  expect(audit[13]).toMatchObject({ result: 'refused', times: Math.floor(1_048_500 / refused.length) - 12, until: at })
  expect(audit[14]).toMatchObject({ action: 'tag', result: 'done' })
})
