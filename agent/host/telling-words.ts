/**
 * The words of command lines that sensors look for. A capture keeps these and nothing else of what stands behind a program's
 * name, so a sensor that looks for another word has to add it here. Data only.
 */
export const tellingWords: ReadonlySet<string> = new Set([
  // `sleep infinity`, `slurmstepd infinity`
  ...['inf', 'infinity'],
  // agents of Jenkins and TeamCity, by the last part of a path or the whole word
  ...['agent.jar', 'remoting.jar', 'slave.jar', 'swarm-client.jar', 'jenkins.war'],
  'jetbrains.buildServer.agent.AgentMain',
  // Remote editors; these may also be one part of a path.
  ...['server-main.js', 'bootstrap-fork', 'out', 'node', 'entry', 'code-server', 'openvscode-server', '.vscode-server'],
  ...['.cursor-server', '.windsurf-server', '.vscodium-server', '.openvscode-server', '--type=extensionHost'],
  ...['--type=fileWatcher', 'tunnel', 'serve-web', 'command-shell', 'remote-dev-server', 'cwmHost', 'cwmHostNoLobby'],
  ...['remoteDevHost', 'serverMode', 'JetBrains', 'Fleet'],
  // X servers
  '-auth',
  // servers of Jupyter, by the last part of a path or the whole word
  ...['notebook', 'nbclassic', 'jupyterlab', 'jupyter_server', 'jupyterhub.singleuser', 'jupyterhub-singleuser'],
  ...['jupyter', 'jupyter-lab', 'jupyter-notebook', 'jupyter-server', 'jupyter-labhub', 'jupyter-nbclassic'],
])

/** Of a word that holds this, this part is kept: the connection file of a Jupyter kernel, by which kernels and their servers are matched. */
export const tellingPart: RegExp = /kernel-[\w-]{1,100}\.json/

/** The same for words that are told by their form; the whole word is kept, so a form must have no room for a secret. */
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
  /^(JetBrains$|RemoteDev|Fleet$)/,
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
