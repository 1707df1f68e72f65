/** Whether the machine itself could hibernate: told by EC2's own hibernation agent, and by room for what is in memory. */
import { describe, expect, it } from 'vitest'
import { hibernationProblem } from '../../agent/clouds/aws-readiness.ts'
import { createMemoryHost } from '../host/memory.ts'

const enabled = { '/var/lib/hibinit-agent/hibernation-enabled': '' }
const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'

function meminfo(usedMb: number): Readonly<Record<string, string>> {
  return { '/proc/meminfo': `MemTotal:       16384000 kB\nMemAvailable:   ${16_384_000 - usedMb * 1024} kB\n` }
}

interface Case {
  readonly files: Readonly<Record<string, string>>
  /** What `systemctl is-active` says; not installed unless given. */
  readonly unit?: string
  readonly swapFile?: { readonly path: string; readonly mb: number }
  readonly problem: RegExp | undefined
}

const cases: Readonly<Record<string, Case>> = {
  "without EC2's agent nothing is known": { files: { ...meminfo(9000), '/proc/swaps': header }, problem: undefined },
  'the unit failed': { files: { ...enabled, '/proc/swaps': header }, unit: 'failed', problem: /hibinit-agent failed/ },
  'the unit is at work': { files: enabled, unit: 'activating', problem: /still at work/ },
  'no swap': { files: { ...enabled, ...meminfo(10), '/proc/swaps': header }, unit: 'inactive', problem: /no swap/ },
  'no systemd, and no swap': { files: { ...enabled, ...meminfo(10) }, problem: /no swap/ },
  'room enough in a file that is off': {
    files: { ...enabled, ...meminfo(9000), '/proc/swaps': header },
    swapFile: { path: '/swap', mb: 16_000 },
    problem: undefined,
  },
  "room enough in Ubuntu's file": {
    files: { ...enabled, ...meminfo(9000), '/proc/swaps': header },
    swapFile: { path: '/swap-hibinit', mb: 16_000 },
    problem: undefined,
  },
  'too little room': {
    files: { ...enabled, ...meminfo(9000), '/proc/swaps': header },
    swapFile: { path: '/swap', mb: 4000 },
    problem: /^9000 MiB of memory are in use, and swap has 4000 MiB$/,
  },
  'a file that is on counts once': {
    files: { ...enabled, ...meminfo(9000), '/proc/swaps': `${header}/swap file 4096000 0 -2\n` },
    swapFile: { path: '/swap', mb: 8000 },
    problem: /swap has 4000 MiB/,
  },
  'a partition and a file add up': {
    files: { ...enabled, ...meminfo(9000), '/proc/swaps': `${header}/dev/xvda2 partition 4096000 0 -2\n` },
    swapFile: { path: '/swap', mb: 8000 },
    problem: undefined,
  },
  'memory that nobody tells': {
    files: { ...enabled, '/proc/meminfo': 'MemTotal: lots\n' },
    swapFile: { path: '/swap', mb: 8000 },
    problem: undefined,
  },
}

describe('ready to hibernate', () => {
  it.each(Object.entries(cases))('%s', async (_name, { files, unit, swapFile, problem }) => {
    const host = createMemoryHost({
      files,
      run: () => (unit === undefined ? undefined : { status: 3, stdout: `${unit}\n`, stderr: '' }),
    })
    if (swapFile !== undefined) {
      host.files.write(swapFile.path, '')
      host.files.touch(swapFile.path, { size: swapFile.mb * 1024 * 1024 })
    }
    const found = await hibernationProblem(host)
    if (problem === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(problem)
  })
})
