/** `doctor`: everything that could make the agent fail later, and what to do about it. Changes nothing. */
import type { Parts } from '../check/parts.ts'
import { loadConfig, locateConfig } from '../config.ts'
import { type Finding, fault, ok } from '../doctor/finding.ts'
import { gpuFindings } from '../doctor/gpu.ts'
import { hibernationFinding } from '../doctor/hibernation.ts'
import { machineFindings } from '../doctor/machine.ts'
import { guardFindings } from '../doctor/metadata-guard.ts'
import { UsageError } from '../errors.ts'
import type { Gpu } from '../sensors/gpu-sample.ts'
import { loadState } from '../state.ts'
import { assemble } from './assemble.ts'
import type { CommandContext } from './context.ts'
import { attempt } from './doctor-attempt.ts'
import { askCloud } from './doctor-cloud.ts'
import { readFacts } from './doctor-facts.ts'
import { lookAtGpus } from './gpu-accounts.ts'
import { needRoot } from './installation.ts'
import { lookAtGuard } from './metadata-guard.ts'

/** Exit code 0 without faults, 2 for a wrong configuration, 3 if a fault is of the cloud, else 5. Throws UsageError for anybody but root. */
export async function doctor(context: CommandContext): Promise<number> {
  if (context.args.length > 0) throw new UsageError(`doctor takes no arguments, got ${context.args.join(' ')}`)
  needRoot(context, 'doctor')
  const config = await configFindings(context)
  if (config.some(isFault)) {
    await tell(context, config)
    return 2
  }
  const { parts, because, config: settings } = await assemble(context)
  const help = await parts.cloud.help?.()
  const { facts, failed } = await readFacts(context, parts, help?.hibernation)
  const { findings: cloud, reached, configured } = await askCloud(parts, because)
  const wanted = parts.policy.action
  const hibernation =
    reached && help !== undefined ? [hibernationFinding(facts, { wanted, configured, words: help.hibernation })] : []
  const more: Finding[] = []
  const gpus = await attempt(more, 'gpu', async () => gpuFindings(await lookIfWatched(parts)))
  const asked = () => lookAtGuard(context, settings.metadataRootOnly)
  const guard = await attempt(more, 'metadata guard', async () => guardFindings(await asked()))
  const told = [...hibernation, ...machineFindings(facts)].filter(
    ({ name }) => !failed.some((one) => one.name === name),
  )
  const machine = [...failed, ...told, ...(gpus ?? []), ...(guard ?? []), ...more]
  await tell(context, [...config, ...cloud, ...machine])
  if (cloud.some(isFault)) return 3
  return machine.some(isFault) ? 5 : 0
}

/** `undefined` where the operator left GPUs out: whatever hangs there is left alone. */
async function lookIfWatched({ host, sensors, paths }: Parts): Promise<readonly Gpu[] | undefined> {
  if (!sensors.some(({ sensor }) => sensor.name === 'gpu')) return undefined
  const { stored } = await loadState(host, paths.state)
  return lookAtGpus(host, stored?.samples['gpu'])
}

function isFault({ level }: Finding): boolean {
  return level === 'fault'
}

/** A configuration that cannot be used is a finding here, since it keeps every check from running. */
async function configFindings({ host, flags }: CommandContext): Promise<readonly Finding[]> {
  try {
    const { config } = await loadConfig(host, locateConfig(host, flags.config))
    const source = config.source === 'defaults' ? 'no file: the defaults apply' : config.source
    return [ok('config', source)]
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const remedy = 'correct it: until "idle-agent config check" accepts it, no check runs'
    return error.problems.map((problem) => fault('config', problem, remedy))
  }
}

async function tell(context: CommandContext, findings: readonly Finding[]): Promise<void> {
  const inventory = (await attempt([], 'inventory', () => readInventory(context))) ?? ''
  if (context.flags.json) context.out(JSON.stringify({ schema: 'idle-agent.doctor.v1', findings, inventory }))
  else print(context, findings, inventory)
}

/** What machine this is, in a line. */
async function readInventory({ host }: CommandContext): Promise<string> {
  if (host.root !== '/') return ''
  // The whole CommonJS module: its single functions are no exports where the executable was bundled.
  const { default: si } = await import('systeminformation')
  const [os, cpu, memory, system] = await Promise.all([si.osInfo(), si.cpu(), si.mem(), si.system()])
  const gib = Math.round(memory.total / 1024 ** 3)
  const maker = [system.manufacturer, system.model].filter((part) => part !== '' && part !== '-').join(' ')
  return [
    `${os.distro} ${os.release}`,
    `kernel ${os.kernel}`,
    `${cpu.cores} × ${cpu.brand || 'CPU'}`,
    `${gib} GiB`,
    maker,
  ]
    .filter((part) => part.trim() !== '')
    .join(', ')
}

const marks = { ok: ['✓', 32], worry: ['!', 33], fault: ['✗', 31] } as const

function print({ out, colour }: CommandContext, findings: readonly Finding[], inventory: string): void {
  if (inventory !== '') out(inventory)
  for (const { name, level, text, remedy } of findings) {
    const [mark, code] = marks[level]
    out(`${colour ? `\u001b[${code}m${mark}\u001b[0m` : mark} ${name.padEnd(14)} ${text}`)
    if (remedy !== undefined) out(`  ${''.padEnd(14)} → ${remedy}`)
  }
  const count = (level: Finding['level']) => findings.filter((one) => one.level === level).length
  out(
    `${count('ok')} in order, ${count('worry')} to look at, ${count('fault')} ${count('fault') === 1 ? 'fault' : 'faults'}`,
  )
}
