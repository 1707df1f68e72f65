// The store on a real disk: whole or not at all, never through a link, never a leftover.
import { execFileSync, spawn } from 'node:child_process'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostError } from '../../agent/errors.ts'
import { createHost } from '../../agent/host/real.ts'

const { store, self } = createHost({ root: '/', env: {} })
let dir: string
let path: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'real-store-'))
  path = join(dir, 'state.json')
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

const modeOf = (file: string) => lstatSync(file).mode & 0o7777

describe('replace', () => {
  it('writes the text with its mode whatever the umask, and leaves only the file', async () => {
    const umask = process.umask(0o077)
    await store.replace(path, 'one', 0o644)
    process.umask(umask)
    await store.replace(path, 'two', 0o644)
    expect([await store.read(path), modeOf(path), readdirSync(dir)]).toEqual(['two', 0o644, ['state.json']])
  })

  it('replaces a link and leaves its target alone', async () => {
    writeFileSync(join(dir, 'target'), 'kept')
    symlinkSync(join(dir, 'target'), path)
    await store.replace(path, 'new', 0o600)
    expect(readFileSync(join(dir, 'target'), 'utf8')).toBe('kept')
    expect(lstatSync(path).isFile()).toBe(true)
  })

  it('does many at once without mixing them', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(10_000))
    await Promise.all(texts.map((text) => store.replace(path, text, 0o600)))
    expect(texts).toContain(await store.read(path))
    expect(readdirSync(dir)).toEqual(['state.json'])
  })

  it('removes what a killed process left, and not what a live one writes', async () => {
    const live = `.state.json.${self.pid}-${self.startTicks}-999.tmp`
    const left = ['.state.json.999999999-5-0.tmp', `.state.json.${self.pid}-1-0.tmp`]
    const strange = ['.other.json.999999999-5-0.tmp', '.state.json.notes.tmp']
    for (const name of [live, ...left, ...strange]) writeFileSync(join(dir, name), '')
    await store.replace(path, 'new', 0o600)
    expect(readdirSync(dir).sort()).toEqual([live, ...strange, 'state.json'].sort())
  })

  it('says what and where when the target is a folder, and leaves no temporary file', async () => {
    mkdirSync(path)
    await expect(store.replace(path, 'x', 0o600)).rejects.toThrow(new RegExp(`cannot write ${path}: .*folder.*EISDIR`))
    expect(readdirSync(dir)).toEqual(['state.json'])
  })

  it('says that the folder is missing', async () => {
    await expect(store.replace('/nowhere/at/all', 'x', 0o600)).rejects.toThrow(/folder does not exist/)
  })

  it('says that the disk is full, keeps the old text and leaves no temporary file', async () => {
    // A limit on file size stands for a full disk: the write fails halfway through.
    const script = `
      import { createHost } from ${JSON.stringify(new URL('../../agent/host/real.ts', import.meta.url).href)}
      process.on('SIGXFSZ', () => {})
      const { store } = createHost({ root: '/', env: {} })
      await store.replace(process.argv[1], 'x'.repeat(100_000), 0o600).catch((error) => console.log(error.name))`
    await store.replace(path, 'old', 0o600)
    const argv = ['--fsize=4096', process.execPath, '--input-type=module-typescript', '-e', script, path]
    expect(execFileSync('prlimit', argv, { encoding: 'utf8' }).trim()).toBe('HostError')
    expect([await store.read(path), readdirSync(dir)]).toEqual(['old', ['state.json']])
  })
})

describe('append', () => {
  it('begins a new line after a torn one, and only then', async () => {
    await store.append(path, 'one', 0o640)
    await store.append(path, 'two\n', 0o640)
    writeFileSync(path, 'torn', { flag: 'a' })
    await store.append(path, 'three', 0o640)
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual(['one\ntwo\ntorn\nthree\n', 0o640])
  })

  it.each([
    ['a link', () => symlinkSync('/etc/passwd', path), /link/],
    ['a folder', () => mkdirSync(path), /folder/],
    ['a FIFO', () => execFileSync('mkfifo', [path]), /regular file/],
  ])('refuses %s', async (_what, plant, words) => {
    plant()
    const error = await store.append(path, 'x', 0o600).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(HostError)
    expect(String(error)).toMatch(words)
  })
})

it('makes a link where nothing is, not even one that leads nowhere', async () => {
  const path = join(dir, 'link')
  expect([await store.link('/nowhere', path), await store.link('/elsewhere', path)]).toEqual([true, false])
  expect(readlinkSync(path)).toBe('/nowhere')
  await expect(store.link('/nowhere', join(dir, 'none/link'))).rejects.toThrow(HostError)
})

describe('create', () => {
  it('creates once, with its mode', async () => {
    expect(await store.create(path, 'one', 0o606)).toBe(true)
    expect(await store.create(path, 'two', 0o600)).toBe(false)
    expect([await store.read(path), modeOf(path)]).toEqual(['one', 0o606])
  })

  it('does not create through a dangling link', async () => {
    symlinkSync(join(dir, 'elsewhere'), path)
    expect(await store.create(path, 'x', 0o600)).toBe(false)
    expect(readdirSync(dir)).toEqual(['state.json'])
  })
})

describe('readPlain', () => {
  it('gives text and facts of a plain file', async () => {
    writeFileSync(path, 'abc')
    linkSync(path, join(dir, 'second'))
    const file = await store.readPlain(path, 3)
    expect(file).toMatchObject({ text: 'abc', stat: { kind: 'file', nlink: 2, size: 3, uid: self.uid } })
  })

  it.each([
    ['nothing', () => {}],
    ['a link', () => symlinkSync('/etc/passwd', path)],
    ['a folder', () => mkdirSync(path)],
    ['a FIFO', () => execFileSync('mkfifo', [path])],
    ['a larger file', () => writeFileSync(path, 'abcd')],
    ['1 GiB of nothing', () => execFileSync('truncate', ['--size=1G', path])],
  ])('gives nothing for %s', async (_what, plant) => {
    plant()
    expect(await store.readPlain(path, 3)).toBeUndefined()
  })
})

describe('folders and removal', () => {
  it('makes a folder and its parents, with its mode whatever the umask', async () => {
    const deep = join(dir, 'a/b/leases')
    const umask = process.umask(0o077)
    await store.makeDir(deep, 0o1733)
    process.umask(umask)
    await store.makeDir(deep, 0o700)
    expect([modeOf(deep), modeOf(join(dir, 'a'))]).toEqual([0o1733, 0o755])
  })

  it('refuses a file in the place of the folder', async () => {
    writeFileSync(path, '')
    await expect(store.makeDir(path, 0o700)).rejects.toThrow(HostError)
    await expect(store.makeDir(join(path, 'x'), 0o700)).rejects.toThrow(HostError)
    await expect(store.makeDir(join(path, 'x/y/z'), 0o700)).rejects.toThrow(HostError)
    // Node's own recursive way never ends there.
    await expect(store.makeDir('/proc/idle-agent/x/y', 0o700)).rejects.toThrow(HostError)
  })

  it('removes files, links and empty folders, and minds no absence', async () => {
    mkdirSync(join(dir, 'full/inner'), { recursive: true })
    writeFileSync(path, '')
    for (const name of ['state.json', 'none', 'full/inner']) await store.remove(join(dir, name))
    writeFileSync(join(dir, 'full/x'), '')
    await expect(store.remove(join(dir, 'full'))).rejects.toThrow(/not empty/)
    expect(readdirSync(dir)).toEqual(['full'])
  })

  it('lists nothing for no folder, and refuses a rename of nothing', async () => {
    expect(await store.list(join(dir, 'none'))).toEqual([])
    await expect(store.rename(join(dir, 'none'), path)).rejects.toThrow(HostError)
    await expect(store.read(dir)).rejects.toThrow(HostError)
    expect(await store.read(path)).toBeUndefined()
  })
})

it.skipIf(self.uid !== 0)('names the permission that is missing', async () => {
  const script = `
    import { createHost } from ${JSON.stringify(new URL('../../agent/host/real.ts', import.meta.url).href)}
    const { store } = createHost({ root: '/', env: {} })
    await store.replace('/etc/idle-agent-test', 'x', 0o600).catch((error) => console.log(error.message))`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { uid: 65_534, gid: 65_534 })
  let output = ''
  for await (const chunk of child.stdout) output += String(chunk)
  expect(output).toMatch(/cannot write \/etc\/idle-agent-test: permission denied; .*EACCES/)
})
