// What people in a guest see of the agent, as bytes: no control character of anybody's may be among them.
import type { Guest } from './guest.ts'
import { endpoints } from './story.ts'

/** Control and format characters, where they stand; line feeds are none, our own colours where there may be some. */
export function rawIn(text: string, colours: boolean): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const rest = colours ? text.replaceAll('\r\n', '\n').replace(/\u001b\[(0|1|2|31|32|33|36)m/g, '') : text
  const raw = /.{0,30}[\p{Cc}\p{Cf}\p{Zl}\p{Zp}].{0,30}/gu
  return [...rest.split('\n').join('').matchAll(raw)].map(([found]) => JSON.stringify(found))
}

const asNobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups'
const check = `env ${endpoints.join(' ')} idle-agent check`

/** Everything that the agent writes for people and programs. */
const shown: Readonly<Record<string, string>> = {
  status: 'idle-agent status',
  'status of a user': `${asNobody} idle-agent status; ${asNobody} idle-agent keep --list`,
  'status.json': 'cat /run/idle-agent/status.json',
  check,
  'check --json': `${check} --json`,
  doctor: `env ${endpoints.join(' ')} idle-agent doctor`,
  journal: 'journalctl -u idle-agent.service -o cat --all --no-pager',
  'audit log': 'cat /var/log/idle-agent/audit.jsonl',
  'the line at login': 'cat /etc/motd.d/* 2>/dev/null',
}

/** What runs on a terminal, with colours. A terminal is new evidence of somebody. */
const onTerminal: Readonly<Record<string, string>> = {
  'check on a terminal': `script -qec '${check}' /dev/null`,
  'status on a terminal': "script -qec 'idle-agent status' /dev/null",
}

/** By what is shown: what of it is raw. Opens terminals. */
export async function rawShown(guest: Guest): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>()
  for (const [name, command] of Object.entries({ ...shown, ...onTerminal })) {
    const { stdout, stderr } = await guest.exec(`${command} 2>&1; true`, 30_000)
    if (stdout === '' && name !== 'the line at login' && name !== 'journal')
      throw new Error(`${name}: nothing is shown: ${stderr}`)
    found.set(name, rawIn(stdout, name in onTerminal))
  }
  const tags = await guest.cloud.tags()
  found.set('tags', rawIn(Object.values(tags).join(' '), false))
  return found
}

export interface Measured {
  readonly code: number
  readonly ms: number
  readonly peakMiB: number
  readonly stdout: string
}

const measure = `import json, resource, subprocess, sys, time
began = time.time()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, timeout=60)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({'code': done.returncode, 'ms': (time.time() - began) * 1000, 'peakMiB': peak // 1024, 'stdout': done.stdout.decode()}))`

/** Runs a check by hand, as root: how it ended, how long it took, and its most memory. */
export async function measured(guest: Guest): Promise<Measured> {
  const text = await guest.ask(`python3 -c "${measure}" ${check} --json`, 70_000)
  return JSON.parse(text) as Measured // printed by the lines above
}
