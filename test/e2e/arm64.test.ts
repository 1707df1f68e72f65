// The executable for arm64 under qemu's user mode: what it says, how it judges, and that it hibernates a simulated instance.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bases } from '../../tools/base.ts'
import { readIdentity } from '../../tools/bundle.ts'
import { emulator } from '../../tools/emulator.ts'
import { parseCheck } from './check-object.ts'
import { acted, fastest, type Machine, startMachine, startProgram } from './machine.ts'

const executable = resolve('dist/idle-agent-linux-arm64')
const built = existsSync(executable)
if (!built) process.stderr.write('SKIPPED: there is no executable for arm64 (see the build); nobody runs it\n')

async function onMachine(story: (machine: Machine) => Promise<void>): Promise<void> {
  const machine = await startMachine({ program: [...emulator('arm64'), executable], settings: fastest })
  try {
    await story(machine)
  } finally {
    await machine.close()
  }
}

// Emulated, with other tests beside it, a check may once be too slow for its own deadlines; they are meant for real processors.
const emulated = { timeout: 90_000, retry: 2 }

describe.skipIf(!built)('the executable for arm64', emulated, () => {
  test.concurrent('says its version, and nothing on stderr', () =>
    onMachine(async (machine) => {
      const { code, stdout, stderr } = await machine.run('version')
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(readIdentity().version)
    }))

  test.concurrent('judges by hand what it sees, and changes nothing', () =>
    onMachine(async (machine) => {
      const ran = await machine.run('check', '--json', ...machine.flags)
      expect(ran.stderr).toBe('')
      const { verdict, readings } = parseCheck(ran)
      expect({ verdict, unknown: readings.filter(({ kind }) => kind === 'unknown') }).toEqual({
        verdict: 'idle',
        unknown: [],
      })
      expect(existsSync(machine.stateDir)).toBe(false)
      expect(machine.cloud.requests.counts().api).toBe(0)
    }))

  test.concurrent('finds the machine idle, says so in its tags, and hibernates it once', () =>
    onMachine(async (machine) => {
      const checks = await machine.until(acted)
      expect(checks.map(({ code, stderr }) => ({ code, stderr }))).toEqual(checks.map(() => ({ code: 0, stderr: '' })))
      expect(machine.stops()).toEqual(['hibernate accepted'])
      expect(machine.tags()).toMatchObject({ IdleStatus: 'idle', IdleAction: 'hibernating' })
    }))

  // The code caches were made on the processor that qemu emulates by default; Graviton's cores are not all like it.
  test.concurrent.each(['cortex-a72', 'neoverse-n1'])('its code caches fit a %s', async (cpu) => {
    const [qemu = '', ...rest] = emulator('arm64')
    const caches = 'build/bundle/arm64'
    expect(existsSync(caches)).toBe(true)
    const script = `const fs = require('node:fs')
      const names = fs.readdirSync('${caches}').map((name) => name.replace('.cache', ''))
      process.argv.splice(1, 1, 'tools/code-cache.cjs', 'check', '${caches}', '', ...names.map((name) => 'build/bundle/' + name))
      require('./tools/code-cache.cjs')
      console.log(names.length)`
    const done = startProgram(qemu, ['-cpu', cpu, ...rest, resolve(bases.arm64.path), '-e', script, '-'], {}).done
    const { code, stdout, stderr } = await done
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(Number(stdout)).toBeGreaterThan(20)
  })
})
