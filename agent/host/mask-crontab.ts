/** Crontabs as a capture keeps them: when something runs, and of what runs only whether it is the distribution's own. */

const value = /(?:\d{1,2}|[a-z]{3})/i.source
const range = `(?:\\*|${value}(?:-${value})?)(?:/\\d{1,3})?`
const field = new RegExp(`^${range}(?:,${range}){0,60}$`, 'i')

/** `run-parts /etc/cron.daily` is housekeeping as long as the distribution alone has scripts there (agent/vetoes/cron.ts). */
function maskCommand(command: string): string {
  const folders = command.match(/\/etc\/cron\.(?:hourly|daily|weekly|monthly)\b/g) ?? []
  return ['x', ...(/\brun-parts\b/.test(command) ? ['run-parts'] : []), ...new Set(folders)].join(' ')
}

/** What follows the time: in the system's own crontabs the user first. */
function maskRest(rest: string, hasUser: boolean): string {
  if (!hasUser) return maskCommand(rest)
  const [, user = '', command] = /^(\S+)[ \t]+(\S.*)$/.exec(rest) ?? []
  if (command === undefined) return 'x'
  return `${/^[\w.-]{1,32}$/.test(user) ? user : 'x'} ${maskCommand(command)}`
}

function maskAssignment(name: string, text: string): string {
  return name === 'CRON_TZ' && /^["']?[\w/+-]{1,64}["']?$/.test(text) ? `${name}=${text}` : `${name}=x`
}

function maskLine(raw: string, hasUser: boolean): string {
  const line = raw.trim()
  if (line === '') return ''
  if (line.startsWith('#')) return '#'
  const [, name, text] = /^["']?([A-Za-z_]\w*)["']?[ \t]*=[ \t]*(.*)$/.exec(line) ?? []
  if (name !== undefined) return maskAssignment(name, text ?? '')
  const [, nickname, what] = /^(@\w+)[ \t]+(\S.*)$/.exec(line) ?? []
  if (nickname !== undefined)
    return `${/^@[a-z]{1,10}$/.test(nickname) ? nickname : '@x'} ${maskRest(what ?? '', hasUser)}`
  const timed = /^(-?)(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S.*)$/.exec(line)
  if (timed === null) return 'x'
  const [, dash = '', ...fields] = timed
  const rest = fields.pop() ?? ''
  return `${dash}${fields.map((one) => (field.test(one) ? one : 'x')).join(' ')} ${maskRest(rest, hasUser)}`
}

/** The text of a crontab(5) as it is recorded; `hasUser` for the system's own, whose lines name one. */
export function maskCrontab(text: string, hasUser: boolean): string {
  return text
    .split('\n')
    .map((line) => maskLine(line, hasUser))
    .join('\n')
}
