/** Foreground jobs: who works, who only looks on, and what is progress. */
import { describe, expect, it } from 'vitest'
import { ownTerminals, readJobs } from '../../agent/sensors/jobs.ts'
import { interpreters, onlookers, shells } from '../../agent/sensors/known-programs.ts'
import { processTable } from '../../agent/sensors/processes.ts'
import { hasScript } from '../../agent/sensors/roles.ts'
import { readConnections } from '../../agent/sensors/ssh.ts'
import { keyOf, readTerminals } from '../../agent/sensors/terminals.ts'
import { createMachine, fixtureBootId, type Machine } from '../host/fixture.ts'

const signal = new AbortController().signal

async function jobs(machine: Machine) {
  const host = machine.host()
  const table = await processTable(host, signal)
  const connections = await readConnections(host, table, signal)
  return await readJobs(host, { table, terminals: await readTerminals(host, table, signal), connections }, signal)
}

async function names(machine: Machine) {
  const working = (await jobs(machine)).filter(({ prompt }) => prompt !== true)
  return working.map(({ comm, tty }) => `${comm} on ${tty}`)
}

/** What was pytest in the pane of pts/1 becomes another program. */
function instead(machine: Machine, comm: string, cmdline: readonly string[]): void {
  machine.edit('/proc/2050/stat', '(pytest)', `(${comm})`)
  machine.write('/proc/2050/cmdline', cmdline.map((word) => `${word}\0`).join(''))
}

describe('readJobs', () => {
  it('finds the test run, not the shells, the monitor or the pipeline behind tail', async () => {
    const machine = createMachine('tmux-detached')
    machine.write('/proc/2050/io', 'rchar: 700\nwchar: 30\n')
    const host = machine.host()
    const { terminals } = await readTerminals(host, await processTable(host, signal), signal)
    const on = terminals.filter(({ name }) => name === 'pts/1').map(keyOf)
    expect(await jobs(machine)).toEqual([
      {
        ...{ tty: 'pts/1', on: on[0], comm: 'pytest', pid: 2050, start: 15_600, session: 15_001 },
        ...{ ticks: 890, switches: 9103, bytes: 730, newest: 15_600 },
      },
    ])
  })

  it.each<[string, readonly string[]]>([
    ['bash', ['-bash']],
    ['bash', ['bash', '--login', '-i']],
    ['bash', ['bash', '--init-file', '/usr/lib/code/shellIntegration.sh']],
    ['zsh', ['/bin/zsh', '-il']],
    ['fish', ['fish', '--login']],
    ['python3', ['python3']],
    ['python3.11', ['python3', '-q', '-W', 'ignore']],
    ['ipython', ['/usr/bin/python3']],
    ['ipython', ['/usr/bin/python3', '/usr/bin/ipython']],
    ['ipython3', ['/home/alice/venv/bin/python', '/home/alice/venv/bin/ipython3', '--pylab']],
    ['python3', ['python3', '/opt/conda/bin/ipython']],
    ['xonsh', ['/usr/bin/python3', '/usr/bin/xonsh']],
    ['MainThread', ['node']],
    ['R', ['/usr/lib/R/bin/exec/R', '--no-save']],
    ['psql', ['psql', 'inventory', 'alice']],
    ['sqlite3', ['sqlite3', 'notes.db']],
    ['vim', ['vim', 'paper.tex']],
    ['nvidia-smi', ['nvidia-smi', '-l', '1']],
    ['ssh', ['ssh', 'other']],
    ['ssh', ['ssh', '-tAX', '-p2222', '-J', 'jump', '-o', 'User=bob', 'other', '-v', '']],
    ['ssh', ['ssh', '-vNL', '9001:127.0.0.1:9000', 'other']],
    ['sudo', ['sudo', '-i']],
    ['tmux: client', ['tmux', 'attach']],
    ['sleep', ['sleep', 'infinity']],
    ['sleep', ['/bin/sleep', 'inf']],
  ])("%s %j is nobody's job", async (comm, cmdline) => {
    const machine = createMachine('tmux-detached')
    instead(machine, comm, cmdline)
    expect(await names(machine)).toEqual([])
  })

  it.each<[string, readonly string[]]>([
    ['bash', ['bash', 'train.sh']],
    ['bash', ['bash', '-lc', 'make']],
    ['sh', ['sh', '-o', 'errexit', 'build.sh']],
    ['train.sh', ['/bin/bash', './train.sh']],
    ['python3', ['python3', 'train.py']],
    ['python3', ['python3', '-O', 'train.py']],
    ['python3', ['python3', '-m', 'train']],
    ['ipython', ['/usr/bin/python3', '/usr/bin/ipython', 'fit.py']],
    ['ipython', ['/usr/bin/python3', '-u', '/usr/bin/ipython', '-c', 'fit()']],
    ['python3', ['python3', '-c', 'node']],
    ['xonsh', ['/usr/bin/python3', '/usr/bin/xonsh', 'build.xsh']],
    ['python3', ['python3', '-c', 'import time']],
    ['python3', ['python3', '-X', 'dev', '-u', 'train.py']],
    ['MainThread', ['node', '--import', './hook.js', 'server.js']],
    ['MainThread', ['node', '--eval=1']],
    ['R', ['R', '-f', 'fit.R']],
    ['psql', ['psql', '-f', 'load.sql', 'inventory']],
    ['mysql', ['mysql', '--execute=analyze table x']],
    ['bash', []],
    ['curl', ['curl', '-O', 'https://example.org/big']],
    ['ssh', ['ssh', 'other', './long-job']],
    ['ssh', ['ssh', '-ti', 'key', '-oPort=2222', 'other', '-v', 'make', '-j']],
    ['ssh', ['ssh', '--', 'other', 'sleep 9000; true']],
    ['unheard-of', ['x']],
    ['sleep', ['sleep', '7200']],
    ['sleep', ['sleep', 'infinity', '5']],
    ['sleep', []],
  ])('%s %j is a job', async (comm, cmdline) => {
    const machine = createMachine('tmux-detached')
    instead(machine, comm, cmdline)
    expect(await names(machine)).toEqual([`${comm} on pts/1`])
  })

  it.each(['bash', 'python3', 'sleep', 'ssh', 'sshd'])(
    'takes %s with a command line that is too long to be read for a job, not for something unknown',
    async (comm) => {
      const machine = createMachine('tmux-detached')
      instead(machine, comm, [comm, 'x'.repeat(1_100_000)])
      expect(await names(machine)).toEqual(comm === 'sshd' ? [] : [`${comm} on pts/1`])
    },
  )

  it('takes an interpreter that reads a file for a job', async () => {
    const machine = createMachine('tmux-detached')
    instead(machine, 'psql', ['psql', 'inventory'])
    machine.link('/proc/2050/fd/0', '/home/alice/dump.sql')
    expect(await names(machine)).toEqual(['psql on pts/1'])
  })

  it('finds what sudo, or a shell without job control, carries', async () => {
    const machine = createMachine('tmux-detached')
    instead(machine, 'sudo', ['sudo', 'make'])
    machine.write('/proc/2051/stat', '2051 (make) S 2050 2050 2001 34817 2050 0 0 0 0 0 5 5 0 0 20 0 1 0 15700\n')
    machine.write('/proc/2051/task/2051/status', 'voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t1\n')
    expect(await jobs(machine)).toMatchObject([{ comm: 'make', pid: 2051, ticks: 900, switches: 9111, newest: 15_700 }])
  })

  it('takes no dead process for a job, and none whose group is in the background', async () => {
    const machine = createMachine('tmux-detached')
    machine.edit('/proc/2050/stat', ') S ', ') Z ')
    expect(await names(machine)).toEqual([])
    const other = createMachine('tmux-detached')
    for (const pid of [2001, 2050]) other.edit(`/proc/${pid}/stat`, ' 34817 2050 ', ' 34817 2001 ')
    expect(await names(other)).toEqual([])
  })

  it('leaves out this agent and its ancestors', async () => {
    const machine = createMachine('tmux-detached')
    machine.self = { pid: 2050, startTicks: 15_600, bootId: fixtureBootId, cpuMs: 0 }
    expect(await names(machine)).toEqual([])
    const terminals = async () => {
      const host = machine.host()
      return [...(await ownTerminals(host, await processTable(host, signal)))]
    }
    expect(await terminals()).toEqual(['pts/1'])
    machine.self = { ...machine.self, bootId: 'another-machine' }
    expect(await names(machine)).toEqual(['pytest on pts/1'])
    expect(await terminals()).toEqual([])
  })

  it('skips what ends meanwhile, and fails at what it cannot understand', async () => {
    const machine = createMachine('tmux-detached')
    machine.remove('/proc/2050/task')
    machine.write('/proc/2050/io', '')
    expect(await jobs(machine)).toMatchObject([{ switches: 0, bytes: 0 }])
    machine.forbid('/proc/2050/io')
    expect(await jobs(machine)).toMatchObject([{ bytes: 0 }])
    machine.write('/proc/2050/task/2050/status', 'State:\tS\n')
    await expect(jobs(machine)).rejects.toThrow('voluntary_ctxt_switches')
  })
})

describe('over ssh without a terminal', () => {
  interface One {
    readonly comm: string
    readonly cmdline: readonly string[]
    readonly ppid?: number
    /** That of the first one unless given. */
    readonly session?: number
    readonly ttyNr?: number
  }

  /** A connection (pid 5010) with these processes, numbered from 5020 on; the first is the command. */
  function connected(...processes: readonly One[]): Machine {
    const machine = createMachine('ssh-tunnel')
    for (const [
      index,
      { comm, cmdline, ppid = index === 0 ? 5010 : 5020, session = 5020, ttyNr = 0 },
    ] of processes.entries()) {
      const pid = 5020 + index
      const times = `0 0 0 0 0 2 1 0 0 20 0 1 0 ${18_500 + index}`
      machine.write(`/proc/${pid}/stat`, `${pid} (${comm}) S ${ppid} ${session} ${session} ${ttyNr} -1 ${times}\n`)
      machine.write(`/proc/${pid}/cmdline`, cmdline.map((word) => `${word}\0`).join(''))
      machine.link(`/proc/${pid}/fd/0`, 'pipe:[77]')
    }
    return machine
  }

  const shell: One = { comm: 'bash', cmdline: ['bash'] }
  const make: One = { comm: 'make', cmdline: ['make', 'test'] }
  const node: One = {
    comm: 'node',
    cmdline: ['/home/alice/.vscode-server/cli/servers/Stable-1a2b/server/node', 'server-main.js'],
  }

  it('finds the command, with all that it has started', async () => {
    expect(await jobs(connected({ comm: 'bash', cmdline: ['bash', '-c', 'make; make test'] }, make))).toEqual([
      {
        ...{ comm: 'bash', pid: 5020, start: 18_500, session: 18_500 },
        ...{ ticks: 6, switches: 0, bytes: 0, newest: 18_501 },
      },
    ])
  })

  it.each<[string, readonly One[], readonly string[]]>([
    ['a script', [{ comm: 'long-test.sh', cmdline: ['/bin/sh', './long-test.sh'] }], ['long-test.sh']],
    ['a program', [{ comm: 'curl', cmdline: ['curl', '-s', 'x'] }], ['curl']],
    ['a script over the connection', [{ comm: 'python3', cmdline: ['python3'] }], ['python3']],
    ['what a shell runs whose commands come over the connection', [shell, make], ['make']],
    ['a file synchronised', [{ comm: 'rsync', cmdline: ['rsync', '--server', '.'] }], ['rsync']],
    ['no shell that waits for commands', [shell], []],
    ['no login shell that waits for them', [{ comm: 'zsh', cmdline: ['-zsh'] }], []],
    ['no log to look at', [{ comm: 'tail', cmdline: ['tail', '-f', 'log'] }], []],
    ['no transfer of files', [{ comm: 'sftp-server', cmdline: ['/usr/lib/openssh/sftp-server'] }], []],
    [
      'no transfer within a shell',
      [
        { comm: 'tcsh', cmdline: ['tcsh', '-c', 'scp -t .'] },
        { comm: 'scp', cmdline: ['scp', '-t', '.'] },
      ],
      [],
    ],
    ['no bytes passed on', [{ comm: 'nc', cmdline: ['nc', 'inner', '22'] }], []],
    ["no editor's server", [shell, node], []],
    [
      "no editor's server whose name is its version",
      [shell, { comm: 'code-1a2b3c4d5e', cmdline: ['/home/alice/.cursor-server/code-1a2b3c4d5e', 'command-shell'] }],
      [],
    ],
    [
      'no server of JetBrains',
      [{ comm: 'java', cmdline: ['/home/alice/.cache/JetBrains/RemoteDev/dist/1/jbr/bin/java'] }],
      [],
    ],
    ['nothing that went into a session of its own', [shell, { ...make, ppid: 1, session: 5021 }], []],
    ['nothing with a terminal, which is judged by that', [{ ...make, ttyNr: 34_817 }], []],
    ['nothing whose connection is gone', [{ ...make, ppid: 1 }], []],
    ['no child of sshd that is not yet its command', [{ comm: 'sshd', cmdline: ['sshd: alice'] }], []],
  ])('finds %s', async (_, processes, expected) => {
    expect((await jobs(connected(...processes))).map(({ comm, tty }) => [comm, tty])).toEqual(
      expected.map((comm) => [comm, undefined]),
    )
  })

  it('does not look at what serves no connection of root’s sshd, of which there may be thousands', async () => {
    const machine = connected(make)
    machine.edit('/proc/5000/status', 'Uid:\t0', 'Uid:\t1000')
    expect(await jobs(machine)).toEqual([])
  })
})

describe('the data', () => {
  it('has names as the kernel cuts them', () => {
    for (const name of [...onlookers, ...shells]) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(15)
  })
  it('takes no common job for something else', () => {
    for (const name of ['make', 'pytest', 'rsync', 'scp', 'wget', 'cargo', 'docker', 'apt', 'pip']) {
      expect(onlookers.has(name) || shells.has(name) || interpreters.test(name)).toBe(false)
    }
  })
  it('sees no script in options alone', () => {
    expect(hasScript('bash', 'bash\0-i\0-l\0')).toBe(false)
    expect(hasScript('python3', '')).toBe(false)
  })
})
