// What passed between a client and Resource Manager or metadata, in the form that the vendor's validator (oav) reads.

import type { CloudAnswer, CloudRequest } from '../http-server.ts'

export interface Traffic {
  readonly liveRequest: {
    readonly method: string
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
  }
  readonly liveResponse: {
    readonly statusCode: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
  }
}

/** Where the vendor has the two servers. */
export const managerOrigin = 'https://management.azure.com'
export const metadataOrigin = 'http://169.254.169.254'

/** One request and its answer; the token that a request brings is left out. */
export function trafficOf(origin: string, request: CloudRequest, answer: CloudAnswer): Traffic {
  const { authorization: _, ...headers } = request.headers
  const texts = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const url = `${origin}${request.path}?${request.query}`
  return {
    liveRequest: { method: request.method, url, headers: Object.fromEntries(texts), ...bodyOf(request.body) },
    liveResponse: { statusCode: String(answer.status), headers: answer.headers ?? {}, ...bodyOf(answer.body) },
  }
}

function bodyOf(body: string | Buffer): { readonly body?: unknown } {
  const text = body.toString()
  if (text === '') return {}
  try {
    return { body: JSON.parse(text) as unknown }
  } catch {
    return { body: text } // what was ordered as a fault
  }
}
