/** Where a machine gets the executable from. */
import type { Architecture } from './sizes.ts'
import type { Template } from './template.ts'

/** What is fetched, and what it has to be. */
export interface Download {
  readonly url: string
  readonly sha256: string
  readonly architecture: Architecture
}

/** Where it is when the machine boots. */
export interface Agent {
  /** `undefined` where the template names no address, and so has it in the image. */
  readonly download: Download | undefined
  readonly inImage: boolean
}

/** From the template; what is missing is told to `wrong`. */
export function agentOf(
  { agent_url: url, agent_sha256: sha256, agent_in_image: inImage = false }: Template,
  architecture: Architecture,
  wrong: (key: string, message: string) => void,
): Agent {
  if (url === undefined) {
    if (!inImage) wrong('agent_url', urlMissing)
    return { download: undefined, inImage }
  }
  if (sha256 === undefined) {
    wrong('agent_sha256', `is missing: the sum of idle-agent-linux-${architecture} in dist/SHA256SUMS`)
    return { download: undefined, inImage }
  }
  return { download: { url: url.replaceAll('{arch}', architecture), sha256, architecture }, inImage }
}

const urlMissing =
  'is missing: the address of the executable, which machines can reach (with agent_sha256); ' +
  'or have it in the image, with agent_in_image: true'
