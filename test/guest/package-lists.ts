// A small Debian archive to update from: package lists that weigh what real ones do, and nothing behind them.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { filesUrl } from './file-server.ts'

/** Files of a guest that make apt's own timers update from the archive once a day, as Debian's cloud images do. */
export const updatesDaily: Readonly<Record<string, string>> = {
  'etc/apt/sources.list': '',
  'etc/apt/sources.list.d/test.list': `deb [trusted=yes] ${filesUrl}/ ./\n`,
  'etc/apt/apt.conf.d/20auto-upgrades':
    'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n',
  // Else cloud-init writes the list anew.
  'etc/cloud/cloud.cfg.d/91-sources.cfg': 'apt_preserve_sources_list: true\n',
}

/** Writes the archive into the folder: one compressed list of about `megabytes`. */
export function writeArchive(folder: string, megabytes: number): void {
  mkdirSync(folder, { recursive: true })
  const stanzas = Array.from({ length: megabytes * 6000 }, (_, index) => {
    const noise = randomBytes(100).toString('hex')
    return `Package: filler-${String(index)}\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nInstalled-Size: 1\nFilename: ./filler-${String(index)}.deb\nSize: 1000\nSHA256: ${randomBytes(32).toString('hex')}\nDescription: ${noise}\n`
  })
  writeFileSync(join(folder, 'Packages.gz'), gzipSync(`${stanzas.join('\n')}\n`, { level: 1 }))
}
