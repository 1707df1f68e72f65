/** The host that the process runs on: the one place where the agent meets the world. */
import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { HostError } from '../errors.ts'
import type { Clocks } from '../types.ts'
import type { FileStat, Host } from './host.ts'
import { codeOf, isAbsent } from './real-errors.ts'
import { fileStat, readRegular, unlessAbsent } from './real-files.ts'
import { requestHttp } from './real-http.ts'
import { runCommand, spawnInherited } from './real-run.ts'
import { createSelf } from './real-self.ts'
import { createStore } from './real-store.ts'
import { writeToTerminal } from './real-terminal.ts'

/** What a sensor reads at most of one file, unless it says otherwise. */
const DEFAULT_MAX_BYTES = 1_048_576

/** The longest wait a Node timer can do (2^31 − 1 ms); a longer one would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647

/** CLOCK_BOOTTIME and CLOCK_MONOTONIC of this machine; /proc/uptime is cut to 10 ms, and read between two looks at the other (kernel.md 4.1). */
function readClocks(): Clocks {
  const before = process.hrtime.bigint()
  const path = '/proc/uptime'
  const text = unlessAbsent({ what: 'read', path, absent: () => false }, () => readRegular(path, 256))
  const after = process.hrtime.bigint()
  const uptime = text?.match(/^(\d+\.\d+) /)?.[1]
  if (uptime === undefined) throw new HostError(`cannot read ${path}: it holds no uptime`)
  const monoMs = Number((before + after) / 2n / 1000n) / 1000
  return { wallMs: Date.now(), bootMs: Math.round(Number(uptime) * 1000), monoMs }
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      Math.min(Math.max(ms, 0), LONGEST_TIMER_MS),
    )
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

function deadline(ms: number): ReturnType<Host['deadline']> {
  const controller = new AbortController()
  const late = () => controller.abort(new HostError(`not done within ${ms} ms`))
  const timer = setTimeout(late, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS)).unref()
  return { signal: controller.signal, clear: () => clearTimeout(timer) }
}

/** The part of the host that reads below `root`. */
function createTree(root: string): Pick<Host, 'readText' | 'list' | 'stat' | 'readLink'> {
  // `..` is resolved against "/" before the root is put in front, so it cannot leave the root.
  // A symbolic link inside a fixture can; fixtures are our own. Without a root that is the kernel's: here it takes 1.5 ms a check.
  const below = (path: string) =>
    root === '/' && path.startsWith('/') ? path : posix.join(root, posix.normalize(`/${path}`))

  function look<T>(what: string, path: string, read: (path: string) => T): T | undefined {
    const full = below(path)
    return unlessAbsent({ what, path: full, absent: isAbsent }, () => read(full))
  }

  return {
    readText: async (path, maxBytes = DEFAULT_MAX_BYTES) => look('read', path, (full) => readRegular(full, maxBytes)),
    async list(path) {
      const full = below(path)
      // ENOTDIR: a file or a pipe where a folder should be tells nothing of what would be in it.
      const absent = (error: unknown) => isAbsent(error) && (codeOf(error) !== 'ENOTDIR' || !existsSync(full))
      return unlessAbsent({ what: 'list', path: full, absent }, () => readdirSync(full))
    },
    stat: async (path): Promise<FileStat | undefined> => look('look at', path, (full) => fileStat(statSync(full))),
    async readLink(path) {
      const full = below(path)
      // EINVAL: there is something, and it is no link.
      const absent = (error: unknown) => isAbsent(error) || codeOf(error) === 'EINVAL'
      return unlessAbsent({ what: 'read the link', path: full, absent }, () => readlinkSync(full))
    },
  }
}

/** The host below `root`, an absolute or relative folder; with anything but "/", commands and terminals are absent, and clocks, HTTP, store and self stay the machine's own. */
export function createHost(options: { readonly root: string; readonly env: NodeJS.ProcessEnv }): Host {
  const root = posix.resolve(options.root)
  const self = createSelf()
  const own = root === '/'
  return {
    root,
    self,
    store: createStore(self),
    env: (name) => options.env[name],
    clocks: readClocks,
    sleep,
    deadline,
    ...createTree(root),
    run: async (argv, limits) => (own ? await runCommand(argv, limits) : undefined),
    spawnInherited,
    http: requestHttp,
    // Loaded where a desktop runs.
    displayIdleMs: async (display, limits) =>
      own ? (await import('./real-display.ts')).displayIdleMs(display, limits) : undefined,
    writeTerminal: async (path, text) => own && writeToTerminal(posix.normalize(`/${path}`), text),
  }
}
