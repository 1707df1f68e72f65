/** The desktops sensor: people at graphical desktops, here or over the network (X, VNC, RDP, DCV, X2Go, NoMachine). */
import type { Options } from '../types/options.ts'
import type { DesktopsSample } from './desktops-judge.ts'
import { type GatedSample, gated } from './gated.ts'
import { connectionHold } from './hold-option.ts'
import { processTable } from './processes.ts'
import type { Sensor } from './sensor.ts'

export const desktopsOptions = {
  connection_hold_minutes: connectionHold(
    'how long a desktop that is connected and not used can hold the machine, from the last real activity',
  ),
} as const satisfies Options

/** The names in desktop-programs.ts, and perhaps others; that is loaded only where one of these runs. */
export const mayBeDesktop: RegExp = /^(X(?!w)|x11vnc|x0|x2go|xrdp$|xpra|nx|dcvserver|wayvnc|kr|gnome-remote)/

/** Desktops, by the last input on their displays; where a display cannot be asked, by the bytes that clients send. */
export const desktops: Sensor<GatedSample<DesktopsSample>, typeof desktopsOptions> = gated({
  name: 'desktops',
  sampleVersion: 1,
  options: desktopsOptions,
  absence: 'no desktop runs here',
  async present(host, signal) {
    const names = [...(await processTable(host, signal)).values()].map(({ comm }) => comm)
    const found = names.filter((comm) => mayBeDesktop.test(comm))
    return found.length > 0 && found.some((await import('./desktops-judge.ts')).shownDesktops.isDesktop)
  },
  load: async () => (await import('./desktops-judge.ts')).shownDesktops.subject,
})
