/** Programs that show desktops. Data only; names as the kernel cuts them, at 15 bytes. `mayBeDesktop` in desktops.ts has to let each through. */

/** X servers, whose displays tell when somebody last used keyboard or mouse. Xwayland sees a part of it only. */
export const displayServers: ReadonlySet<string> = new Set([
  ...['Xorg', 'Xorg.bin', 'X', 'Xvfb', 'Xdcv', 'nxagent', 'x2goagent', 'Xvnc', 'Xtigervnc', 'Xtightvnc', 'Xkasmvnc'],
])

/** What clients of desktops connect to, and its name in a reason. Xorg and Xvfb themselves listen for programs. */
export const desktopServers: ReadonlyMap<string, string> = new Map([
  ...['Xvnc', 'Xtigervnc', 'Xtightvnc', 'Xkasmvnc', 'x11vnc', 'x0vncserver', 'x0tigervncserve', 'wayvnc', 'krfb'].map(
    (comm) => [comm, 'VNC'] as const,
  ),
  ...['xrdp', 'krdpserver', 'gnome-remote-de'].map((comm) => [comm, 'RDP'] as const),
  ...['nxagent', 'x2goagent'].map((comm) => [comm, 'X2Go'] as const),
  ...['nxserver.bin', 'nxd'].map((comm) => [comm, 'NoMachine'] as const),
  ['dcvserver', 'DCV'],
  ['xpra', 'xpra'],
])

/** Is it any of them? */
export function isDesktop(comm: string): boolean {
  return displayServers.has(comm) || desktopServers.has(comm)
}
