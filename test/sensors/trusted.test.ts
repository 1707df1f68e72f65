/** Whose work a file could be, before root runs it or believes it. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../agent/config.ts'
import { UsageError } from '../../agent/errors.ts'
import { createHost } from '../../agent/host/real.ts'
import { doubtAbout } from '../../agent/sensors/trusted.ts'
import { createMemoryHost } from '../host/memory.ts'

const isRoot = process.getuid?.() === 0

/** A tree with /etc/a/file; paths begin at its top. */
function tree() {
  const root = mkdtempSync(join(tmpdir(), 'trusted-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'etc/a'), { recursive: true })
  writeFileSync(join(root, 'etc/a/file'), '')
  for (const path of ['', 'etc', 'etc/a', 'etc/a/file'])
    chmodSync(join(root, path), path.endsWith('file') ? 0o644 : 0o755)
  const at = (path: string): string => join(root, path)
  return { at, doubt: (path: string) => doubtAbout(createHost({ root, env: {} }), path) }
}

type Tree = ReturnType<typeof tree>

test.each<[string, string, (tree: Tree) => void, string | undefined]>([
  ["root's, and nobody else's", '/etc/a/file', () => {}, undefined],
  ['with dots in its path', '/etc/./a/../a//file', () => {}, undefined],
  ['one that is not there', '/etc/a/none', () => {}, '/etc/a/none is not there'],
  ['one in a folder that is not there', '/etc/b/file', () => {}, '/etc/b is not there'],
  ['one that is not named whole', 'etc/a/file', () => {}, 'etc/a/file is not given by its whole path'],
  [
    'one that its group may write',
    '/etc/a/file',
    ({ at }) => chmodSync(at('etc/a/file'), 0o664),
    '/etc/a/file can be written by others than its owner',
  ],
  [
    'one in a folder that everybody may write',
    '/etc/a/file',
    ({ at }) => chmodSync(at('etc/a'), 0o1777),
    '/etc/a can be written by others than its owner',
  ],
  [
    'a link to one that everybody may write',
    '/etc/link',
    ({ at }) => {
      chmodSync(at('etc/a/file'), 0o666)
      symlinkSync('a/file', at('etc/link'))
    },
    '/etc/a/file can be written by others than its owner',
  ],
  [
    'through a link to a folder, from its beginning',
    '/etc/link/file',
    ({ at }) => symlinkSync('/etc/a', at('etc/link')),
    undefined,
  ],
  [
    'through a link and back through it',
    '/etc/link/../a/file',
    ({ at }) => {
      mkdirSync(at('etc/b/c'), { recursive: true })
      symlinkSync('b/c', at('etc/link'))
    },
    '/etc/b/a is not there',
  ],
  ['a loop', '/etc/x', ({ at }) => symlinkSync('x', at('etc/x')), '/etc/x leads through too many links'],
])('%s', async (_, path, change, expected) => {
  const made = tree()
  change(made)
  expect(await made.doubt(path)).toBe(expected)
})

test.runIf(isRoot).each([
  ['a file', 'etc/a/file'],
  ['a folder', 'etc/a'],
])("%s of somebody else's", async (_, path) => {
  const made = tree()
  chownSync(made.at(path), 1000, 1000)
  expect(await made.doubt('/etc/a/file')).toBe(`/${path} belongs to uid 1000`)
})

const FILE = '/etc/idle-agent/config.yaml'
const CACHE = '/state/config.json'
const text = 'idle_detection:\n  commands: [{ argv: [/bin/probe] }]\n'

/** Loads a configuration with these facts, after it was compiled while it was root's alone. */
async function loaded(facts: { readonly uid?: number; readonly mode?: number }, file = text) {
  const host = createMemoryHost({ files: { [FILE]: file } })
  const source = { path: FILE, explicit: false, cachePath: CACHE }
  host.files.write(CACHE, (await loadConfig(host, source)).cache ?? '')
  host.files.touch(FILE, facts)
  return loadConfig(host, source)
}

test.each([
  ['that belongs to a user', { uid: 1000 }, 'belongs to uid 1000'],
  ['that its group may write', { mode: 0o664 }, 'can be written by others than its owner'],
])('commands of a configuration %s are refused, compiled or not', async (_, facts, why) => {
  const refused = await loaded(facts).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(UsageError)
  expect(String(refused)).toMatch(
    new RegExp(`${FILE} idle_detection.commands: not taken, since root .* ${FILE} ${why};`),
  )
})

test.runIf(isRoot)('a file that is named from the current folder is one of that folder', async () => {
  const before = process.cwd()
  const made = mkdtempSync(join('/root', 'trusted-'))
  onTestFinished(() => {
    process.chdir(before)
    rmSync(made, { recursive: true })
  })
  writeFileSync(join(made, 'own.yaml'), text)
  process.chdir(made)
  const host = createHost({ root: '/', env: {} })
  const path = 'own.yaml'
  expect((await loadConfig(host, { path, explicit: true })).config.lists.get('commands')).toEqual([
    { argv: ['/bin/probe'] },
  ])
  chmodSync(path, 0o666)
  await expect(loadConfig(host, { path, explicit: true })).rejects.toThrow(`${made}/own.yaml can be written by others`)
})

test('one without commands may be anybody’s, and with them is taken where it is root’s', async () => {
  const other = await loaded({ uid: 1000 }, 'idle_detection:\n  processes: [{ name: train }]\n')
  expect([...other.config.lists.keys()]).toEqual(['processes'])
  expect((await loaded({})).config.lists.get('commands')).toEqual([{ argv: ['/bin/probe'] }])
})
