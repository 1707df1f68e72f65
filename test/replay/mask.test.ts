// What is taken out of a capture: nothing secret stays, and the sensors conclude the same from what stays.
import { expect, test } from 'vitest'
import { commandKey, requestKey } from '../../agent/host/look.ts'
import { createMask } from '../../agent/host/mask.ts'
import { maskCrontab } from '../../agent/host/mask-crontab.ts'
import { maskCommandLine } from '../../agent/host/mask-words.ts'
import { scriptable, sshValueLetters, tellingOptions } from '../../agent/host/telling-forms.ts'
import { editorServerName } from '../../agent/sensors/editor-programs.ts'
import {
  databaseClients,
  editorServer,
  interpreters,
  shells,
  sshValueOptions,
} from '../../agent/sensors/known-programs.ts'
import { hasRemoteCommand, hasScript } from '../../agent/sensors/roles.ts'
import { sessionTitle } from '../../agent/sensors/ssh.ts'
import { parseCrontab } from '../../agent/vetoes/crontab.ts'
import { createRandom } from '../scenarios/random.ts'

/** Everything that a sensor concludes from a command line. */
function conclusions(text: string): unknown {
  const comms = [...shells, 'python3', 'ipython3', 'node', 'R', 'gdb', 'psql', 'mysql', 'redis-cli', 'clickhouse-clie']
  return {
    scripts: comms.filter((comm) => hasScript(comm, text)),
    remote: hasRemoteCommand(text),
    forEver: /^[^\0]*\0inf(inity)?\0*$/i.test(text),
    session: sessionTitle(text),
    editor: editorServer.test(text),
    empty: text === '',
    server: editorServerName(text),
    auth: text.split('\0').includes('-auth'),
    kernel: /kernel-([\w-]{1,100})\.json/.exec(text)?.[1],
    folder: text.split('\0').some((word) => /^(?:-{1,2}[\w-]+=)?(\/.+)\/kernel-[\w-]+\.json$/.test(word)),
  }
}

// SOURCE: written after the manuals of the programs; `|` stands for the end of an argument.
const lines: readonly (readonly [line: string, masked: string])[] = [
  ['/usr/bin/mysql|-psecret|-h|db.internal|shop|', '/x/x/mysql|-px|-v|x|x|'],
  ['mysql|--password=secret|-e|select 1|', 'mysql|--px|-e|x|'],
  ['psql|-c|select secret|', 'psql|-c|x|'],
  ['redis-cli|--eval=/home/a/secret.lua|', 'redis-cli|--eval=x|'],
  ['-bash|', '-bash|'],
  ['bash|/home/alice/secret.sh|-x|', 'bash|/x/x/x|-v|'],
  ['bash|-o|vi|', 'bash|-o|x|'],
  ['bash|-lc|secret|', 'bash|-pf|x|'],
  ['/bin/sh|/usr/bin/mysql|-e|secret|', '/x/sh|/x/x/mysql|-e|x|'],
  ['python3|/usr/bin/ipython3|--pylab|', 'python3|/x/x/ipython3|--px|'],
  ['python3|-W|ignore|-m|secret_module|', 'python3|-W|x|-m|x|'],
  ['node|--require|/home/a/secret.js|', 'node|--require|/x/x/x|'],
  ['ssh|-i|/home/a/.ssh/key|-p|2222|alice@host|rm|-rf|secret|', 'ssh|-vp|/x/x/x/x|-p|x|x|x|-vf|x|'],
  ['ssh|-N|-L|8080:localhost:80|alice@host|', 'ssh|-v|-vp|x|x|'],
  ['ssh|-vvvi|/secret|host|', 'ssh|-vp|/x|x|'],
  ['sleep|infinity|', 'sleep|infinity|'],
  ['sleep|INF|', 'sleep|INF|'],
  ['sleep|3600|', 'sleep|x|'],
  ['sshd: alice@pts/3,pts/4|', 'sshd: x@pts/3,pts/4'],
  ['sshd-session: alice [priv]|', 'sshd-session: x [priv]'],
  ['sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups|', 'sshd: x [listener]'],
  ['sshd: unknown|', 'sshd: unknown'],
  ['sshd: alice@notty|', 'sshd: x'],
  [
    '/home/alice/.vscode-server/cli/servers/Stable-0f/server/node|--token=secret|',
    '/x/x/.vscode-server/x/x/x/x/node|--px|',
  ],
  ['/home/alice/.secret-server/node|', '/x/x/.x-server/node|'],
  ['/home/alice/.cache/JetBrains/RemoteDev-IU/secret/bin/ide|', '/x/x/x/JetBrains/RemoteDev-x/x/x/ide|'],
  ['nginx: master process /usr/sbin/nginx -g secret|', 'nginx:'],
  ['myapp --password /run/secret|', 'myapp'],
  ['/opt/My App/bin/python3|secret.py|', '/x/x/x/python3|x|'],
  ['slurmstepd: [123.batch]|', 'slurmstepd: [123.batch]'],
  ['/usr/lib/xorg/Xorg|:0|-auth|/run/user/1000/gdm/Xauthority|', '/x/x/x/Xorg|:0|-auth|/x|'],
  ['Xorg|:10|-auth|.Xauthority|', 'Xorg|:10|-auth|x|'],
  ['uploader|-auth|secret0123|', 'uploader|-auth|x|'],
  [
    'sh|-c|{ while true; do touch /var/secret@tmp/durable-0a1b2c3d/jenkins-log.txt; done }|',
    'sh|-c|x/x/@tmp/durable-0a1b2c3d/x|',
  ],
  ['python3|-m|ipykernel_launcher|-f|/home/alice/secret/kernel-0f1e.json|', 'python3|-m|x|-f|/x/kernel-0f1e.json|'],
  ['/usr/bin/java|-jar|/home/alice/agent.jar|-secret|0f|', '/x/x/java|-v|/x/x/agent.jar|-px|x|'],
  ['', ''],
]

test.each(lines)('the command line %s', (text, masked) => {
  const real = text.replaceAll('|', '\0')
  expect(maskCommandLine(real).replaceAll('\0', '|')).toMatch(masked === '' ? /^$/ : masked)
  expect(maskCommandLine(real).toLowerCase()).not.toMatch(/secret|alice/)
  const before = JSON.parse(JSON.stringify(conclusions(real)))
  expect(JSON.parse(JSON.stringify(conclusions(maskCommandLine(real))))).toEqual(before)
})

test('the lists that must agree do: what a role is told by is what a capture keeps', () => {
  expect(sshValueLetters).toBe(sshValueOptions)
  const cut = (name: string) => Buffer.from(name).subarray(0, 15).toString()
  expect([...shells].filter((name) => !scriptable.test(cut(name)))).toEqual([])
  const names = [
    'python3.12',
    'pypy',
    'ipython',
    'bpython',
    'node',
    'MainThread',
    'octave',
    'octave-cli',
    'lua5.4',
    'php8',
  ]
  expect([...names, 'psql', 'mongosh', 'cqlsh'].filter((name) => !scriptable.test(name))).toEqual([])
  const known = (name: string) => shells.has(name) || interpreters.test(name) || databaseClients.test(name)
  expect(['passwd', 'x', 'secret', 'python3secret'].filter((name) => scriptable.test(name) !== known(name))).toEqual([])
})

const words = [
  ...['/h/secret/kernel-0f-1.json', '--f=/h/kernel-0f.json', '-f=/h/kernel-1.json', 'kernel-2.json', '/kernel-3.json'],
  ...['sh -c /a/kernel-4.json', '/a/kernel-5.json x', '/usr/bin/jupyter-lab', 'notebook', 'jupyterlab'],
  ...['/h/.vscode-server/bin/0f/out/server-main.js', '--type=fileWatcher', 'tunnel', '/o/vscodium-1/node'],
  ...['serve-web', '/x/JetBrains/Fleet/y', 'serverMode', '-auth', '/h/.windsurf-server-next/server-main.js'],
  '/usr/lib/code-server/out/node/entry',
  ...[
    ...tellingOptions,
    '',
    'x',
    'secret',
    'inf',
    'infinity',
    '/usr/bin/ipython3',
    '/bin/bash',
    'sh',
    'mysql',
    '-psecret',
  ],
  ...['-l', '-lc', '-ic', '-i', '-Nf', '-NL', '-vvv', '-J', '-Jhost', '--norc', '--execute=secret', '--eval=1', '--fo'],
  ...[
    '--version',
    '-4p',
    '-é',
    '-$ecret',
    '+x',
    '+secret',
    '/a/.cursor-server/b',
    '/.x_server/',
    '/JetBrains/RemoteDev',
  ],
  ...[
    'a b',
    '--',
    '-',
    '-e',
    'HOST=secret',
    './run.sh',
    '~/x',
    '/',
    '//',
    '-mtrain',
    '--command=ls',
    '-pfe',
    '--rcfile=x',
  ],
]
const programs = [
  'bash',
  '-bash',
  '/bin/sh',
  'python3',
  '/usr/bin/node',
  'ssh',
  'sleep',
  'mysql',
  'redis-cli',
  'busybox',
  'code',
  '/x/code-insiders',
  'Xorg',
]

test('of 5,000 command lines, none is judged otherwise once it is masked', () => {
  const { next: random } = createRandom(7)
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  const wrong: string[] = []
  const letters = [...'abcdefghijklmnopqrstuvwxyzBDEFIJLOPQRSW-+=/.@ 0']
  for (let round = 0; round < 5_000; round += 1) {
    const odd = () => Array.from({ length: Math.floor(random() * 6) }, () => pick(letters)).join('')
    const count = Math.floor(random() * 6)
    const rest = Array.from({ length: count }, () => (random() < 0.7 ? pick(words) : odd()))
    const text = `${[pick(programs), ...rest].join('\0')}${random() < 0.9 ? '\0' : ''}`
    const masked = maskCommandLine(text)
    const same = JSON.stringify(conclusions(masked)) === JSON.stringify(conclusions(text))
    if (!same || maskCommandLine(masked) !== masked) wrong.push(`${text} -> ${masked}`.replaceAll('\0', '|'))
  }
  expect(wrong).toEqual([])
})

const mask = () => createMask({ arguments: false })

test.each([
  [
    'a Jupyter server',
    '{"port": 8888, "token": "4f6b0c1d2e3f", "password": true, "url": "http://h:1/?token=4f6b0c1d2e3f"}',
  ],
  ['a kernel', '{"shell_port": 5, "key": "4f6b0c1d2e3f", "transport": "tcp"}'],
  ['a container', '{"Config": {"Env": ["A=4f6b0c1d2e3f"], "Cmd": ["x", "4f6b0c1d2e3f"], "Labels": {"keep": "yes"}}}'],
  ['an ini file', '[x]\nuser = a\npassword = 4f6b0c1d2e3f\n'],
  ['a shell file', 'export API_KEY="4f6b0c1d2e3f"\n'],
  ['a header', 'Authorization: Bearer 4f6b0c1d2e3f\n'],
  ['a key', '-----BEGIN RSA PRIVATE KEY-----\n4f6b0c1d2e3f\n-----END RSA PRIVATE KEY-----\n'],
  ['a URL', 'origin https://alice:4f6b0c1d2e3f@host/x and http://h/y?sig=4f6b0c1d2e3f\n'],
])('%s is kept without its secret', (_, text) => {
  const own = mask()
  const kept = own.file('/home/alice/file', text)
  expect(kept).not.toContain('4f6b0c1d2e3f')
  expect(own.hide('failed: 4f6b0c1d2e3f')).toMatch(/^failed: (masked-\d+|4f6b0c1d2e3f)$/)
})

test('what the sensors need of such files stays, and a secret can be sent by its name', () => {
  const own = mask()
  const text = own.file(
    '/run/jpserver-1.json',
    '{"port": 8888, "token": "4f6b0c1d2e3f", "password": true, "labels": {"a": "b"}}',
  )
  expect(JSON.parse(text)).toEqual({ port: 8888, token: 'masked-1', password: true, labels: { a: 'x' } })
  expect(own.reveal('token masked-1')).toBe('token 4f6b0c1d2e3f')
  expect(own.reveal('token masked-2')).toBe('token masked-2')
  expect(own.hide('GET http://h/?token=4f6b0c1d2e3f failed')).toBe('GET http://h/?token=masked-1 failed')
})

// A server of one user is sent what stands in that user's file, with what was masked put back.
test.each([
  ['a runtime file', '/run/user/1001/jpserver-2.json', '{"port": 9999, "token": "masked-1"}'],
  ['one that is escaped', '/run/user/1001/jpserver-2.json', '{"port": 9999, "token": "\\u006dasked-1"}'],
  ['one that is no JSON', '/run/user/1001/jpserver-2.json', 'token = masked-1\n'],
  ['a command line', '/proc/9/cmdline', 'python3\0-f\0/tmp/masked-1/kernel-0f1e.json\0'],
  ['an X server', '/proc/9/cmdline', 'Xorg\0-auth\0masked-1\0'],
  ['a file of the kernel', '/proc/9/cgroup', '0::/user.slice/masked-1\n'],
])("%s that names another's secret as we do does not get it", (_, path, text) => {
  const own = mask()
  own.file('/run/user/1000/jpserver-1.json', '{"port": 8888, "token": "4f6b0c1d2e3f"}')
  expect(own.reveal('masked-1')).toBe('4f6b0c1d2e3f')
  expect(own.reveal(own.file(path, text))).not.toContain('4f6b0c1d2e3f')
  expect(own.reveal(own.text(text))).not.toContain('4f6b0c1d2e3f')
})

test('of a container stay no labels but those that are looked at, and nothing of its health check', () => {
  const labels = { 'idle-agent.activity': 'force', 'io.drone': 'true', 'traefik.users': 'admin:4f6b0c1d2e3f' }
  const config = { Labels: labels, Healthcheck: { Test: ['CMD-SHELL', 'mysqladmin ping -p4f6b0c1d2e3f'] } }
  const kept = mask().file('/var/lib/docker/containers/0/config.v2.json', JSON.stringify({ Config: config }))
  expect(JSON.parse(kept)).toEqual({
    Config: { Labels: { 'idle-agent.activity': 'force', 'io.drone': 'x', 'traefik.users': 'x' }, Healthcheck: {} },
  })
})

test.each(['/proc/1/environ', '/proc/self/environ', '/proc/9/task/9/environ', '/etc/shadow', '/root/.ssh/id_ed25519'])(
  '%s is never kept',
  (path) => expect(mask().isHidden(path)).toBe(true),
)

test.each([
  ['/proc/stat', 'cpu  1 2 token=12345678\n'],
  ['/sys/class/x', 'password: abcdefgh\n'],
  ['/etc/timezone', 'Europe/Berlin\n'],
  ['/proc/net/tcp', 'sl local_address\n'],
])('%s is kept as it is', (path, text) => expect(mask().file(path, text)).toBe(text))

test('users are known by name and number alone, leases without what somebody wrote', () => {
  expect(mask().file('/etc/passwd', 'alice:x:1000:1000:Alice Smith,,555:/home/alice:/bin/bash\n')).toBe(
    'alice:x:1000:1000::/home/alice:/bin/bash\n',
  )
  const lease = '{"schema":1,"id":"1000-0","reason":"the \\"secret\\" project","until":{"kind":"until","wallMs":1}}'
  expect(mask().file('/run/idle-agent/leases/1000-0', lease)).toContain('"reason":"x"')
})

// SOURCE: written after crontab(5), the last line from Debian's /etc/crontab.
const crontab = `# secret
PASSWORD=secret
CRON_TZ=Europe/Berlin
*/5 8-18/2 * jan,feb 1-5 root mysqldump -psecret shop
@daily root /root/secret.sh
17 * * * * root cd / && run-parts --report /etc/cron.hourly
`

test('a crontab is kept with its times, its zone, and whether it is housekeeping', () => {
  const kept = maskCrontab(crontab, true)
  expect(kept).not.toMatch(/secret|mysql/)
  const told = parseCrontab(kept, true)
  expect(told.map(({ zone, when }) => ({ zone, when }))).toEqual(
    parseCrontab(crontab, true).map(({ zone, when }) => ({ zone, when })),
  )
  expect(told.map(({ command }) => command)).toEqual(['x', 'x', 'x run-parts /etc/cron.hourly'])
})

test.each(['mysql -psecret -h db shop', '99 * * * * x', '* * * *', '@never x', 'x'])(
  'what is no line of a crontab is none once it is masked: %s',
  (text) => {
    for (const hasUser of [true, false]) {
      expect(() => parseCrontab(text, hasUser)).toThrow()
      expect(() => parseCrontab(maskCrontab(text, hasUser), hasUser)).toThrow()
      expect(maskCrontab(text, hasUser)).not.toContain('secret')
    }
  },
)

test('an operator who asks for arguments gets command lines whole, and nothing else', () => {
  const own = createMask({ arguments: true })
  expect(own.file('/proc/1/cmdline', 'train\0--fold\x003\0')).toBe('train\0--fold\x003\0')
  expect(own.isHidden('/proc/1/environ')).toBe(true)
  expect(own.file('/x', 'password=4f6b0c1d2e3f')).not.toContain('4f6b')
})

test('commands go by their words, those of an operator by their name, and requests without what stands in the query', () => {
  expect(commandKey(['ss', '-tinOHe'])).toBe('["ss","-tinOHe"]')
  expect(commandKey(['/opt/probe'])).toBe('["/opt/probe"]')
  expect(commandKey(['/opt/probe', '-psecret'])).toMatch(/^\["\/opt\/probe","[0-9a-f]{8}"\]$/)
  expect(commandKey(['/opt/probe', '-psecret'])).not.toBe(commandKey(['/opt/probe', '-pother']))
  const key = (url: string) => requestKey({ method: 'GET', url })
  expect(key('http://127.0.0.1:1/a?limit=5&token=secret')).toBe('GET http://127.0.0.1:1/a?limit=5&token=masked')
  expect(key('http://alice:secret@127.0.0.1:1/a')).toBe('GET http://127.0.0.1:1/a')
})
