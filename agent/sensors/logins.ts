/** Who is logged in by another way than ssh: on a console, over mosh, or through AWS's session manager. */
import { loginPrompts } from './login-prompts.ts'
import type { ProcessTable } from './processes.ts'
import { deviceName } from './terminals.ts'
import { processName } from './words.ts'

/** One process for each such login, as long as it lasts. A mosh-server outlives its client. */
const servers: ReadonlySet<string> = new Set(['mosh-server', 'ssm-session-wor'])

/** What asks for the password stays behind the shell, and is alone before that. */
const login = 'login'

/** Consoles on which somebody is logged in: "ttyS0", "tty1", "hvc0". */
export function consolesInUse(table: ProcessTable): readonly string[] {
  const asked = new Set<number>()
  const used = new Set<number>()
  for (const { comm, ttyNr } of table.values()) {
    if (comm === login) asked.add(ttyNr)
    else if (!loginPrompts.has(comm)) used.add(ttyNr)
  }
  const names = [...asked].filter((ttyNr) => used.has(ttyNr)).map(deviceName)
  return names.filter((name) => /^(tty|hvc)/.test(name))
}

/** How many there are, and the first of them in words. */
export interface Logins {
  readonly count: number
  readonly first: string
}

/** All of them; `undefined` if there is none. */
export function otherLogins(table: ProcessTable): Logins | undefined {
  const served = [...table.values()].filter(({ comm }) => servers.has(comm))
  const names = [
    ...served.map(({ comm, pid }) => processName(comm, pid)),
    ...consolesInUse(table).map((name) => `on ${name}`),
  ]
  const [first] = names
  return first === undefined ? undefined : { count: names.length, first }
}
