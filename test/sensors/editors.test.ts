/** Remote editors: their servers by command lines as they are, their clients by real sockets. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Host } from '../../agent/host/host.ts'
import { createHost } from '../../agent/host/real.ts'
import { editorServerName } from '../../agent/sensors/editor-programs.ts'
import { editors } from '../../agent/sensors/editors.ts'
import type { Reading } from '../../agent/types.ts'
import { createMachine } from '../host/fixture.ts'
import { plant } from './disk-machine.ts'
import { openWindow, startEditorServer } from './editor-server.ts'
import { defaults, interval, sample } from './machine.ts'

const hasSs = spawnSync('ss', ['-V']).status === 0
const hasNetworks = spawnSync('unshare', ['--net', 'true']).status === 0
const machine = createHost({ root: '/', env: {} })

type Sample = Awaited<ReturnType<typeof editors.read>>

/** A look at this machine, at nobody's editor but the one with `pid`: another test may have one. */
async function take(pid: number, before?: Sample, host: Host = { ...machine }): Promise<Sample> {
  const { subject } = await editors.read(host, new AbortController().signal, before)
  if (subject === undefined) return {}
  return { subject: { ...subject, helpers: [], served: subject.served.filter((one) => one.pid === pid) } }
}

/** Judged as of a check every two minutes, however short the test is. */
function judge(now: Sample, before: Sample, ms = 120_000): Reading {
  return editors.judge(now, before, { span: { now: machine.clocks(), ms }, limits: defaults(editors.options) })
}

// Written from process lists in issues of microsoft/vscode (156654) and microsoft/vscode-remote-release (262, 2684), the
// start scripts of code-server and the launcher of intellij-community.
const server = '/home/u/.vscode-server/cli/servers/Stable-0ee08df0cf4527e40edc9aa28f4b5bd38bbff2b2/server'
it.each([
  [
    'VS Code over ssh',
    `${server}/node ${server}/out/server-main.js --connection-token=remotessh --start-server`,
    'VS Code server',
  ],
  [
    'the helper of VS Code over ssh',
    '/home/u/.vscode-server/code-0ee08df0cf4527e40edc9aa28f4b5bd38bbff2b2 command-shell --on-port',
    'VS Code server',
  ],
  [
    'Cursor',
    '/home/u/.cursor-server/bin/1f/node /home/u/.cursor-server/bin/1f/out/server-main.js --port 0',
    'Cursor server',
  ],
  [
    'Windsurf',
    '/home/u/.windsurf-server/bin/1f/node /home/u/.windsurf-server/bin/1f/out/server-main.js',
    'Windsurf server',
  ],
  [
    'VSCodium',
    '/home/u/.vscodium-server/bin/1f/node /home/u/.vscodium-server/bin/1f/out/server-main.js',
    'VSCodium server',
  ],
  ['openvscode-server', './node /opt/openvscode-server/out/server-main.js --port 3000', 'openvscode-server'],
  ['code-server', '/usr/lib/code-server/lib/node /usr/lib/code-server/out/node/entry', 'code-server'],
  ['code serve-web', '/usr/bin/code serve-web --port 8000', 'VS Code server'],
  ['code tunnel', '/usr/local/bin/code tunnel --accept-server-license-terms', 'VS Code tunnel'],
  [
    'IDEA of before 2024',
    '/x/jbr/bin/java -cp /x/lib/a.jar com.intellij.idea.Main cwmHostNoLobby /home/u/p',
    'JetBrains backend',
  ],
  ['PyCharm', '/home/u/.cache/JetBrains/RemoteDev/dist/1f_pycharm/bin/pycharm serverMode', 'JetBrains backend'],
  ['remote-dev-server', '/opt/idea/bin/remote-dev-server run /home/u/p', 'JetBrains backend'],
  ['an extension host', `${server}/node ${server}/out/bootstrap-fork --type=extensionHost`, undefined],
  [
    'a language server',
    `${server}/node /home/u/.vscode-server/extensions/ms-python.pylance/dist/server.bundle.js`,
    undefined,
  ],
  ['a program of somebody', 'node /home/u/app/server.js tunnel', undefined],
  ['another tool of VS Code', '/usr/bin/code --version', undefined],
  ['an IDE with its own window', '/opt/idea/bin/idea /home/u/p', undefined],
])('knows %s', (_, words, name) => {
  expect(editorServerName(words.replaceAll(' ', '\0'))?.name).toBe(name)
})

describe('extensions that nobody waits for', () => {
  const ticks = (count: number) => `900 (node) S 1 900 900 0 -1 0 0 0 0 0 ${count} 0 0 0 20 0 1 0 5 0 0\n`

  it.each([
    [
      'hold while they work',
      6000,
      'hold',
      /^an editor's extensions \(pid 900\) busy with 0\.50 cores, nobody connected$/,
    ],
    ['are idle while they watch files', 120, 'idle', /^only extensions of an editor are left, idle$/],
  ])('%s', async (_, used, kind, reason) => {
    const fixture = createMachine('debian12-vm-quiet')
    plant(fixture, { pid: 900, comm: 'node' }, '')
    fixture.write('/proc/900/stat', ticks(100))
    fixture.write('/proc/900/cmdline', '/x/node\0/x/out/bootstrap-fork\0--type=extensionHost\0')
    const reading = await interval(editors, fixture, { then: () => fixture.write('/proc/900/stat', ticks(100 + used)) })
    expect(reading).toMatchObject({ kind, reason: expect.stringMatching(reason) })
  })
})

it('loads and asks nothing for a program of somebody that only runs on node', async () => {
  const fixture = createMachine('debian12-vm-quiet')
  plant(fixture, { pid: 900, comm: 'node' }, '')
  fixture.write('/proc/900/cmdline', 'node\0app.js\0')
  expect(await sample(editors, fixture)).toEqual({})
  expect(fixture.ran).toEqual([])
})

describe.skipIf(!hasSs)('a server and its client', () => {
  it('is idle without one, holds while it is only open, and is active while somebody types', async () => {
    const editor = await startEditorServer('.vscode-server/bin/1f/out/server-main.js')
    const who = `uid ${process.getuid?.()}: VS Code server`
    const alone = await take(editor.pid)
    const reading = judge(await take(editor.pid, alone), alone)
    expect(reading).toEqual({ kind: 'idle', reason: `${who}, nobody connected (pid ${editor.pid})` })

    const window = await openWindow(editor)
    const opened = await take(editor.pid, alone)
    // A keep-alive of VS Code each 5 s in two connections: some 460 bytes a minute.
    for (let ping = 0; ping < 48; ping += 1) await window.say(19)
    const open = await take(editor.pid, opened)
    expect(judge(open, opened)).toEqual({
      kind: 'hold',
      evidence: 'connection',
      limitMinutes: 60,
      reason: `${who}, client connected and not used (pid ${editor.pid})`,
    })

    // A key is some 300 bytes.
    for (let key = 0; key < 20; key += 1) await window.say(300)
    const typed = await take(editor.pid, open)
    const now = machine.clocks().monoMs
    const used = judge(typed, open)
    expect(used).toMatchObject({ kind: 'active', reason: `${who}, client connected, 50 B/s in (pid ${editor.pid})` })
    expect('at' in used && now - (used.at ?? 0)).toBeLessThan(5000)

    window.socket.destroy()
    await expect.poll(async () => (await take(editor.pid, typed)).subject?.served[0]?.clients).toBe(0)
    const left = await take(editor.pid, typed)
    expect(judge(left, typed).kind).toBe('hold')
    expect(judge(await take(editor.pid, left), left).kind).toBe('idle')
  })

  it('does not count what a window sends by itself, however many there are', async () => {
    const editor = await startEditorServer('lib/code-server/out/node/entry')
    const window = await openWindow(editor)
    let before = await take(editor.pid)
    const host: Host = { ...machine }
    let minutes = 0
    const at = machine.clocks().monoMs
    const kinds: string[] = []
    // Eight windows: 3,600 bytes a minute, for 80 minutes.
    for (let check = 0; check < 40; check += 1) {
      await window.say(7200)
      minutes += 2
      const clocks = { ...machine.clocks(), monoMs: at + minutes * 60_000 }
      const now = await take(editor.pid, before, { ...host, clocks: () => clocks })
      kinds.push(judge(now, before).kind)
      before = now
    }
    expect(kinds[0]).toBe('active')
    expect(kinds.slice(20).every((kind) => kind === 'hold')).toBe(true)
    await window.say(60_000)
    expect(judge(await take(editor.pid, before), before).kind).toBe('active')
  })

  it.skipIf(!hasNetworks)('finds the client in the network of a container', async () => {
    const up = 'ip link set lo up && exec "$0" "$@"'
    const editor = await startEditorServer('.cursor-server/bin/1f/out/server-main.js', [
      'unshare',
      '--net',
      'sh',
      '-c',
      up,
    ])
    const say = `const s = require('node:net').connect(${editor.port}, '127.0.0.1')
      s.write('GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n')
      s.on('data', () => process.stdout.write('+'))
      process.stdin.on('data', () => s.write(Buffer.alloc(9000)))`
    const client = spawn('nsenter', [`--net=/proc/${editor.pid}/ns/net`, process.execPath, '-e', say], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    onTestFinished(() => void client.kill('SIGKILL'))
    await once(client.stdout, 'data')
    const before = await take(editor.pid)
    client.stdin.write('x')
    await once(client.stdout, 'data')
    const used = judge(await take(editor.pid, before), before)
    expect(used.reason).toMatch(/: Cursor server, client connected, 75 B\/s in \(pid \d+\)$/)
  })

  it('is unknown where the bytes are not told, and idle all the same where nobody is connected', async () => {
    const editor = await startEditorServer('.vscode-server/bin/1f/out/server-main.js')
    const without = (): Host => ({ ...machine, run: async () => undefined })
    const alone = await take(editor.pid, undefined, without())
    expect(judge(await take(editor.pid, alone, without()), alone).kind).toBe('idle')
    await openWindow(editor)
    expect(judge(await take(editor.pid, alone, without()), alone)).toEqual({
      kind: 'unknown',
      reason: `bytes of the clients of VS Code server (pid ${editor.pid}) cannot be read: ss does not tell them`,
    })
  })
})
