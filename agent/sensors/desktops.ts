/** The desktops sensor: people at graphical desktops, here or over the network (X, VNC, RDP, DCV, X2Go, NoMachine). */
import type { Options } from '../types/options.ts'
import type { DesktopsSample } from './desktops-judge.ts'
import { type GatedSample, gated } from './gated.ts'
import { desktopServers, displayServers } from './known-programs.ts'
import { processTable } from './processes.ts'
import type { Sensor } from './sensor.ts'

export const desktopsOptions = {
  connection_hold_minutes: {
    type: 'number',
    default: 60,
    min: 0,
    max: 10_080,
    unit: 'minutes',
    about: 'how long a desktop that is connected and not used can hold the machine, from the last real activity',
  },
} as const satisfies Options

/** Desktops, by the last input on their displays; where a display cannot be asked, by the bytes that clients send. */
export const desktops: Sensor<GatedSample<DesktopsSample>, typeof desktopsOptions> = gated({
  name: 'desktops',
  sampleVersion: 1,
  options: desktopsOptions,
  absence: 'no desktop runs here',
  async present(host, signal) {
    const table = await processTable(host, signal)
    return [...table.values()].some(({ comm }) => displayServers.has(comm) || desktopServers.has(comm))
  },
  load: async () => (await import('./desktops-judge.ts')).subject,
})
