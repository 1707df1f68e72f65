/** Notes every TCP connection that this process begins, so that a test can say where it went. */
import { Socket } from 'node:net'

export interface Connections {
  /** `host:port` of each connection that was begun. */
  readonly begun: readonly string[]
  stop(): void
}

/** Watches from now on; a connection to another machine throws before anything is sent. */
export function watchConnections(): Connections {
  const begun: string[] = []
  const connect = Socket.prototype.connect
  Socket.prototype.connect = function watched(this: Socket, ...args: unknown[]): Socket {
    // http and https hand over their arguments as one normalised list.
    const first: unknown = Array.isArray(args[0]) ? args[0][0] : args[0]
    const to = typeof first === 'object' && first !== null ? new Map<string, unknown>(Object.entries(first)) : new Map()
    const host = String(to.get('host') ?? to.get('path') ?? 'localhost')
    begun.push(`${host}:${String(to.get('port') ?? '')}`)
    if (!/^(127\.|localhost$|::1$|\/)/.test(host)) throw new TypeError(`test: a connection to ${host} was begun`)
    return Reflect.apply(connect, this, args)
  }
  return {
    begun,
    stop: () => {
      Socket.prototype.connect = connect
    },
  }
}
