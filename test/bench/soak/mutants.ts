// Agents that do one thing wrong, so that it is seen that the soak would tell.
import { openSync } from 'node:fs'
import type { Host, Store } from '../../../agent/host/host.ts'

type Change = (host: Host) => Host

/** What each does differently at every check, or with what it is told and writes. */
export const mutants: Readonly<Record<string, { check?: () => void; host?: Change }>> = {
  descriptor: { check: () => void openSync('/dev/null', 'r') },
  memory: { check: () => void kept.push(Array.from({ length: 25_000 }, (_, index) => kept.length + index + 0.5)) },
  buffer: { check: () => void buffers.push(Buffer.alloc(20_000)) },
  timer: { check: () => void setInterval(() => undefined, 3_600_000) },
  file: {
    host: withReplace(async (path, text, store, host) => {
      await store.replace(path, text, 0o600)
      if (isState(path)) await store.create(`${path}.${host.clocks().monoMs}.old`, text, 0o600)
    }),
  },
  leftover: {
    host: withReplace(async (path, text, store) => {
      await store.replace(path, text, 0o600)
      if (isState(path)) await store.replace(`${path}.tmp`, text, 0o600)
    }),
  },
  state: {
    host: withReplace((path, text, store) => {
      if (isState(path)) padding += ' '.repeat(200)
      return store.replace(path, isState(path) ? text + padding : text, 0o600)
    }),
  },
  audit: { host: dropping(/"action":"(?:hibernate|stop)","result":"done"/) },
  reconcile: { host: dropping(/"action":"reconcile"/) },
  tag: { host: dropping(/"action":"tag"/) },
  intent: { host: dropping(/"method":/) },
  lie: {
    host: withStore((store) => ({
      append: (path, line, mode) => store.append(path, line.replace('"action":"tag"', '"action":"stop"'), mode),
    })),
  },
  fails: { host: withStore(() => ({ makeDir: () => Promise.reject(new Error('made up')) })) },
  unleased: {
    host: withStore((store) => ({
      list: async (path) => (path.endsWith('/leases') ? [] : store.list(path)),
    })),
  },
  // What was refused it sends again an hour later than it is to.
  sulks: {
    host: withReplace((path, text, store) => {
      const later = text.replace(/"retryAt":(\d+)/, (_, at: string) => `"retryAt":${Number(at) + 3_600_000}`)
      return store.replace(path, later, 0o600)
    }),
  },
  // Whatever went wrong, it begins as if it had never been there.
  forgets: { host: forgetting },
}

const kept: number[][] = []
const buffers: Buffer[] = []
let padding = ''

function isState(path: string): boolean {
  return path.endsWith('/state.json')
}

function withStore(change: (store: Store, host: Host) => Partial<Store>): Change {
  return (host) => ({ ...host, store: { ...host.store, ...change(host.store, host) } })
}

function withReplace(replace: (path: string, text: string, store: Store, host: Host) => Promise<void>): Change {
  return withStore((store, host) => ({ replace: (path, text) => replace(path, text, store, host) }))
}

function dropping(line: RegExp): Change {
  return withStore((store) => ({
    append: async (path, text, mode) => (line.test(text) ? text.length : store.append(path, text, mode)),
  }))
}

function forgetting(host: Host): Host {
  let wrong = false
  let lastMs = 0
  return {
    ...host,
    async http(request) {
      const answer = await host.http(request)
      wrong ||= answer.status >= 500
      return answer
    },
    store: {
      ...host.store,
      async read(path) {
        if (!isState(path)) return host.store.read(path)
        const { monoMs } = host.clocks()
        const forgotten = wrong || monoMs - lastMs > 300_000
        wrong = false
        lastMs = monoMs
        return forgotten ? undefined : host.store.read(path)
      },
    },
  }
}
