/** What the name of an instance type or a VM size tells about it. */
import type { CloudName } from './fields.ts'

/** The two architectures that the executable exists for. */
export type Architecture = 'x64' | 'arm64'

/** A machine of that size. */
export interface Size {
  readonly name: string
  readonly architecture: Architecture
  /** GiB; `undefined` where the name does not tell. */
  readonly memoryGib: number | undefined
  readonly gpu: boolean
  readonly metal: boolean
  /** On EC2's older hypervisor, whose metadata shows tags as they were at the start (cloud.md 1.2). */
  readonly xen: boolean
  /** Of a family that the vendor lists as one that can be hibernated. */
  readonly hibernates: boolean
}

/** GiB per vCPU by class. EC2: instance types of 2026-06; a class that is not here is not known to hibernate. */
const awsGibPerCpu: Readonly<Record<string, number>> = { c: 2, m: 4, r: 8, x: 16, i: 8, im: 4, is: 6 }
const burstable: Readonly<Record<string, number>> = {
  nano: 0.5,
  micro: 1,
  small: 2,
  medium: 4,
  large: 8,
  xlarge: 16,
  '2xlarge': 32,
}

const xenFamilies = /^(?:[cmt]1|[cm]3|[cm]4|m2|t2|r3|r4|x1e?|d2|h1|i2|i3|f1|g2|g3s?|p2|p3)$/

/** `m7gd.2xlarge`: class, generation, features, size. */
const instanceType = /^([a-z]+?)(\d+)([a-z-]*)\.((?:\d+)?x?large|nano|micro|small|medium|metal(?:-\w+)?)$/

/** Reads `m7g.large`; `undefined` where that is no instance type of EC2 that runs Linux on x86-64 or Arm. */
export function instanceSize(name: string): Size | undefined {
  const [, family = '', generation = '', features = '', size = ''] = instanceType.exec(name) ?? []
  if (family === '' || family === 'mac') return undefined
  const architecture = features.includes('g') || name.startsWith('a1.') ? 'arm64' : 'x64'
  const metal = size.startsWith('metal')
  const cpus = cpusOf(size)
  const perCpu = awsGibPerCpu[family]
  const memory =
    family === 't' ? burstable[size] : perCpu === undefined || cpus === undefined ? undefined : perCpu * cpus
  // X1, I3 and two families of X2 do not have the memory of their class.
  const odd = (family === 'x' && /^1|^2i/.test(generation + features)) || (family === 'i' && generation === '3')
  return {
    name,
    architecture,
    memoryGib: odd || metal ? undefined : memory,
    gpu: /^(?:g|gr|p|inf|trn|dl|vt)$/.test(family),
    metal,
    xen: xenFamilies.test(`${family}${generation}${features}`),
    hibernates: (family === 't' || perCpu !== undefined) && !metal,
  }
}

function cpusOf(size: string): number | undefined {
  if (size === 'medium') return 1
  if (size === 'large') return 2
  const [, times] = /^(\d*)xlarge$/.exec(size) ?? []
  if (times === undefined) return undefined
  return 4 * (times === '' ? 1 : Number(times))
}

/** GiB per vCPU by series of Azure. */
const azureGibPerCpu: Readonly<Record<string, number>> = { D: 4, E: 8, F: 2 }

/** `Standard_D4ads_v5`, `Standard_NC24ads_A100_v4`: series, vCPUs, features, version. */
const vmSize = /^Standard_([A-Z]+)(\d+)(?:-\d+)?([a-z]*)(?:_[A-Z0-9]+)*(?:_v(\d+))?$/

/** Reads `Standard_D2s_v5`; `undefined` where that is no size of a VM. */
export function azureSize(name: string): Size | undefined {
  const [, series = '', cpus = '', features = '', version = ''] = vmSize.exec(name) ?? []
  if (series === '') return undefined
  const perCpu = azureGibPerCpu[series]
  const memoryGib = perCpu === undefined || version === '' ? undefined : perCpu * Number(cpus)
  const gpu = series.startsWith('N')
  // cloud.md 2.3: Das, Dads, Ds, Dds v5 and Eas, Eads, Es, Eds v5 up to 64 GiB; some of NV up to 112.
  const listed = /^[DE]$/.test(series) && /^a?d?s$/.test(features) && version === '5' && (memoryGib ?? 0) <= 64
  return {
    name,
    architecture: features.includes('p') ? 'arm64' : 'x64',
    memoryGib,
    gpu,
    metal: false,
    xen: false,
    hibernates: listed || /^Standard_NV\d+ads_(?:A10|V710)_v5$|^Standard_NV\d+as_v4$/.test(name),
  }
}

/** Reads a size of that cloud. */
export function sizeOf(cloud: CloudName, name: string): Size | undefined {
  return cloud === 'aws' ? instanceSize(name) : azureSize(name)
}
