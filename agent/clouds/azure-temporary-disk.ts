/** Azure's temporary disks: they are on the host, and empty after a deallocation, hibernated or not. */
import { HostError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { dataOnDisks } from './disk-data.ts'

/** How a local NVMe disk names itself; `MSFT NVMe Accelerator` is a remote one. */
const NVME_MODEL = /^Microsoft NVMe Direct Disk( v2)?$/

/** Where a SCSI resource disk hangs: a controller of its own in generation 1, the second place beside the OS disk in 2 (udev rules of Azure's agent). */
const RESOURCE_PLACE =
  /\/(00000000-0001-[0-9a-f-]{22}|f8b3781a-1e82-4818-a1c3-63d806ec15bb)\/host\d+\/target[\d:]+\/(\d+:\d+:\d+:\d+)\/block\//

/** What Azure's agent puts there: a warning to everybody, and swap. */
const worthless = ['DATALOSS_WARNING_README.txt', 'swapfile']

/** What would be lost, one text for each. Throws HostError where it cannot be told. */
export async function dataOnTemporaryDisk(host: Host): Promise<readonly string[]> {
  const all = (await host.list('/sys/block')) ?? []
  const temporary = await Promise.all(all.map((disk) => isTemporary(host, disk)))
  return dataOnDisks(host, { disks: all.filter((_, index) => temporary[index] === true), worthless })
}

async function isTemporary(host: Host, disk: string): Promise<boolean> {
  if (disk.startsWith('nvme')) {
    const path = `/sys/block/${disk}/device/model`
    const model = await host.readText(path)
    if (model === undefined || !/[^\s\0]\s*\n$/.test(model)) throw new HostError(`${path} does not tell what it is`)
    return NVME_MODEL.test(model.trim())
  }
  const [, controller = '', address = ''] = RESOURCE_PLACE.exec((await host.readLink(`/sys/block/${disk}`)) ?? '') ?? []
  return controller.startsWith('00000000-0001-') || address.endsWith(':1')
}
