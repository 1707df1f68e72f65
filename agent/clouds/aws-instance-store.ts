/** Instance store volumes that hold data: a stop, and hibernation too, loses what is on them. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { dataOnDisks } from './disk-data.ts'

/** How an NVMe instance store volume names itself; those are not in the block device mapping of metadata. */
const NVME_MODEL = 'Amazon EC2 NVMe Instance Storage'

/** What would be lost, one text for each; `ephemerals` are the devices that metadata names (`sdb`). Throws HostError where it cannot be told. */
export async function dataOnInstanceStore(host: Host, ephemerals: readonly string[]): Promise<readonly string[]> {
  const disks = (await host.list('/sys/block')) ?? []
  const isStore = await Promise.all(disks.map((disk) => isInstanceStore(host, disk, ephemerals)))
  return dataOnDisks(host, { disks: disks.filter((_, index) => isStore[index] === true) })
}

async function isInstanceStore(host: Host, disk: string, ephemerals: readonly string[]): Promise<boolean> {
  // Metadata says sdb where the kernel says xvdb.
  if (ephemerals.some((name) => disk === name || disk === name.replace(/^sd/, 'xvd'))) return true
  if (!disk.startsWith('nvme')) return false
  const path = `/sys/block/${disk}/device/model`
  const text = await host.readText(path)
  const model = text?.trim()
  // Without its end it may be the beginning of any other.
  if (model === undefined || !/^[\x20-\x7e]+\n$/.test(text ?? '') || model === '')
    throw new HostError(`${path} does not tell what it is`)
  return model === NVME_MODEL
}
