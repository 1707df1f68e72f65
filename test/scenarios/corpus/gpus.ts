/** GPUs of a scenario's machine: the PCI bus, what nvidia-smi prints (format of test/fixtures/nvidia-smi), amdgpu's files. */
import type { FrameWriter } from './frame.ts'
import type { Gpu } from './scenario.ts'
import { rateAt, total } from './times.ts'
import type { World } from './world.ts'

const fields =
  'uuid,pci.bus_id,utilization.gpu,memory.used,index,utilization.encoder,utilization.decoder,encoder.stats.sessionCount,mig.mode.current,accounting.mode,accounting.buffer_size,persistence_mode'
const headings =
  'uuid, pci.bus_id, utilization.gpu [%], memory.used [MiB], index, utilization.encoder [%], utilization.decoder [%], encoder.stats.sessionCount, mig.mode.current, accounting.mode, accounting.buffer_size, persistence_mode'

const slotOf = (index: number): string => `0000:00:${(0x10 + index).toString(16)}.0`
const uuidOf = (index: number): string => `GPU-0000000${index}-1111-2222-3333-444444444444`

function writeBus(out: FrameWriter, gpus: readonly Gpu[]): void {
  const line = (bus: string, ids: string, driver: string) =>
    `${bus}\t${ids}\t0${'\t               0'.repeat(14)}\t${driver}\n`
  const lines = [line('0000', '80861237', ''), line('0028', '1d0fec20', 'ena')]
  for (const [index, { maker = 'nvidia' }] of gpus.entries()) {
    const nvidia = maker === 'nvidia'
    lines.push(
      line(`00${((0x10 + index) * 8).toString(16)}`, nvidia ? '10de2237' : '10027362', nvidia ? 'nvidia' : 'amdgpu'),
    )
    const folder = `/sys/bus/pci/devices/${slotOf(index)}`
    out.file(`${folder}/vendor`, nvidia ? '0x10de\n' : '0x1002\n')
    out.file(`${folder}/class`, '0x030200\n')
    out.links[`${folder}/driver`] = `../../../bus/pci/drivers/${nvidia ? 'nvidia' : 'amdgpu'}`
  }
  out.file('/proc/bus/pci/devices', lines.join(''))
}

const figureOf = (load: Gpu['busy'], atMs: number): number => Math.round(rateAt(load ?? 0, atMs))

function average(busy: Gpu['busy'], atMs: number): number {
  return Math.round(total(busy ?? 0, atMs - 16_590, atMs) / 16.59)
}

function row(gpu: Gpu, index: number, atMs: number): string {
  const busy = figureOf(gpu.busy, atMs)
  const mig = gpu.mig === true
  const engines = mig ? ['[N/A]', '[N/A]'] : ['0', '0']
  return [
    ...[
      uuidOf(index),
      `0000${slotOf(index).toUpperCase()}`,
      mig ? '[N/A]' : busy,
      figureOf(gpu.memoryMib, atMs),
      index,
      ...engines,
      0,
    ],
    ...[mig ? 'Enabled' : 'Disabled', gpu.accounting === true ? 'Enabled' : 'Disabled', 4000, 'Enabled'],
  ].join(', ')
}

function utilization(gpus: readonly Gpu[], atMs: number): string {
  const sections = gpus.map(({ busy }, index) => {
    const samples = (name: string, percent: number) =>
      `    ${name} Utilization Samples\n        Duration                          : 16.59 sec\n        Number of Samples                 : 99\n        Max                               : ${percent} %\n        Min                               : 0 %\n        Avg                               : ${percent} %\n`
    const names = ['GPU', 'Memory', 'ENC', 'DEC'].map((name) => samples(name, name === 'GPU' ? average(busy, atMs) : 0))
    return `GPU 0000${slotOf(index).toUpperCase()}\n    Utilization\n        Gpu                               : ${figureOf(busy, atMs)} %\n${names.join('')}\n`
  })
  return `\n==============NVSMI LOG==============\n\nAttached GPUs                             : ${gpus.length}\n${sections.join('')}`
}

function writeNvidia(out: FrameWriter, world: World, atMs: number): void {
  const gpus = world.of('gpu')
  const csv = '--format=csv,nounits'
  out.command(
    ['nvidia-smi', `--query-gpu=${fields}`, csv],
    `${[headings, ...gpus.map((gpu, index) => row(gpu, index, atMs))].join('\n')}\n`,
  )
  const programs = gpus.flatMap(({ programs = [] }, index) =>
    programs.flatMap((id) => {
      const life = world.lifeOf(id, atMs)
      const lives = life !== undefined && life.fromMs <= atMs
      return lives ? [{ uuid: uuidOf(index), life, gpu: gpus[index] }] : []
    }),
  )
  const present = programs.filter(({ life }) => atMs < life.untilMs)
  const rows = present.map(({ uuid, life }) => `${uuid}, ${life.pid}`)
  out.command(['nvidia-smi', '--query-compute-apps=gpu_uuid,pid', csv], `${['gpu_uuid, pid', ...rows].join('\n')}\n`)
  const accounted = programs.flatMap(({ uuid, life, gpu }) => {
    if (gpu?.accounting !== true) return []
    const end = Math.min(atMs, life.untilMs)
    const percent = Math.round(total(gpu.busy ?? 0, life.fromMs, end) / ((end - life.fromMs) / 1000 || 1))
    return [
      `${uuid}, ${life.pid}, ${percent}, ${Math.max(300, figureOf(gpu.memoryMib, end - 1))}, ${life.untilMs <= atMs ? life.untilMs - life.fromMs : 0}`,
    ]
  })
  const heading = 'gpu_uuid, pid, gpu_utilization [%], max_memory_usage [MiB], time [ms]'
  out.command(
    ['nvidia-smi', '--query-accounted-apps=gpu_uuid,pid,gpu_utilization,max_memory_usage,time', csv],
    `${[heading, ...accounted].join('\n')}\n`,
  )
  out.command(['nvidia-smi', '-q', '-d', 'UTILIZATION'], utilization(gpus, atMs))
}

function writeAmd(out: FrameWriter, world: World, atMs: number): void {
  const gpus = world.of('gpu')
  const paths: string[] = []
  const lines: string[] = []
  for (const [index, gpu] of gpus.entries()) {
    const folder = `/sys/bus/pci/devices/${slotOf(index)}`
    const [busy, memory] = [`${folder}/gpu_busy_percent`, `${folder}/mem_info_vram_used`]
    out.file(`${folder}/power/runtime_status`, 'active\n')
    paths.push(busy, memory)
    lines.push(`${busy}:${figureOf(gpu.busy, atMs)}`, `${memory}:${figureOf(gpu.memoryMib, atMs) * 1_048_576}`)
    const there = (gpu.programs ?? []).flatMap((id) => world.alive(atMs).filter(({ program }) => program.id === id))
    for (const { pid } of there) out.file(`/sys/class/kfd/kfd/proc/${pid}/pasid`, '32770\n')
  }
  out.command(['grep', '-H', '.', ...paths], `${lines.join('\n')}\n`)
}

/** The bus of every machine, and the GPUs of one that has some. */
export function writeGpus(out: FrameWriter, world: World, atMs: number): void {
  const gpus = world.of('gpu')
  writeBus(out, gpus)
  const [first] = gpus
  if (first === undefined) return
  if (first.maker === 'amd') writeAmd(out, world, atMs)
  else writeNvidia(out, world, atMs)
}
