/** Remote editors: their servers, with clients that edit, that are only open, and that have gone. */
import { sshWithoutTerminal } from '../base.ts'
import type { Happening, Scenario } from '../scenario.ts'
import type { Load } from '../times.ts'

const own = { row: 'own', made: 'written', needs: 'editors', up: 400, watchedFrom: 70 } as const
const home = '/home/alice/.vscode-server/cli/servers/Stable-1a2b/server'

/** A VS Code server on a port of the loopback, its extension host, and a client over a forwarded port, which sends so much. */
function server({
  sends,
  until,
  extensions = 0.004,
}: {
  readonly sends: Load
  readonly until?: number
  readonly extensions?: Load
}): readonly Happening[] {
  const life = { from: -90, ...(until === undefined ? {} : { until }) }
  const happens: readonly (Happening | readonly Happening[])[] = [
    // The connection that carries it has the same bytes, and what its own keep-alives add.
    sshWithoutTerminal({ id: 'e', ...life, received: sends, sent: sends }, { comm: 'sh', argv: ['sh'] }),
    { kind: 'socket', id: 'client', uid: 1000, port: 40_111, local: true, ...life, received: sends, sent: sends },
    {
      ...{
        kind: 'program',
        id: 'server',
        comm: 'node',
        argv: [`${home}/node`, `${home}/out/server-main.js`, '--port=0'],
      },
      ...{ uid: 1000, leads: true, group: 'user.slice/user-1000.slice/session-e.scope', from: -90 },
      ...{ cpu: 0.002, listens: 40_111, socket: 'client' },
    },
    {
      ...{ kind: 'program', id: 'extensions', comm: 'node', uid: 1000, parent: 'server', from: -90, cpu: extensions },
      argv: [`${home}/node`, `${home}/out/bootstrap-fork`, '--type=extensionHost'],
    },
  ]
  return happens.flat()
}

/** What an open window sends always, some 1,300 bytes a minute. */
const open = { rate: 22 }
/** Somebody edits, with pauses. */
const editing = [
  { rate: 700, from: -90, until: 40, every: 170, lasts: 90 },
  { rate: 900, from: -90, until: 40, every: 410, lasts: 35 },
]

export const editors: readonly Scenario[] = [
  {
    ...{ ...own, id: 'editor-in-use-then-closed' },
    happens: [server({ sends: [open, ...editing], until: 41 })],
    needed: [[-90, 38]],
    // The last bytes of the editing lie somewhere in its last pause.
    lastUse: ['sessions'],
    acts: { last: 38, told: 'counter', heldAtMost: 53 },
    says: [{ from: 0, until: 38, verdict: 'active' }],
  },
  {
    ...{ ...own, id: 'editor-open-overnight', row: 'VS Code left open overnight, file watchers at 1–2 % CPU' },
    happens: [server({ sends: open, extensions: 0.02 })],
    needed: [],
    // Grace ends at -60; what a window always sends is known 15 min after the first check.
    lastUse: ['sessions'],
    acts: { last: -60, hold: 55, heldAtMost: 10 },
    says: [{ from: -50, until: 5, verdict: 'idle', by: ['editors', 'sessions'] }],
    without: { 'no-ss': 'the bytes of its client cannot be read, which is no reason to take it for idle' },
  },
  {
    ...{ ...own, id: 'editor-gone-extensions-spin' },
    // Nobody is connected any more, and an extension host turns in circles on a whole core.
    happens: [server({ sends: [open], until: -20, extensions: 0.98 })],
    needed: [],
    // While the window is open they are taken for somebody's work; the check at -20 sees it closed.
    lastUse: ['cpu'],
    acts: { last: -22, told: 'counter', hold: 55 },
    says: [
      {
        from: -20,
        until: 40,
        verdict: 'idle',
        by: ['editors'],
        because: /extensions \(pid \d+\) busy with 0\.98 cores, nobody connected/,
      },
    ],
  },
]
