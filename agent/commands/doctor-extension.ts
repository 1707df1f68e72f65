/** What an extension of Azure's VM agent said last, from the files that the agent leaves. */
import type { Host } from '../host/host.ts'
import { isObject } from '../parse.ts'

const AGENT = '/var/lib/waagent'

/** The message of its last status where that is an error; `undefined` where it is none, or the extension is not there. Throws HostError. */
export async function extensionProblem(host: Host, extension: string | undefined): Promise<string | undefined> {
  if (extension === undefined) return undefined
  const folders = ((await host.list(AGENT)) ?? []).filter((name) => name.startsWith(`${extension}-`))
  const folder = folders.toSorted((one, other) => one.localeCompare(other, 'en', { numeric: true })).at(-1)
  if (folder === undefined) return undefined
  const files = ((await host.list(`${AGENT}/${folder}/status`)) ?? []).filter((name) => /^\d+\.status$/.test(name))
  const last = files.toSorted((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10)).at(-1)
  return last === undefined ? undefined : problemIn((await host.readText(`${AGENT}/${folder}/status/${last}`)) ?? '')
}

function problemIn(text: string): string | undefined {
  const status = memberOf(first(text), 'status')
  if (memberOf(status, 'status') !== 'error') return undefined
  const message = memberOf(memberOf(status, 'formattedMessage'), 'message')
  return typeof message === 'string' ? message.replace(/\s+/g, ' ').slice(0, 200) : 'nothing more'
}

/** The file is a list of one; while it is being written it may be none. */
function first(text: string): unknown {
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) ? list[0] : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function memberOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined
}
