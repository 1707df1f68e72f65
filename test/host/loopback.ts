/** A Host with files in memory, and the real clocks, waits and HTTP, the last to this machine alone. */
import { isLoopback } from '../../agent/clouds/reach.ts'
import { requestHttp } from '../../agent/host/real-http.ts'
import { createMemoryHost, type MemoryHost, type MemoryOptions } from './memory.ts'

/** A host for talking to loopback servers; asking any other address fails the test that does it. */
export function createLoopbackHost(options: Omit<MemoryOptions, 'http' | 'clocks'> = {}): MemoryHost {
  const host = createMemoryHost({
    ...options,
    http(request) {
      const origin = /^https?:\/\/[^/]*/.exec(request.url)?.[0] ?? ''
      if (!isLoopback(origin)) throw new TypeError(`test: ${request.url} is not on this machine`)
      return requestHttp(request)
    },
  })
  return {
    ...host,
    clocks: () => ({ wallMs: Date.now(), bootMs: performance.now(), monoMs: performance.now() }),
    deadline(ms) {
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(new Error(`no end within ${ms} ms`)), ms)
      return { signal: late.signal, clear: () => clearTimeout(timer) }
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const stop = () => {
          clearTimeout(timer)
          reject(signal?.reason)
        }
        const timer = setTimeout(() => {
          signal?.removeEventListener('abort', stop)
          resolve()
        }, ms)
        if (signal?.aborted === true) return stop()
        signal?.addEventListener('abort', stop, { once: true })
      }),
  }
}
