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
