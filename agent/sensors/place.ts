/** Where a process belongs, by the path of its control group: a session, a unit, a container (kernel.md 1.3). Pure. */

/** Path in the text of /proc/PID/cgroup: of the unified tree, else of systemd's own; `undefined` where neither tells, as without systemd. */
export function groupPath(text: string): string | undefined {
  const lines = text.split('\n')
  for (const prefix of [/^0::/, /^\d+:name=systemd:/]) {
    const line = lines.find((one) => prefix.test(one))?.replace(prefix, '')
    if (line !== undefined && line !== '/') return line
  }
  return undefined
}

/** As the engines name the group of a container: systemd's scope, a folder of its own below `docker` or a pod. */
const container =
  /(?:^|\/)(?:docker|libpod|crio|cri-containerd|nerdctl|buildkit)[-/]([0-9a-f]{12})[0-9a-f]{52}|\/pod[^/]*\/([0-9a-f]{12})[0-9a-f]{52}/

/** Names that only root gives, and what a user may call a unit below their own, as far as it says something and is short. */
const unit = /^[\w@:.\\-]{1,40}\.(?:service|scope)$/

/** "session 12", "cron.service", "container 3f2a9c01d4e5"; `undefined` where the path says nothing. Nobody's name: users are numbers there. */
export function placeOf(path: string): string | undefined {
  const [, id = container.exec(path)?.[2]] = container.exec(path) ?? []
  if (id !== undefined) return `container ${id}`
  const [, payload] = /^\/lxc\.payload\.([\w-]{1,30})(?:\/|$)/.exec(path) ?? []
  if (payload !== undefined) return `container ${payload}`
  const [, session] = /^\/user\.slice\/user-\d+\.slice\/session-(c?\d+)\.scope/.exec(path) ?? []
  if (session !== undefined) return `session ${session}`
  const parts = path.split('/')
  // Of a service within a user's manager, that service.
  return parts.findLast((part) => unit.test(part) && !part.startsWith('user@')) ?? parts.find((part) => unit.test(part))
}

/** The user that a path belongs to, where it is below one's slice. */
export function ownerOf(path: string): number | undefined {
  const [, uid] = /^\/user\.slice\/user-(\d{1,10})\.slice(?:\/|$)/.exec(path) ?? []
  return uid === undefined ? undefined : Number(uid)
}
