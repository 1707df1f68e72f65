/** Which processes are remote editors: their servers, and what these run for extensions and files. */
import type { Host } from '../host/host.ts'
import type { Server } from './clients.ts'
import { editorNames } from './editor-names.ts'
import { breathe, commandLine, type Process, processTable } from './processes.ts'

/** The remote editors of this machine. */
interface Editors {
  readonly servers: readonly Server[]
  /** Extension hosts and file watchers, which work by themselves; not the shells, tasks and language servers below them. */
  readonly helpers: readonly Process[]
}

/** Names of products by a part of their paths; the first that is found. */
const products: readonly (readonly [part: RegExp, name: string])[] = [
  [/^\.cursor-server/, 'Cursor server'],
  [/^\.windsurf-server/, 'Windsurf server'],
  [/^\.(vscodium|codium)-server|^vscodium/, 'VSCodium server'],
  [/^\.?openvscode-server/, 'openvscode-server'],
  [/^code-server$/, 'code-server'],
]

/** Commands of the editors' own command-line programs (`code tunnel`). */
const commands = ['serve-web', 'command-shell']
const commandPrograms = /^(code|cursor|windsurf|codium)(-tunnel|-insiders|-[\da-f]{40})*$/
/** What the backend of a JetBrains IDE is started with (remote-dev-server.sh run, Gateway). */
const backendModes = ['cwmHost', 'cwmHostNoLobby', 'remoteDevHost', 'serverMode']

/** Words of a command line and the parts of its paths. Looked at here, and printed nowhere. */
function partsOf(cmdline: string): { readonly program: string; readonly parts: ReadonlySet<string> } {
  const words = cmdline.split('\0')
  const first = words[0] ?? ''
  return { program: first.slice(first.lastIndexOf('/') + 1), parts: new Set(words.flatMap((word) => word.split('/'))) }
}

/** Which server this command line is, in a reason's words; `undefined` if it is none. */
export function editorServerName(cmdline: string): Pick<Server, 'name' | 'dials'> | undefined {
  const { program, parts } = partsOf(cmdline)
  const named = (other: string): string =>
    products.find(([part]) => [...parts].some((one) => part.test(one)))?.[1] ?? other
  if (parts.has('server-main.js')) return { name: named('VS Code server') }
  if (parts.has('out') && parts.has('node') && parts.has('entry')) return { name: 'code-server' }
  if (commandPrograms.test(program)) {
    if (parts.has('tunnel')) return { name: 'VS Code tunnel', dials: true }
    if (commands.some((one) => parts.has(one))) return { name: named('VS Code server') }
  }
  const backend = program === 'remote-dev-server' || backendModes.some((one) => parts.has(one))
  if (backend || (parts.has('JetBrains') && parts.has('Fleet'))) return { name: 'JetBrains backend' }
  return undefined
}

function isHelper(cmdline: string): boolean {
  const words = cmdline.split('\0')
  if (words[1]?.endsWith('/bootstrap-fork') !== true) return false
  return words.includes('--type=extensionHost') || words.includes('--type=fileWatcher')
}

async function find(host: Host, signal: AbortSignal): Promise<Editors> {
  const table = await processTable(host, signal)
  const servers: Server[] = []
  const helpers: Process[] = []
  const named = [...table.values()].filter(({ comm }) => editorNames.test(comm))
  for (const [step, process] of named.entries()) {
    await breathe(host, step, signal)
    const { pid, start } = process
    const cmdline = (await commandLine(host, pid, longest))?.text ?? ''
    const server = editorServerName(cmdline)
    if (server !== undefined) servers.push({ pid, start, ...server })
    else if (isHelper(cmdline)) helpers.push(process)
  }
  return { servers, helpers }
}

/** A longer command line is no editor's: anybody can have ten thousand processes with a megabyte each. */
const longest = 65_536

const looks = new WeakMap<Host, Promise<Editors>>()

/** The remote editors, looked for once a look. */
export function findEditors(host: Host, signal: AbortSignal): Promise<Editors> {
  const look = looks.get(host) ?? find(host, signal)
  looks.set(host, look)
  return look
}
