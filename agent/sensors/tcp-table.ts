/** TCP sockets as /proc/net/tcp lists them, which every process may read: without what passed over them. */
import type { Host } from '../host/host.ts'
import { linesOf } from './counts.ts'

/** One end of a connection. */
interface TableEnd {
  /** Eight or 32 digits, as `parseHexAddress` takes them. */
  readonly address: string
  readonly port: number
}

/** One socket. */
export interface TcpRow {
  readonly near: TableEnd
  readonly far: TableEnd
  /** Two digits (include/net/tcp_states.h): 01 established, 06 TIME_WAIT, 0A listening. */
  readonly state: string
  /** 0 where no process has it any more. */
  readonly ino: number
}

/** Some 50,000 sockets. */
const mostBytes = 8_000_000

const columns = (() => {
  const end = '([\\dA-F]{8}|[\\dA-F]{32}):([\\dA-F]{4})'
  return new RegExp(`^ *\\d+: ${end} ${end} ([\\dA-F]{2})(?: +\\S+){5} +(\\d{1,15})(?: |$)`)
})()

/** Parses the text of /proc/net/tcp or tcp6 (proc_net_tcp.rst). Throws if a line is not understood. */
export function parseTcp(text: string): readonly TcpRow[] {
  const [heading, ...lines] = linesOf(text, '/proc/net/tcp')
  if (heading === undefined) throw new Error('/proc/net/tcp is empty')
  return lines.map((line) => {
    const found = columns.exec(line)
    if (found === null) throw new Error('a line of /proc/net/tcp is not understood')
    const [, near = '', nearPort = '', far = '', farPort = '', state = '', ino] = found
    return {
      near: { address: near, port: Number.parseInt(nearPort, 16) },
      far: { address: far, port: Number.parseInt(farPort, 16) },
      state,
      ino: Number(ino),
    }
  })
}

/** Reads one table; `undefined` where it is absent. Throws if a line is not understood, or there are very many. */
export async function readTcp(host: Host, path: string): Promise<readonly TcpRow[] | undefined> {
  const text = await host.readText(path, mostBytes)
  return text === undefined ? undefined : parseTcp(text)
}
