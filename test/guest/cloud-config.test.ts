// Every part of generated user data that is cloud-init's own language, by the schema of a Debian's cloud-init.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { partsOf } from '../../provisioning/cloud-init.ts'
import { provision } from '../../provisioning/main.ts'
import { rootfs } from './rootfs.ts'
import { guestsSkipped } from './story.ts'

const templates = 'test/provisioning/templates'

const parts = readdirSync(templates).flatMap((name) => {
  const { spec } = provision({ template: join(templates, name), cloud: undefined, format: undefined })
  return partsOf(spec)
    .filter(({ type }) => type === 'text/cloud-config')
    .map(({ name: part, text }) => ({ name: `${part} of ${name}`, text }))
})

describe.skipIf(guestsSkipped('the schema of cloud-init'))('cloud-init schema', { timeout: 300_000 }, () => {
  let tree = ''
  let folder = ''
  beforeAll(() => {
    tree = rootfs()
    folder = mkdtempSync(join(tmpdir(), 'cloud-config-'))
  }, 300_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  /** What it prints of a file that is laid into the tree for the while, without a network. */
  function judge(text: string): string {
    writeFileSync(join(folder, 'part.yaml'), text)
    const within = 'mount --bind "$1" "$2/mnt" && exec chroot "$2" cloud-init schema --config-file /mnt/part.yaml'
    const argv = ['--mount', '--net', '/bin/sh', '-c', within, 'sh', folder, tree]
    const { stdout, stderr } = spawnSync('unshare', argv, { encoding: 'utf8', timeout: 60_000 })
    return `${stdout}${stderr}`.trim()
  }

  test('there are such parts', () => {
    expect(parts.map(({ name }) => name)).toContain('02-user-data of aws-own-config.yaml')
    expect(parts.length).toBeGreaterThan(4)
  })

  test.each(parts)('passes $name', ({ text }) => {
    expect(judge(text)).toBe('Valid cloud-config: /mnt/part.yaml')
  })

  test('does not pass what is wrong', () => {
    expect(judge('#cloud-config\npackages: 5\n')).toMatch(/packages/)
  })
})
