/** Which GPUs this machine has, as its buses tell: cheap, since most machines have none and ask at every check. */
import type { Host } from '../host/host.ts'

/** A GPU, and the driver that is bound to it. */
export interface GpuDevice {
  /** PCI address as the kernel writes it, such as `0000:00:1e.0`. */
  readonly id: string
  /** `undefined`: none, so that no program can use it. */
  readonly driver: string | undefined
}

const devices = '/sys/bus/pci/devices'

/** NVIDIA and AMD, as in the PCI list of vendors. */
const makers = /^0x(10de|1002)$/

/** Display controllers, and the processing accelerators that AMD's compute cards are; not their sound and their bridges. */
const classes = /^0x(03|12)[0-9a-f]{4}$/

/**
 * Addresses, without domain, of everything that NVIDIA or AMD made, out of /proc/bus/pci/devices (kernel drivers/pci/proc.c:
 * bus and function, vendor and device, then resources). Throws if a line is not understood.
 */
export function makersDevices(text: string): ReadonlySet<string> {
  const found = new Set<string>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, bus, devfn, vendor] = /^([0-9a-f]{2})([0-9a-f]{2})\t([0-9a-f]{4})[0-9a-f]{4}\t/.exec(line) ?? []
    if (bus === undefined || devfn === undefined || vendor === undefined)
      throw new Error('/proc/bus/pci/devices has a line that is not understood')
    if (!makers.test(`0x${vendor}`)) continue
    const number = Number.parseInt(devfn, 16)
    found.add(`${bus}:${(number >> 3).toString(16).padStart(2, '0')}.${number & 7}`)
  }
  return found
}

/** A number that the kernel shows of every device; `undefined` if the device is gone. Throws if it is none. */
async function numberOf(host: Host, name: string, file: 'vendor' | 'class'): Promise<string | undefined> {
  const path = `${devices}/${name}/${file}`
  const text = (await host.readText(path))?.trim()
  if (text !== undefined && /^0x[0-9a-f]{4,6}$/.test(text)) return text
  if (text === undefined && (await host.stat(`${devices}/${name}`)) === undefined) return undefined
  throw new Error(`${path} is ${text === undefined ? 'absent' : 'not understood'}`)
}

/** Throws where something else than a link tells of a driver, or the link leads nowhere. */
async function driverOf(host: Host, name: string): Promise<string | undefined> {
  const folder = `${devices}/${name}`
  const driver = (await host.readLink(`${folder}/driver`))?.split('/').at(-1)
  if (driver !== undefined || (await host.list(folder))?.includes('driver') !== true) return driver
  throw new Error(`${folder}/driver is no link`)
}

async function lookAt(host: Host, name: string): Promise<readonly GpuDevice[]> {
  const vendor = await numberOf(host, name, 'vendor')
  if (vendor === undefined || !makers.test(vendor)) return []
  const kind = await numberOf(host, name, 'class')
  return kind === undefined || !classes.test(kind) ? [] : [{ id: name, driver: await driverOf(host, name) }]
}

/** The GPUs on the PCI bus; `undefined` where the kernel shows no bus. */
async function onTheBus(host: Host): Promise<readonly GpuDevice[] | undefined> {
  const list = await host.readText('/proc/bus/pci/devices')
  // Empty where there is no bus at all, or nobody fills it in: then the other place is asked.
  const suspects = list === undefined || list === '' ? undefined : makersDevices(list)
  if (suspects?.size === 0) return []
  const names = await host.list(devices)
  const known = new Set(names?.map((name) => name.slice(-7)))
  const missing = [...(suspects ?? [])].find((id) => !known.has(id))
  if (missing !== undefined)
    throw new Error(`${devices}/*:${missing} is absent, although it is a device of a maker of GPUs`)
  if (names === undefined) return undefined
  const found: GpuDevice[] = []
  for (const name of names) {
    if (suspects === undefined || suspects.has(name.slice(-7))) found.push(...(await lookAt(host, name)))
  }
  return found
}

/** GPUs that only the driver knows: in a container that shows no bus, or no files of its own. */
async function withoutBus(host: Host): Promise<readonly GpuDevice[]> {
  if ((await host.list('/proc')) === undefined) throw new Error('/proc cannot be listed')
  return (await host.stat('/dev/nvidiactl')) === undefined ? [] : [{ id: 'nvidia', driver: 'nvidia' }]
}

/** All GPUs of NVIDIA and AMD, each once. Throws if the bus cannot be read. */
export async function findGpus(host: Host): Promise<readonly GpuDevice[]> {
  const bus = await onTheBus(host)
  const driven = (await host.list('/proc/driver/nvidia/gpus')) ?? []
  const rest = driven.filter((id) => bus?.some((one) => one.id === id && one.driver !== undefined) !== true)
  const others = (bus ?? []).filter(({ id }) => !rest.includes(id))
  const found = [...others, ...rest.map((id) => ({ id, driver: 'nvidia' }))]
  return found.length > 0 || bus !== undefined ? found : withoutBus(host)
}
