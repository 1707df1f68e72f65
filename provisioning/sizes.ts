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

/**
 * Families that EC2 hibernates (DescribeInstanceTypes, hibernation-supported, 2026), up to 150 GiB; any other is not launched
 * for it unless the template says so.
 */
const hibernated = new Set(
  (
    'c3 c4 c5 c5d c6a c6g c6gd c6gn c6i c6id c6in c7a c7g c7gd c7gn c7i c7i-flex c8a c8g c8gb c8gd c8gn c8i c8i-flex ' +
    'i3 i3en i4g i7i i7ie i8g i8ge im4gn is4gen m3 m4 m5 m5a m5ad m5d m6a m6g m6gd m6i m6id m6idn m6in m7a m7g m7gd m7i m7i-flex ' +
    'm8a m8azn m8g m8gb m8gd m8gn m8i m8i-flex r3 r4 r5 r5a r5ad r5d r6a r6g r6gd r6idn r6in r7a r7g r7gd r7i r7iz ' +
    'r8a r8g r8gb r8gd r8gn r8i r8i-flex t2 t3 t3a t4g x2gd x8i'
  ).split(' '),
)

/** GiB per vCPU by class, of those families; some of the old ones have a little less. */
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
const instanceType = /^([a-z]+)(\d*)([a-z0-9-]*)\.((?:\d+)?x?large|nano|micro|small|medium|metal(?:-\w+)?)$/

/** Reads `m7g.large`; `undefined` where that is no instance type of EC2 that runs Linux on x86-64 or Arm. */
export function instanceSize(name: string): Size | undefined {
  const [, type = '', generation = '', features = '', size = ''] = instanceType.exec(name) ?? []
  if (type === '' || type === 'mac') return undefined
  const family = `${type}${generation}${features}`
  const hibernates = hibernated.has(family) && !size.startsWith('metal')
  return {
    name,
    architecture: features.includes('g') || family === 'a1' ? 'arm64' : 'x64',
    memoryGib: hibernates ? memoryOf(type, size) : undefined,
    gpu: /^(?:g|gr|p|inf|trn|dl|vt)$/.test(type),
    metal: size.startsWith('metal'),
    xen: xenFamilies.test(family),
    hibernates,
  }
}

function memoryOf(type: string, size: string): number | undefined {
  if (type === 't') return burstable[size]
  const [perCpu, cpus] = [awsGibPerCpu[type], cpusOf(size)]
  return perCpu === undefined || cpus === undefined ? undefined : perCpu * cpus
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
  // cloud.md 2.3: Das, Dads, Ds, Dds v5 and Eas, Eads, Es, Eds v5; some of NV.
  const listed = /^[DE]$/.test(series) && /^a?d?s$/.test(features) && version === '5'
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
