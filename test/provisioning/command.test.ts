// `provision` as it is typed: what it says, writes and compares, and the exit code of each mistake.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../../agent/cli.ts'
import { createMemoryHost } from '../host/memory.ts'
import { template } from './make.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'provision-'))
  writeFileSync(join(folder, 't.yaml'), template())
})
afterEach(() => rmSync(folder, { recursive: true }))

async function provision(...args: readonly string[]) {
  const out: string[] = []
  const err: string[] = []
  const terminal = {
    host: () => createMemoryHost(),
    out: (line: string) => void out.push(line.replaceAll(folder, 'F')),
    err: (line: string) => void err.push(line.replaceAll(folder, 'F')),
    colour: false,
  }
  const code = await run(['provision', ...args.map((word) => word.replace('F/', `${folder}/`))], terminal)
  return { code, out, err }
}

describe('provision', () => {
  it('checks, and writes nothing', async () => {
    const { code, out } = await provision('--template', 'F/t.yaml', '--check')
    expect([code, out]).toEqual([0, ['F/t.yaml: valid; m7g.large (arm64) on aws, 28 GiB, hibernated when idle']])
    expect(readdirSync(folder)).toEqual(['t.yaml'])
  })

  it('writes, and says what to do next', async () => {
    const { code, out } = await provision('--template', 'F/t.yaml', '--out', 'F/out here')
    expect(code).toBe(0)
    expect(out[1]).toBe('written to F/out here: role.json, role-policy.json, launch-template.json, user-data')
    expect(out).toContain("  aws ec2 create-launch-template --cli-input-json file://'F/out here'/launch-template.json")
    expect(readdirSync(join(folder, 'out here')).toSorted()).toEqual([
      '.idle-agent-provision.json',
      'launch-template.json',
      'role-policy.json',
      'role.json',
      'user-data',
    ])
  })

  it('shows what would change, and nothing where nothing would', async () => {
    const all = ['--template', 'F/t.yaml', '--format', 'user-data']
    await provision(...all, '--out', 'F/o')
    expect((await provision(...all, '--diff', 'F/o')).out).toEqual(['F/o: nothing would change'])
    writeFileSync(join(folder, 't.yaml'), template({ idle_detection: { hibernate_threshold_minutes: 20 } }))
    const { code, out } = await provision(...all, '--diff', 'F/o')
    expect(code).toBe(0)
    expect(out).toContain('+  hibernate_threshold_minutes: 20')
    const told = JSON.parse((await provision(...all, '--diff', 'F/o', '--json')).out[0] ?? '')
    expect(told).toMatchObject({ schema: 'idle-agent.provision.v1', differences: out })
    expect((await provision(...all, '--diff', 'F/nowhere')).code).toBe(2)
  })

  it('tells everything with --json', async () => {
    const { out } = await provision('--template', 'F/t.yaml', '--out', 'F/o', '--format', 'cloudformation', '--json')
    expect(out.map((line) => JSON.parse(line))).toEqual([
      {
        schema: 'idle-agent.provision.v1',
        cloud: 'aws',
        format: 'cloudformation',
        machine: { size: 'm7g.large', architecture: 'arm64', hibernation: true, diskGib: 28 },
        files: ['stack.json', 'user-data'],
        warnings: [],
        next: [
          'aws cloudformation deploy --stack-name work --template-file F/o/stack.json --capabilities CAPABILITY_NAMED_IAM',
          "aws ec2 run-instances --launch-template 'LaunchTemplateName=work,Version=$Latest'",
        ],
      },
    ])
  })

  it.each([
    [[]],
    [['--template', 'F/t.yaml']],
    [['--template', 'F/t.yaml', '--check', '--out', 'F/o']],
    [['--template', 'F/t.yaml', '--check', 'more']],
    [['--template', 'F/t.yaml', '--check', '--colour']],
    [['--template', 'F/t.yaml', '--check', '--cloud', 'gcp']],
    [['--template', 'F/t.yaml', '--check', '--format', 'yaml']],
    [['--template', 'F/nowhere.yaml', '--check']],
    [['--template', 'F/', '--check']],
    [['--template', 'F/t.yaml', '--out']],
  ])('is refused with 2: %j', async (args) => {
    const { code, out, err } = await provision(...args)
    expect([code, out]).toEqual([2, []])
    expect(err).toHaveLength(1)
    expect(readdirSync(folder)).toEqual(['t.yaml'])
  })

  it('writes nothing of a template with problems', async () => {
    writeFileSync(join(folder, 't.yaml'), template({ size: 'huge', base: 'beos' }))
    const { code, err } = await provision('--template', 'F/t.yaml', '--out', 'F/o')
    expect([code, err.length]).toEqual([2, 1])
    expect(existsSync(join(folder, 'o'))).toBe(false)
  })

  it('is prevented with 5 by what lies in the way, and what was there stays', async () => {
    writeFileSync(join(folder, 'file'), 'mine')
    expect((await provision('--template', 'F/t.yaml', '--out', 'F/file')).code).toBe(5)
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('mine')
    mkdirSync(join(folder, 'o/role-policy.json'), { recursive: true })
    writeFileSync(join(folder, 'o/role.json'), 'old')
    expect((await provision('--template', 'F/t.yaml', '--out', 'F/o')).code).toBe(5)
    expect(readdirSync(join(folder, 'o')).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('loses nothing that it did not write, nor what somebody has changed since', async () => {
    const all = ['--template', 'F/t.yaml', '--format', 'config', '--out'] as const
    mkdirSync(join(folder, 'o'))
    writeFileSync(join(folder, 'elsewhere'), 'mine')
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'o/idle-agent.yaml'))
    expect(await provision(...all, 'F/o')).toMatchObject({
      code: 2,
      err: [
        'idle-agent: F/o/idle-agent.yaml: is there, and not as provision made it; choose another folder, or remove it',
      ],
    })
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('mine')
    expect((await provision(...all, 'F/p')).code).toBe(0)
    expect((await provision(...all, 'F/p')).code).toBe(0)
    writeFileSync(join(folder, 'p/idle-agent.yaml'), 'changed')
    expect((await provision(...all, 'F/p')).code).toBe(2)
    // Without the list of what it wrote nothing is known to be its own.
    expect((await provision(...all, 'F/q')).code).toBe(0)
    writeFileSync(join(folder, 'q/.idle-agent-provision.json'), '{"idle-agent')
    expect((await provision(...all, 'F/q')).code).toBe(2)
    writeFileSync(join(folder, 'idle-agent.yaml'), template())
    const own = await provision('--template', 'F/idle-agent.yaml', '--format', 'config', '--out', `${folder}`)
    expect(own).toMatchObject({
      code: 2,
      err: ['idle-agent: F/idle-agent.yaml: is the template; choose another folder'],
    })
  })

  it.each([
    [{ protected: true }, 'never stopped by the agent (protected)'],
    [{ idle_detection: { action: 'report' } }, 'never stopped by the agent (action: report)'],
    [{ spot: true }, 'never stopped by the agent (spot)'],
    [{ spot: true, idle_detection: { allow: ['spot'] } }, 'stopped when idle'],
    [{ hibernation: false }, 'stopped when idle'],
  ])('says what becomes of it: %j', async (changes, end) => {
    writeFileSync(join(folder, 't.yaml'), template(changes))
    expect((await provision('--template', 'F/t.yaml', '--check')).out[0]).toMatch(
      new RegExp(`, ${end.replace(/[()]/g, '.')}$`),
    )
  })
})
