/** Desktops: people at displays here and over VNC, displays that nobody uses. */
import { session } from '../base.ts'
import type { Happening, Program, Scenario } from '../scenario.ts'
import type { Times } from '../times.ts'

const own = { row: 'own', made: 'written', needs: 'desktops' } as const

/** An X server on display 1, whose keyboard and mouse were used at these moments. */
function display(used: Times, server: Partial<Program> & { readonly comm: string }): readonly Happening[] {
  return [
    {
      ...{ kind: 'program', id: 'x', argv: [server.comm, ':1'], uid: 1000, group: session(1000, 'x'), leads: true },
      ...{ from: -90, display: 1, cpu: 0.004, ...server },
    },
    {
      ...{ kind: 'program', id: 'panel', comm: 'xfce4-panel', uid: 1000, group: session(1000, 'x'), leads: true },
      ...{ from: -89, cpu: 0.003, wakes: 5 },
    },
    { kind: 'keyboard', display: 1, used },
  ]
}

/** A viewer that stays connected, with what it always sends. */
function viewer(more: { readonly until?: number }): Happening {
  return { kind: 'socket', id: 'viewer', uid: 1000, port: 5901, from: -60, received: 1, sent: 40, ...more }
}

const vnc = { comm: 'Xtigervnc', listens: 5901 }

export const desktops: readonly Scenario[] = [
  {
    ...{ ...own, id: 'desktop-in-use' },
    happens: [display([{ from: -80, every: 45, until: 50 }], { comm: 'Xorg' })],
    needed: [[-80, 50]],
    acts: { last: 49.25 },
    says: [{ from: 0, until: 48, verdict: 'active', by: ['desktops'], because: /desktop, Xorg .*: input/ }],
  },
  {
    ...{ ...own, id: 'desktop-left-alone' },
    happens: [display([-60], { comm: 'Xorg' })],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'vnc-in-use' },
    happens: [display([{ from: -59, every: 45, until: 30 }], vnc), viewer({ until: 31 })],
    needed: [[-59, 29.75]],
    acts: { last: 29.5, heldUntil: 31, heldAtMost: 44 },
    says: [{ from: 0, until: 28, verdict: 'active', by: ['desktops'] }],
  },
  {
    ...{ ...own, id: 'vnc-viewer-left-open' },
    happens: [display([-58], vnc), viewer({})],
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [
      { from: 0, until: 64, verdict: 'idle', by: ['desktops'], because: /client connected to a desktop over VNC/ },
    ],
  },
  {
    ...{ ...own, id: 'vnc-server-without-a-viewer' },
    happens: [display([-58], vnc)],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'desktop-used-once-an-hour-after' },
    // Whoever comes back within the time counts from there.
    happens: [display([-60, 7.3], { comm: 'Xorg' })],
    needed: [[7.3, 7.4]],
    acts: { last: 7.3 },
    lastUse: ['desktops'],
  },
]
