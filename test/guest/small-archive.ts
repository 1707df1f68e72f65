// A Debian archive of one small package, for a guest that installs what its template asks for.
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { run } from './host.ts'
import { updatesDaily } from './package-lists.ts'

/** The package; it holds one file. */
export const smallPackage = { name: 'template-package', file: '/usr/share/template-package' } as const

/** Files of a guest that has no other archive. */
export const smallArchiveOnly: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(updatesDaily).filter(([path]) => !path.includes('apt.conf')),
)

/** Writes the archive into a folder, beside what is there. */
export function writeSmallArchive(folder: string): void {
  const { name, file } = smallPackage
  const tree = join(folder, 'tree')
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true })
  mkdirSync(join(tree, 'usr/share'), { recursive: true })
  chmodSync(join(tree, 'DEBIAN'), 0o755)
  writeFileSync(join(tree, file), 'here\n')
  const control = `Package: ${name}\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: one file\n`
  writeFileSync(join(tree, 'DEBIAN/control'), control)
  const deb = join(folder, `${name}.deb`)
  run(['dpkg-deb', '--root-owner-group', '--build', tree, deb])
  const bytes = readFileSync(deb)
  const sum = createHash('sha256').update(bytes).digest('hex')
  const entry = `${control.trim()}\nFilename: ./${name}.deb\nSize: ${String(bytes.length)}\nSHA256: ${sum}\n`
  writeFileSync(join(folder, 'Packages.gz'), gzipSync(entry))
}
