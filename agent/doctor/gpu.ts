/** What `doctor` says of the GPUs: can they be read, and is what runs between two checks accounted? */
import { type Finding, fault, ok, worry } from './finding.ts'

/** What a look at one GPU tells of how it can be watched. */
export interface GpuFacts {
  readonly name: string
  readonly problem?: string
  readonly mig?: true
  readonly accounting?: 'on' | 'off'
  readonly persistent?: boolean
}

const install = 'run "sudo idle-agent install", which switches it on now and at each boot'

/** Nothing where there is no GPU; `undefined` where the operator left the sensor out, so that nobody looked. */
export function gpuFindings(gpus: readonly GpuFacts[] | undefined): readonly Finding[] {
  if (gpus === undefined) return [ok('gpu', 'left out by sensors.gpu.enabled: false')]
  if (gpus.length === 0) return []
  const found = [...problems(gpus), ...accounting(gpus)]
  return found.length > 0 ? found : [ok('gpu', `${counted(gpus)}: ${kindOf(gpus)}`)]
}

function problems(gpus: readonly GpuFacts[]): readonly Finding[] {
  const remedy = 'mend its driver; until then the machine stays up, unless sensors.gpu.enabled: false leaves GPUs out'
  const texts = new Map<string, GpuFacts[]>()
  for (const gpu of gpus) {
    if (gpu.problem !== undefined) texts.set(gpu.problem, [...(texts.get(gpu.problem) ?? []), gpu])
  }
  return [...texts].map(([problem, own]) =>
    fault(
      'gpu',
      `${own.length === gpus.length ? counted(gpus) : own.map(({ name }) => name).join(', ')}: ${problem}`,
      remedy,
    ),
  )
}

function accounting(gpus: readonly GpuFacts[]): readonly Finding[] {
  const found: Finding[] = []
  if (gpus.some((gpu) => gpu.accounting === 'off')) {
    const text =
      'accounting is off: what runs between two checks is seen by chance, and holds the machine longer for it'
    found.push(worry('gpu', text, install))
  }
  if (gpus.some((gpu) => gpu.persistent === false)) {
    const text =
      'persistence mode is off: each check wakes the GPUs, which takes a second for each, and accounts are lost'
    found.push(worry('gpu', text, install))
  }
  return found
}

function counted(gpus: readonly GpuFacts[]): string {
  return gpus.length === 1 ? '1 GPU' : `${gpus.length} GPUs`
}

function kindOf(gpus: readonly GpuFacts[]): string {
  if (gpus.some(({ mig }) => mig === true))
    return 'split into instances (MIG): a program on one holds, its work is not told'
  return gpus.every((gpu) => gpu.accounting === 'on') ? 'read and accounted' : 'read; the driver accounts nothing'
}
