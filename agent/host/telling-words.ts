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
])
