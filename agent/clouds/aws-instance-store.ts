/** Instance store volumes that hold data: a stop, and hibernation too, loses what is on them. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'

/** How an NVMe instance store volume names itself; those are not in the block device mapping of metadata. */
const NVME_MODEL = 'Amazon EC2 NVMe Instance Storage'

/** LVM on RAID on a partition is three; deeper stacks are cut. */
const DEEPEST = 6

interface Mount {
  readonly device: string
  readonly point: string
  readonly source: string
}

interface Layer {
  readonly name: string
  /** `major:minor`. */
  readonly device: string
}

/**
 * What would be lost, one text for each: the places where such volumes are mounted with something in them, and volumes that
 * are partitioned or part of something without being mounted. A blank volume, an empty file system and swap hold nothing.
 * `ephemerals` are the devices that metadata names (`sdb`). Throws HostError where it cannot be told.
 */
export async function dataOnInstanceStore(host: Host, ephemerals: readonly string[]): Promise<readonly string[]> {
  const disks = (await host.list('/sys/block')) ?? []
  const isStore = await Promise.all(disks.map((disk) => isInstanceStore(host, disk, ephemerals)))
  const stores = disks.filter((_, index) => isStore[index] === true)
  if (stores.length === 0) return []
  const mounts = await readMounts(host)
  const swaps = ((await host.readText('/proc/swaps')) ?? '').split('\n').map((line) => line.split(/\s/)[0] ?? '')
  const found = await Promise.all(stores.map((store) => dataOn(host, store, { mounts, swaps })))
  return [...new Set(found.flat())]
}

/** Something is always mounted at "/": a table without it, or one that is cut off, would show too little. Throws HostError. */
async function readMounts(host: Host): Promise<readonly Mount[]> {
  const text = (await host.readText('/proc/self/mountinfo')) ?? ''
  const mounts = parseMounts(text)
  if (text.endsWith('\n') && mounts.some(({ point }) => point === '/')) return mounts
  throw new HostError('/proc/self/mountinfo does not tell what is mounted')
}

async function isInstanceStore(host: Host, disk: string, ephemerals: readonly string[]): Promise<boolean> {
  // Metadata says sdb where the kernel says xvdb.
  if (ephemerals.some((name) => disk === name || disk === name.replace(/^sd/, 'xvd'))) return true
  if (!disk.startsWith('nvme')) return false
  const path = `/sys/block/${disk}/device/model`
  const model = (await host.readText(path))?.trim()
  if (model === undefined || !/^[\x20-\x7e]+$/.test(model)) throw new HostError(`${path} does not tell what it is`)
  return model === NVME_MODEL
}

interface Uses {
  readonly mounts: readonly Mount[]
  /** What is swapped to. */
  readonly swaps: readonly string[]
}

async function dataOn(host: Host, store: string, { mounts, swaps }: Uses): Promise<readonly string[]> {
  const layers = await layersOf(host, store)
  const own = mounts.filter((mount) => layers.some((layer) => isOn(mount, layer)))
  const filled = await Promise.all(own.map(async ({ point }) => ((await isEmpty(host, point)) ? [] : [shown(point)])))
  const isSwap = layers.some(({ name }) => swaps.includes(`/dev/${name}`))
  if (own.length > 0 || isSwap || layers.length === 1) return filled.flat()
  return [`${store}, which is divided up but not mounted`]
}

function isOn({ device, source }: Mount, layer: Layer): boolean {
  // btrfs mounts have a device number of their own, and the name of the device beside it.
  return device === layer.device || source === `/dev/${layer.name}`
}

/** The disk, its partitions, and everything that is made of them (RAID, LVM, encryption). */
async function layersOf(host: Host, disk: string): Promise<readonly Layer[]> {
  const found = new Map<string, Layer>()
  async function add(name: string, path: string, depth: number): Promise<void> {
    if (found.has(name) || depth > DEEPEST) return
    found.set(name, { name, device: ((await host.readText(`${path}/dev`)) ?? '').trim() })
    for (const holder of (await host.list(`${path}/holders`)) ?? []) {
      await add(holder, `/sys/block/${holder}`, depth + 1)
    }
    const parts = ((await host.list(path)) ?? []).filter((entry) => entry.startsWith(name) && entry !== name)
    for (const part of parts) await add(part, `${path}/${part}`, depth + 1)
  }
  await add(disk, `/sys/block/${disk}`, 0)
  return [...found.values()]
}

/** proc_pid_mountinfo(5): id, parent, major:minor, root, mount point, options, fields up to a dash, type, source. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line): readonly Mount[] => {
    const [before = '', after = ''] = line.split(' - ', 2)
    const [, , device, , point] = before.split(' ')
    const [, source = ''] = after.split(' ')
    return device === undefined || point === undefined ? [] : [{ device, point: unescaped(point), source }]
  })
}

/** Blanks and the like stand as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?').slice(0, 100)
}

async function isEmpty(host: Host, point: string): Promise<boolean> {
  // Files are mounted, too: into containers.
  const names = (await host.stat(point))?.kind === 'directory' ? await host.list(point) : undefined
  return names?.every((name) => name === 'lost+found') === true
}
