// Agents that do one thing wrong, so that it is seen that the soak would tell.
import { openSync } from 'node:fs'
import type { Host } from '../../../agent/host/host.ts'

/** What each does differently at every check, or with the files. */
export const mutants: Readonly<Record<string, { check?: () => void; host?: (host: Host) => Host }>> = {
  descriptor: { check: () => void openSync('/dev/null', 'r') },
  memory: { check: () => void kept.push(Array.from({ length: 25_000 }, (_, index) => kept.length + index + 0.5)) },
  timer: { check: () => void setInterval(() => undefined, 3_600_000) },
  file: {
    host: (host) => ({
      ...host,
      store: {
        ...host.store,
        async replace(path, text, mode) {
          await host.store.replace(path, text, mode)
          if (path.endsWith('/state.json')) await host.store.create(`${path}.${host.clocks().monoMs}.old`, text, mode)
        },
      },
    }),
  },
  audit: { host: (host) => dropping(host, /"action":"(?:hibernate|stop)","result":"done"/) },
  reconcile: { host: (host) => dropping(host, /"action":"reconcile"/) },
}

const kept: number[][] = []

function dropping(host: Host, line: RegExp): Host {
  const { append } = host.store
  const kept: typeof append = async (path, text, mode) => (line.test(text) ? text.length : append(path, text, mode))
  return { ...host, store: { ...host.store, append: kept } }
}
