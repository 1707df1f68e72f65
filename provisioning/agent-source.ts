/** Where a machine gets the executable from. */
import type { Architecture } from './sizes.ts'
import type { Template } from './template.ts'

export type Agent =
  | { readonly kind: 'image' }
  | { readonly kind: 'url'; readonly url: string; readonly sha256: string; readonly architecture: Architecture }

/** From the template; `undefined` where it says too little, which is told to `wrong`. */
export function agentOf(
  { agent_url: url, agent_sha256: sha256, agent_in_image: inImage }: Template,
  architecture: Architecture,
  wrong: (key: string, message: string) => void,
): Agent | undefined {
  if (inImage === true) {
    if (url !== undefined) wrong('agent_url', 'is of no use beside agent_in_image: true; leave one of them out')
    return { kind: 'image' }
  }
  if (url === undefined) {
    wrong(
      'agent_url',
      'is missing: the address of the executable, which machines can reach (with agent_sha256); or have it in the image, with agent_in_image: true',
    )
    return undefined
  }
  if (sha256 === undefined) {
    wrong('agent_sha256', `is missing: the sum of idle-agent-linux-${architecture} in dist/SHA256SUMS`)
    return undefined
  }
  return { kind: 'url', url: url.replaceAll('{arch}', architecture), sha256, architecture }
}
