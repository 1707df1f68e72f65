/** A configuration that comes with the user data of a machine that runs. */
import { describe, expect, it } from 'vitest'
import { pathsOf } from '../../agent/check/parts.ts'
import { run } from '../../agent/cli.ts'
import type { CommandContext } from '../../agent/commands/context.ts'
import { adoptConfig } from '../../agent/commands/given-config.ts'
import { checkOnce } from '../../agent/commands/run.ts'
import { HostError } from '../../agent/errors.ts'
import { configPath } from '../../agent/install/files.ts'
import { createMemoryHost } from '../host/memory.ts'

const before = 'idle_detection:\n  idle_threshold_minutes: 5\n'
const after = 'idle_detection:\n  idle_threshold_minutes: 7\n'
const paths = pathsOf(undefined)

function machine(flags: Partial<CommandContext['flags']> = {}) {
  const host = createMemoryHost({ files: { '/etc/machine-id': `${'a'.repeat(32)}\n`, [configPath]: before } })
  host.files.write(`${paths.stateDir}/state.json`, '{}')
  host.files.write(`${paths.logDir}/agent.log`, '')
  const context: CommandContext = {
    host,
    flags: { json: false, root: undefined, stateDir: undefined, config: undefined, ...flags },
    args: [],
    out: () => undefined,
    colour: false,
  }
  // The first check has met a machine without user data.
  host.files.write(`${paths.stateDir}/given-config`, '')
  return {
    host,
    give: (text: string) => adoptConfig(context, { paths }, Buffer.from(text).toString('base64')),
    config: () => host.files.read(configPath),
    audit: () =>
      (host.files.read(paths.audit) ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as object),
  }
}

describe('a configuration in user data', () => {
  it('is taken over once, and what somebody changes on the machine later stays', async () => {
    const { give, config, audit, host } = machine()
    await give(after)
    expect(config()).toBe(after)
    expect(audit()).toMatchObject([{ action: 'config', result: 'done' }])
    host.files.write(configPath, before)
    await give(after)
    expect(config()).toBe(before)
    await give(`${after}  protected: true\n`)
    expect(config()).toBe(`${after}  protected: true\n`)
    expect(audit()).toHaveLength(2)
  })

  it('that was there before the first check is not taken: whoever installed chose another', async () => {
    const { give, config, audit, host } = machine()
    host.files.remove(`${paths.stateDir}/given-config`)
    await give(after)
    expect(config()).toBe(before)
    await give(`${after}  protected: true\n`)
    expect(config()).toBe(`${after}  protected: true\n`)
    expect(audit()).toHaveLength(1)
  })

  it('that names commands is not taken: who may write it is not root', async () => {
    const { give, config, audit } = machine()
    await give(`${after}  commands: [{ argv: [/sbin/reboot] }]\n`)
    expect(config()).toBe(before)
    expect(audit()).toMatchObject([{ result: 'refused', detail: expect.stringContaining('only a file that root') }])
  })

  it('that the machine has already is nothing new', async () => {
    const { give, config, audit } = machine()
    await give(before)
    expect(config()).toBe(before)
    expect(audit()).toEqual([])
  })

  it('that is wrong is told once, and the one in force stays', async () => {
    const { give, config, audit } = machine()
    for (const _ of [1, 2]) await give('idle_detection:\n  idle_threshold_minutes: soon\n')
    expect(config()).toBe(before)
    expect(audit()).toMatchObject([
      {
        action: 'config',
        result: 'refused',
        detail: expect.stringMatching(/^user data:2:27 idle_detection\.idle_threshold_minutes: /),
      },
    ])
  })

  it.each([
    ['a script that has the words in it', '#!/bin/sh\nidle_detection: {}\n'],
    ['cloud-config', '#cloud-config\nidle_detection: {}\n'],
    ['an archive', 'Content-Type: multipart/mixed\n\nidle_detection: {}\n'],
    ['something else', 'hello: world\n'],
    ['nothing', ''],
    ['far too much', `${after}#${'x'.repeat(100_000)}\n`],
  ])('is not %s', async (_, text) => {
    const { give, config, audit } = machine()
    await give(text)
    expect(config()).toBe(before)
    expect(audit()).toEqual([])
  })

  it.each([{ config: '/root/other.yaml' }, { stateDir: '/root/state' }, { root: '/srv/tree' }])(
    'is not taken by a check with %o',
    async (flags) => {
      const { give, config } = machine(flags)
      await give(after)
      expect(config()).toBe(before)
    },
  )

  it('is taken whole or not at all where the disk is full', async () => {
    const { give, config, host } = machine()
    host.files.full = true
    await expect(give(after)).rejects.toThrow()
    expect(config()).toBe(before)
  })
})

/** A VM whose metadata is ours; switched off, so that nothing is sent anywhere. */
function vm() {
  const off = 'idle_detection:\n  enabled: false\n'
  const given = { userData: '' }
  const compute = {
    vmId: '5c08b38e-4d57-4c23-ac45-aca61037f084',
    location: 'westeurope',
    tagsList: [],
  }
  const host = createMemoryHost({
    files: { '/etc/machine-id': `${'a'.repeat(32)}\n`, [configPath]: off },
    clocks: { wallMs: Date.UTC(2026, 10, 22, 12), bootMs: 1e8, monoMs: 1e8 },
    http: () => ({ status: 200, headers: {}, body: JSON.stringify({ ...compute, ...given }) }),
  })
  host.environment.set('AZURE_POD_IDENTITY_AUTHORITY_HOST', 'http://127.0.0.1:9')
  host.environment.set('AZURE_RESOURCE_MANAGER_ENDPOINT', 'https://127.0.0.1:9')
  const check = async (...args: readonly string[]) => {
    host.clock.advance(120_000)
    const ignore = (): void => undefined
    return await run(['check', ...args], { host: () => host, out: ignore, err: ignore, colour: false })
  }
  return { host, given, check, off, config: () => host.files.read(configPath) }
}

describe('a check on Azure', () => {
  it('takes the configuration when it acts, and not when somebody looks', async () => {
    const { given, check, config, off } = vm()
    expect(await check('--act')).toBe(0)
    given.userData = Buffer.from(`${off}  protected: true\n`).toString('base64')
    expect(await check()).toBe(0)
    expect(config()).toBe(off)
    expect(await check('--act')).toBe(0)
    expect(config()).toBe(`${off}  protected: true\n`)
  })

  it('takes it where the agent is resident, too', async () => {
    const { host, given, config, off } = vm()
    const flags = { json: false, root: undefined, stateDir: undefined, config: undefined }
    const context: CommandContext = { host, flags, args: [], out: () => undefined, colour: false }
    await checkOnce(context)
    given.userData = Buffer.from(`${off}  protected: true\n`).toString('base64')
    host.clock.advance(120_000)
    await checkOnce(context)
    expect(config()).toBe(`${off}  protected: true\n`)
  })

  it('has done its work where the new one cannot be written, and says so', async () => {
    const { host, given, check, config, off } = vm()
    await check('--act')
    given.userData = Buffer.from(`${off}  protected: true\n`).toString('base64')
    host.files.onMutation = ({ path }) => {
      if (path === configPath) throw new HostError(`cannot write ${path}`)
    }
    expect(await check('--act')).toBe(5)
    expect(config()).toBe(off)
    expect(JSON.parse(host.files.read(paths.status) ?? '{}')).toMatchObject({ schema: 'idle-agent.status.v1' })
    host.files.onMutation = undefined
    expect(await check('--act')).toBe(0)
    expect(config()).toBe(`${off}  protected: true\n`)
  })
})
