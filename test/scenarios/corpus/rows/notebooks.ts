/** Notebooks: kernels of Jupyter that work, wait, or only hold what they have, with and without a browser. */
import { service } from '../base.ts'
import type { Happening, Scenario } from '../scenario.ts'
import type { Load } from '../times.ts'

const folder = '/home/alice/.local/share/jupyter/runtime'
const id = '5b1a1cf0-6d7c-4b0c-9a3e-0a4f2d1c9e77'

interface Kernel {
  /** A cell runs. */
  readonly busy?: (minute: number) => boolean
  /** Minute of the last message that a browser or server saw. */
  readonly told: (minute: number) => number
  /** Browsers connected. */
  readonly open?: (minute: number) => number
  readonly cpu?: Load
  readonly wakes?: Load
  /** The server does not answer. */
  readonly silent?: true
}

/** A server of Jupyter with one kernel, whose main thread does not wake by itself (ipykernel's command line; the answer of /api/kernels, jupyter_server 2). */
function notebook({
  busy = () => false,
  told,
  open = () => 0,
  cpu = 0,
  wakes = 0,
  silent,
}: Kernel): readonly Happening[] {
  const file = `${folder}/kernel-${id}.json`
  return [
    {
      ...{
        kind: 'program',
        id: 'jupyter',
        comm: 'jupyter-lab',
        argv: ['/opt/venv/bin/python3', '/opt/venv/bin/jupyter-lab', '--no-browser'],
      },
      ...{ uid: 1000, group: service('jupyter'), leads: true, from: -300, cpu: 0.002, listens: 8888 },
    },
    {
      ...{
        kind: 'program',
        id: 'kernel',
        comm: 'python3',
        argv: ['/opt/venv/bin/python3', '-m', 'ipykernel_launcher', '-f', file],
      },
      ...{ uid: 1000, parent: 'jupyter', leads: true, from: -290, cpu, wakes },
      wchan: (minute) => (busy(minute) ? 'hrtimer_nanosleep' : 'ep_poll'),
    },
    {
      kind: 'http',
      url: 'http://127.0.0.1:8888/api/kernels?no_track_activity=1',
      body: (minute, wallMs) =>
        silent === true
          ? undefined
          : JSON.stringify([
              {
                ...{ id, name: 'python3', execution_state: busy(minute) ? 'busy' : 'idle', connections: open(minute) },
                last_activity: new Date(wallMs(told(minute))).toISOString(),
              },
            ]),
    },
  ]
}

const own = { row: 'own', made: 'written', needs: 'notebooks', up: 400 } as const

export const notebooks: readonly Scenario[] = [
  {
    ...{ ...own, id: 'notebook-holds-a-frame', row: 'notebook kernel holds a data frame, no execution for 5 h' },
    happens: [notebook({ told: () => -280 })],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'notebook-polls-a-job', row: 'notebook cell polls an external job for 2 h, browser closed' },
    // The cell asks and sleeps: nothing to see but that it runs.
    happens: [
      notebook({
        busy: (minute) => minute < 120,
        told: (minute) => Math.min(minute, 120),
        cpu: { rate: 0.002, until: 120 },
        wakes: { rate: 0.1, until: 120 },
      }),
    ],
    needed: [[-280, 120]],
    acts: { last: 120, told: 'counter' },
    says: [{ from: 0, until: 120, verdict: 'active', by: ['notebooks'] }],
  },
  {
    ...{ ...own, id: 'notebook-silent-cell' },
    // A long cell prints nothing: the last message is old, the server says busy.
    happens: [notebook({ busy: (minute) => minute < 70, told: () => -20 })],
    needed: [[-20, 70]],
    acts: { last: 70, told: 'counter' },
    says: [{ from: 0, until: 70, verdict: 'active', by: ['notebooks'], because: /notebook kernel busy/ }],
  },
  {
    ...{ ...own, id: 'notebook-tab-left-open' },
    happens: [notebook({ told: () => -60, open: () => 1 })],
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['notebooks'], because: /open in a browser/ }],
  },
  {
    ...{ ...own, id: 'notebook-server-silent' },
    happens: [notebook({ silent: true, told: () => 0 })],
    needed: [],
    acts: { last: 0, hold: 55 },
    says: [{ from: 0, until: 64, verdict: 'idle', by: ['notebooks'] }],
  },
  {
    ...{ ...own, id: 'notebook-cells-now-and-then' },
    // Somebody runs a cell every 7 min until minute 49.
    happens: [notebook({ told: (minute) => Math.min(49, Math.floor(minute / 7) * 7), open: () => 1 })],
    needed: [[-60, 49]],
    lastUse: ['notebooks'],
    acts: { last: 49, hold: 55 },
  },
]
