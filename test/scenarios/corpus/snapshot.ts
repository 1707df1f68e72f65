/** A frame of a scenario's machine at one moment. */
import { writeDisks, writeDisplays, writeNetwork, writeSockets, writeTerminals } from './devices.ts'
import { type Frame, FrameWriter } from './frame.ts'
import { writeGpus } from './gpus.ts'
import { writeGroups, writeMounts } from './groups.ts'
import { writeMachine, writeProcesses } from './processes.ts'
import { writeSystem } from './system.ts'
import type { World } from './world.ts'

/** Everything that a check may ask at this moment; a check must have begun. */
export function snapshot(world: World, atMs: number): Frame {
  const { clockwork, check } = world
  const boot = clockwork.bootAt(atMs)
  const out = new FrameWriter(boot.wallMs)
  writeMachine(out, world, atMs)
  writeMounts(out, world)
  writeProcesses(out, world, atMs)
  writeGroups(out, world, atMs)
  writeNetwork(out, world, atMs)
  writeDisks(out, world, atMs)
  writeTerminals(out, world, atMs)
  writeSockets(out, world, atMs)
  writeDisplays(out, world, atMs)
  writeGpus(out, world, atMs)
  writeSystem(out, world, atMs)
  const { files, folders, stats, links, commands, http, displays } = out
  return {
    schema: 'idle-agent.frame.v1',
    clocks: clockwork.at(atMs),
    host: {
      ...{ cloud: 'aws', id: 'i-0abc', region: 'eu-west-1', startedAt: clockwork.startedAt(atMs) },
      ...{ tellsStart: true, canHibernate: true },
    },
    self: {
      ...{ pid: check.pid, startTicks: clockwork.ticksAt(check.fromMs), bootId: boot.bootId, uid: 0 },
      cpuMs: world.agentMs(atMs).own,
    },
    ...{ files, folders, stats, links, commands, http, displays, rest: 'absent' },
  }
}
