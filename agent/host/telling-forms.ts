/** What is kept of command lines besides telling-words.ts: words that are told by their form, and options by what they do. Data only. */

/** Whole words that are kept as they are; a form must have no room for a secret. */
export const tellingForms: readonly RegExp[] = [
  /^:\d{1,3}$/, // the display of an X server
]

/** What an option's value may look like to be kept, whether it stands behind `=` or is the next word. */
export const tellingValues: ReadonlyMap<string, RegExp> = new Map([
  ['-auth', /^[\w./-]{1,200}$/], // an X server's file of cookies
])

/** Parts of paths of which as much is kept as matches. */
export const tellingParts: readonly RegExp[] = [
  /^\.?(vscode|vscodium|codium|cursor|windsurf|openvscode|positron|trae|kiro|zed)[-_]server/,
  /^(JetBrains$|RemoteDev|Fleet$|vscodium)/,
  // the script of a step of a Jenkins pipeline
  /@tmp$/,
  /^durable-[0-9a-f]{8}$/,
]

/** Beginnings of titles that programs give themselves in place of a command line; as much is kept as matches. */
export const tellingTitles: readonly RegExp[] = [/^slurmstepd: \[\d{1,10}(\.\w{1,10})?\]/]

/**
 * Programs that are kept where a script's interpreter stands before them: shells, interpreters and clients of databases
 * (agent/sensors/known-programs.ts), names cut at 15 bytes as the kernel does.
 */
export const scriptable =
  /^(r?bash|sh|dash|zsh|fish|ksh(93)?|mksh|t?csh|ash|busybox|nu|xonsh|python[\d.]{0,6}|pypy[\d.]{0,6}|ipython[\d.]{0,6}|bpython|ptpython|node|nodejs|MainThread|node-MainThread|deno|bun|R|Rscript|julia|irb|ghci|octave(-cli)?|lua[\d.]{0,6}|php[\d.]{0,6}|scala|jshell|gdb|pdb3?|bc|dc|psql|mysql|mariadb|sqlite3|redis-cli|mongosh?|clickhouse-clie|duckdb|cqlsh|influx)$/

/** Options that give a program something to run, or take the next word as their value: kept by name, never with their value. */
export const tellingOptions: ReadonlySet<string> = new Set([
  ...['-', '--', '-c', '-e', '-m', '-f', '-p', '-W', '-X', '-o', '-O', '+o', '+O'],
  ...['--init-file', '--rcfile', '--require', '--import'],
  ...['--eval', '--print', '--command', '--file', '--run', '--check', '--test', '--watch'],
  ...['--execute', '--query', '--queries-file'],
])

/** Letters of ssh's options that take a value (ssh(1)): where the first of them stands in a word decides what the next word is. */
export const sshValueLetters = 'BbcDEeFIiJLlmOoPpQRSWw'
