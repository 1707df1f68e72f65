// Exit codes, and where output goes: stdout holds the answer alone, stderr everything else.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { executable, fastest, type Machine, startMachine, startProgram } from '../machine.ts'

const slow = { timeout: 120_000 }
const patient = { timeout: 60_000, interval: 100 }

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '')
}

for (const { name, args, says } of [
  { name: 'no command', args: [], says: [/say what to do: check, status/] },
  { name: 'an unknown command', args: ['stop'], says: [/there is no command "stop": check/] },
  { name: 'a name that every object has', args: ['constructor'], says: [/there is no command "constructor"/] },
  { name: 'a terminal escape as command', args: ['\u001b[2Jx'], says: [/there is no command "\?\[2Jx"/] },
  {
    name: 'unknown flags',
    args: ['check', '--force', 'now'],
    says: [/does not know "--force"/, /does not know "now"/],
  },
  { name: 'a flag without its value', args: ['check', '--root'], says: [/--root needs a value/] },
  { name: 'status with an argument', args: ['status', 'all'], says: [/status takes no arguments/] },
  { name: 'keep without an end', args: ['keep'], says: [/say until when/] },
  { name: 'keep with two ends', args: ['keep', '--for', '1h', '--pid', '1'], says: [/exclude each other/] },
  { name: 'keep for no time', args: ['keep', '--for', '0h'], says: [/--for: "0h" is no time at all/] },
  { name: 'keep for a process that is not', args: ['keep', '--pid', '4194999'], says: [/4194999/] },
  { name: 'release of what is no lease', args: ['release', '--everything'], says: [/there is no option --everything/] },
  { name: 'config without what', args: ['config'], says: [/usage: idle-agent config check/] },
  { name: 'help with what is no command', args: ['help', 'me'], says: [/there is no command "me"/] },
  { name: 'help with two commands', args: ['help', 'check', 'keep'], says: [/help takes one command/] },
  { name: 'help for what is no command', args: ['stop', '--help'], says: [/there is no command "stop"/] },
  { name: 'version with an argument', args: ['version', 'extra'], says: [/version takes no arguments, got extra/] },
  { name: 'run with an argument', args: ['run', 'once'], says: [/run takes no arguments/] },
] as const) {
  test.concurrent(`2, and nothing on stdout: ${name}`, slow, async ({ onTestFinished }) => {
    const machine = await startMachine()
    onTestFinished(() => machine.close())
    mkdirSync(machine.stateDir)
    const flags = args.at(-1) === '--root' ? [] : machine.flags
    const ran = await machine.run(...flags, ...args)
    expect([ran.code, ran.stdout]).toEqual([2, ''])
    const told = linesOf(ran.stderr)
    expect(told.map((line) => /^idle-agent: /.test(line))).toEqual(told.map(() => true))
    for (const words of says) expect(ran.stderr).toMatch(words)
    expect([...ran.stderr].every((character) => character === '\n' || character >= ' ')).toBe(true)
  })
}

test.concurrent('2 for a wrong configuration: every problem, nothing written', slow, async ({ onTestFinished }) => {
  const machine = await startMachine()
  onTestFinished(() => machine.close())
  writeFileSync(
    machine.configPath,
    'idle_detection:\n  idle_treshold_minutes: 5\n  hibernate_threshold_minutes: -1\n  action: sleep\n',
  )
  const acting = ['check', '--act', '--json', ...machine.flags]
  for (const args of [acting, ['check', ...machine.flags], ['run', ...machine.flags]]) {
    const ran = await machine.run(...args)
    expect([ran.code, ran.stdout, linesOf(ran.stderr).length]).toEqual([2, '', 3])
    for (const line of [2, 3, 4]) expect(ran.stderr).toMatch(new RegExp(`config\\.yaml:${line}\\b`))
    expect(ran.stderr).toContain('idle_threshold_minutes')
  }
  expect(existsSync(machine.stateDir)).toBe(false)
  expect(machine.cloud.requests.counts().total).toBe(0)
})

test.concurrent('2 for a malformed endpoint', slow, async ({ onTestFinished }) => {
  const machine = await startMachine()
  onTestFinished(() => machine.close())
  machine.env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'localhost:80' }
  const ran = await machine.run('check', ...machine.flags)
  expect([ran.code, ran.stdout]).toEqual([2, ''])
  expect(ran.stderr).toMatch(/AWS_EC2_METADATA_SERVICE_ENDPOINT: 'localhost:80' is not an endpoint/)
})

for (const { name, fault } of [
  { name: 'hangs', fault: { kind: 'hang' } },
  { name: 'answers a byte a second', fault: { kind: 'drip', msPerByte: 1000 } },
  { name: 'resets', fault: { kind: 'refuse' } },
  { name: 'answers nonsense', fault: { kind: 'garbage' } },
] as const) {
  test.concurrent(
    `3 within 10 s where metadata ${name}; state and status are kept`,
    slow,
    async ({ onTestFinished }) => {
      const machine = await startMachine()
      onTestFinished(() => machine.close())
      const before = await machine.check()
      expect(before.code).toBe(0)
      machine.cloud.faults.add({ server: 'metadata', fault })
      const [byHand, blind] = [await machine.run('check', '--json', ...machine.flags), await machine.check()]
      for (const { code, ms } of [byHand, blind]) expect([code, ms < 10_000]).toEqual([3, true])
      expect(blind.check).toMatchObject({ verdict: 'idle', host: { id: 'i-0a1b2c3d4e5f60718' } })
      expect(blind.check.vetoes).toMatchObject([
        { name: 'metadata', reason: expect.stringContaining('no cloud action') },
      ])
      expect(machine.status()).toMatchObject({ verdict: 'idle', vetoes: [{ name: 'metadata' }] })
      machine.cloud.faults.clear()
      expect((await machine.check()).code).toBe(0)
    },
  )
}

test.concurrent('3 within 10 s where metadata has never answered', slow, async ({ onTestFinished }) => {
  const machine = await startMachine()
  onTestFinished(() => machine.close())
  machine.cloud.faults.add({ server: 'metadata', fault: { kind: 'hang' } })
  const first = await machine.check()
  expect([first.code, first.ms < 10_000, first.check.host.id]).toEqual([3, true, null])
  expect(first.tags).toEqual({})
  machine.cloud.faults.clear()
  const second = await machine.check()
  // When it was started is known only now, and may have been since: nothing of before is counted.
  expect([second.code, second.check.state, second.tags['IdleStatus']]).toEqual([0, 'active', 'active'])
  expect(second.check.reason).toContain('only now the provider tells')
})

function lockEntries(machine: Machine): readonly string[] {
  const folder = join(machine.stateDir, 'lock')
  return existsSync(folder) ? readdirSync(folder) : []
}

test.concurrent('4 while another check works, and nothing on stdout', slow, async ({ onTestFinished }) => {
  const machine = await startMachine()
  onTestFinished(() => machine.close())
  machine.cloud.faults.add({ server: 'metadata', fault: { kind: 'delay', ms: 800 }, times: 2 })
  const first = machine.start('check', '--act', '--json', ...machine.flags)
  while (lockEntries(machine).length === 0) await sleep(10)
  // Held there, however long the other one takes to start.
  first.child.kill('SIGSTOP')
  const heldSince = performance.now()
  const second = await machine.run('check', '--act', '--json', ...machine.flags)
  expect([second.code, second.stdout]).toEqual([4, ''])
  expect(second.stderr).toMatch(new RegExp(`another check \\(pid ${first.child.pid}\\) holds the lock`))
  first.child.kill('SIGCONT')
  const heldMs = performance.now() - heldSince
  // The identity has 3 s, and one more request takes 0.8: where it was held for longer, metadata may be unknown.
  expect(heldMs < 1_800 ? [0] : [0, 3]).toContain((await first.done).code)
  expect(lockEntries(machine)).toEqual([])
})

test.concurrent(
  '0 and the standing verdict while another check waits for its due time',
  slow,
  async ({ onTestFinished }) => {
    const settings = { ...fastest, hibernate_threshold_minutes: 0.17, check_interval_minutes: 0.12 }
    const machine = await startMachine({ settings })
    onTestFinished(() => machine.close())
    await machine.check()
    await sleep(4_500)
    // Due 10.2 s after the first check, and a check waits for at most an interval, 7.2 s.
    const first = machine.start('check', '--act', '--json', ...machine.flags)
    while (!lockEntries(machine).some((name) => name.endsWith('.waiting'))) await sleep(10)
    const second = await machine.run('check', '--act', '--json', ...machine.flags)
    const third = await machine.run('check', '--act', ...machine.flags)
    expect(first.child.exitCode).toBeNull()
    const standing: unknown = JSON.parse(second.stdout)
    expect([second.code, second.stderr]).toEqual([0, ''])
    expect(standing).toMatchObject({ schema: 'idle-agent.check.v1', verdict: 'idle', state: 'idle', actions: [] })
    expect([third.code, third.stdout]).toEqual([0, expect.stringMatching(/^another check waits .* nothing needed/)])
    expect((await first.done).code).toBe(0)
    expect(machine.stops()).toEqual(['hibernate accepted'])
    expect(lockEntries(machine)).toEqual([])
  },
)

test.concurrent(
  '5 where the state folder is a file, or below one, or cannot be made',
  slow,
  async ({ onTestFinished }) => {
    const machine = await startMachine()
    onTestFinished(() => machine.close())
    const file = join(machine.folder, 'file')
    writeFileSync(file, 'mine')
    const rest = ['--root', machine.root, '--config', machine.configPath]
    for (const stateDir of [file, join(file, 'below'), '/proc/idle-agent']) {
      const ran = await machine.run('check', '--act', '--json', '--state-dir', stateDir, ...rest)
      expect([stateDir, ran.code, ran.stdout]).toEqual([stateDir, 5, ''])
      expect(ran.stderr).toContain(stateDir)
      expect(ran.stderr).not.toContain('this is a bug')
    }
    expect(machine.cloud.requests.counts({ server: 'api' }).total).toBe(0)
  },
)

test.concurrent('5 where no check has run, and says what to do', slow, async ({ onTestFinished }) => {
  const machine = await startMachine()
  onTestFinished(() => machine.close())
  const ran = await machine.run('status', ...machine.flags)
  expect([ran.code, ran.stdout]).toEqual([5, ''])
  expect(ran.stderr).toMatch(/no check has run since boot; run "sudo idle-agent check --act"/)
})

test.concurrent(
  'a state that cannot be read is set aside, told, and counts as none',
  slow,
  async ({ onTestFinished }) => {
    const machine = await startMachine()
    onTestFinished(() => machine.close())
    await machine.check()
    for (const text of ['', '{"schema":', '{"schema":"idle-agent.state.v9"}', 'null', '\u0000\u0000']) {
      writeFileSync(join(machine.stateDir, 'state.json'), text)
      const ran = await machine.check()
      expect([text, ran.code, ran.check.verdict, ran.check.notes?.length]).toEqual([text, 0, 'unknown', 1])
      expect(ran.check.notes?.[0]).toContain('starting without it')
      expect(readdirSync(machine.stateDir)).toContain('state.json.corrupt')
    }
  },
)

test.concurrent('help and version are answers: 0, on stdout', slow, async ({ onTestFinished }) => {
  const machine = await startMachine()
  onTestFinished(() => machine.close())
  const answers = [['help'], ['--help'], ['check', '--help'], ['help', 'check'], ['version'], ['--version']]
  for (const args of [...answers, ['version', '--json']]) {
    const ran = await machine.run(...args)
    expect([args, ran.code, ran.stderr, ran.stdout.length > 20]).toEqual([args, 0, '', true])
  }
})

test.concurrent('5 where nothing can be printed: an answer that nobody gets is none', slow, async () => {
  for (const args of ['help', 'help keep', 'version', 'config schema']) {
    const ran = await startProgram('/bin/sh', ['-c', `exec ${executable} ${args} > /dev/full`], {}).done
    expect([args, ran.code, ran.stderr]).toEqual([
      args,
      5,
      expect.stringMatching(/^idle-agent: cannot print: .*no space/),
    ])
  }
})

test.concurrent('a reader that goes away is no bug', slow, async ({ onTestFinished }) => {
  const machine = await startMachine()
  onTestFinished(() => machine.close())
  const started = machine.start('config', 'schema', ...machine.flags)
  started.child.stdout?.destroy()
  const ran = await started.done
  expect([ran.code, ran.stderr]).toEqual([0, ''])
})

test.concurrent(
  'run checks on its interval, goes on after a failure, and ends when told to',
  slow,
  async ({ onTestFinished }) => {
    // It begins anew only where 2 s are left until the next check.
    const settings = { ...fastest, check_interval_minutes: 0.1, hibernate_threshold_minutes: 0.2 }
    const machine = await startMachine({ settings })
    const resident = machine.start('run', ...machine.flags)
    onTestFinished(async () => {
      resident.child.kill('SIGKILL')
      await machine.close()
    })
    let printed = ''
    resident.child.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
    const printedLines = async (count: number): Promise<readonly string[]> => {
      await vi.waitFor(() => expect(linesOf(printed).length).toBeGreaterThanOrEqual(count), patient)
      return linesOf(printed)
    }
    await printedLines(1)
    // What its first check needed it has given back, by beginning anew in its own place: after a later one where little time was left.
    const environment = (): string => readFileSync(`/proc/${resident.child.pid}/environ`, 'latin1')
    await vi.waitFor(() => expect(environment()).toContain('IDLE_AGENT_SCHEDULE='), patient)
    const checks = linesOf(printed).length
    machine.configure({ ...settings, hibernate_threshold_minutes: 0 })
    await printedLines(checks + 1)
    machine.configure(settings)
    const told = await printedLines(checks + 3)
    expect(told[0]).toMatch(/^\d{4}-.*Z unknown \(active\): first look/)
    expect(told[checks]).toMatch(/this check failed, the next one follows: .*hibernate_threshold_minutes/)
    await machine.cloud.waitForState('stopped')
    resident.child.kill('SIGTERM')
    expect((await resident.done).stderr).toBe('')
    expect(machine.stops()[0]).toBe('hibernate accepted')
  },
)
