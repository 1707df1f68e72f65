/** The link for sudo: where sudo would not find the executable, and only there; gone again afterwards. */
import { describe, expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import { sudoFinds } from '../../agent/commands/sudo-link.ts'
import { executablePath, sudoLinkPath } from '../../agent/install/files.ts'
import { createMemoryHost, type MemoryHost } from '../host/memory.ts'

const redHat = 'Defaults    always_set_home\nDefaults    secure_path = /sbin:/bin:/usr/sbin:/usr/bin\n'
const debian = 'Defaults\tsecure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"\n'

it.each<[string, string, boolean]>([
  ['Red Hat 8 and 9', redHat, false],
  ['Debian', debian, true],
  ['nothing', '', true],
  ['one that is commented out', '# Defaults secure_path = /bin\n', true],
])('sudo finds it by the sudoers of %s', (_, text, finds) => {
  expect(sudoFinds(text)).toBe(finds)
})

function machine(sudoers: string): MemoryHost {
  const host = createMemoryHost()
  for (const path of ['/usr/sbin/cron', '/proc/bus/pci/devices', executablePath]) host.files.write(path, '')
  if (sudoers !== '') host.files.write('/etc/sudoers', sudoers)
  return host
}

async function say(host: MemoryHost, command: string): Promise<number> {
  const nothing = () => {}
  return run([command], { host: () => host, out: nothing, err: nothing, colour: false })
}

describe('install', () => {
  it('links it, once, and uninstall takes that away', async () => {
    const host = machine(redHat)
    for (const _ of [1, 2]) {
      expect(await say(host, 'install')).toBe(0)
      expect(await host.readLink(sudoLinkPath)).toBe(executablePath)
    }
    expect(await say(host, 'uninstall')).toBe(0)
    expect(host.files.lstat(sudoLinkPath)).toBeUndefined()
  })

  it.each([
    ['is not needed', debian, undefined],
    ['would take the place of something', redHat, 'somebody’s own'],
  ])('links nothing where it %s', async (_, sudoers, there) => {
    const host = machine(sudoers)
    if (there !== undefined) host.files.write(sudoLinkPath, there)
    for (const command of ['install', 'uninstall']) {
      expect(await say(host, command)).toBe(0)
      expect(host.files.read(sudoLinkPath)).toBe(there)
    }
  })

  it('goes on where it cannot', async () => {
    const host = machine(redHat)
    host.files.failing.set('/etc/sudoers', 'input/output error')
    expect(await say(host, 'install')).toBe(0)
  })
})
