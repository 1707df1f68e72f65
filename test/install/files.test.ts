// What `install` writes, as data.
import { describe, expect, it } from 'vitest'
import { waitMax } from '../../agent/decide/clock.ts'
import {
  cronFields,
  cronPath,
  gpuUnitPath,
  installedFiles,
  leaseMountPath,
  ownFiles,
  servicePath,
  timerPath,
} from '../../agent/install/files.ts'
import { MAX_EXAMINED } from '../../agent/leases/read.ts'

describe('cronFields', () => {
  it.each<[number, string | undefined]>([
    [1, '* * * * *'],
    [2, '*/2 * * * *'],
    [15, '*/15 * * * *'],
    [60, '0 * * * *'],
    [7, undefined],
    [45, undefined],
    [0.5, undefined],
    [1.5, undefined],
    [120, undefined],
    [0, undefined],
  ])('every %d minutes', (minutes, fields) => {
    expect(cronFields(minutes * 60_000)).toBe(fields)
  })
})

describe('the files', () => {
  const environment = { AWS_ENDPOINT_URL_EC2: 'http://10.0.0.1:8080' }

  it('are a cron entry with its environment, or a timer and its service', () => {
    const cron = installedFiles({ schedule: 'cron', intervalMs: 120_000, environment })
    expect(cron.find(({ path }) => path === cronPath)?.text).toMatch(
      /^AWS_ENDPOINT_URL_EC2=http:\/\/10\.0\.0\.1:8080\n\*\/2 \* \* \* \* root .*; exec \/usr\/local\/bin\/idle-agent check --act$/m,
    )
    const timer = installedFiles({ schedule: 'timer', intervalMs: 3_000, environment })
    expect(timer.find(({ path }) => path === timerPath)?.text).toContain('OnActiveSec=3s\nOnUnitActiveSec=3s\n')
    expect(timer.map(({ path }) => path)).not.toContain(cronPath)
  })

  it('switch GPU accounting on at each boot, unless GPUs are left out', () => {
    for (const schedule of ['cron', 'timer'] as const) {
      const files = (accountsGpus: boolean) =>
        installedFiles({ schedule, intervalMs: 120_000, environment, accountsGpus })
      expect(files(false).map(({ path }) => path)).not.toContain(gpuUnitPath)
      const unit = files(true).find(({ path }) => path === gpuUnitPath)
      // A failure must not leave the machine with a failed unit.
      expect(unit?.text.match(/^ExecStart=.*$/gm)).toEqual([
        'ExecStart=-/usr/bin/nvidia-smi -pm 1',
        'ExecStart=-/usr/bin/nvidia-smi -am 1',
      ])
    }
    expect(ownFiles).toContain(gpuUnitPath)
  })

  it('give the leases a file system of their own, with no more names than a check looks at', () => {
    for (const schedule of ['cron', 'timer'] as const) {
      const files = installedFiles({ schedule, intervalMs: 120_000, environment })
      const unit = files.find(({ path }) => path === leaseMountPath)?.text ?? ''
      expect(unit).toContain('\nWhere=/run/idle-agent/leases\n')
      const [, inodes = ''] = /^Options=mode=1733,size=16M,nr_inodes=(\d+),nosuid,nodev,noexec$/m.exec(unit) ?? []
      expect(Number(inodes)).toBeGreaterThan(0)
      expect(Number(inodes)).toBeLessThanOrEqual(MAX_EXAMINED)
    }
    expect(leaseMountPath).toBe(String.raw`/etc/systemd/system/run-idle\x2dagent-leases.mount`)
    expect(ownFiles).toContain(leaseMountPath)
  })

  it('wait two minutes for the first check, not a whole long interval', () => {
    const files = installedFiles({ schedule: 'timer', intervalMs: 900_000, environment: {} })
    expect(files.find(({ path }) => path === timerPath)?.text).toContain('OnActiveSec=120s\n')
  })

  it('let a check wait for its due time, up to a whole interval', () => {
    const [intervalMs, thresholdMs] = [15 * 60_000, 10 * 60_000]
    const files = installedFiles({ schedule: 'timer', intervalMs, environment: {} })
    const seconds = /^TimeoutStartSec=(\d+)$/m.exec(files.find(({ path }) => path === servicePath)?.text ?? '')?.[1]
    expect(Number(seconds) * 1000).toBeGreaterThan(waitMax(intervalMs, thresholdMs) + 120_000)
  })

  it('end in a newline, which cron insists on', () => {
    for (const schedule of ['cron', 'timer'] as const) {
      for (const file of installedFiles({ schedule, intervalMs: 60_000, environment })) expect(file.text).toMatch(/\n$/)
    }
  })
})
