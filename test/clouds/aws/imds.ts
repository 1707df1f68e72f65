// The instance metadata service of one instance: IMDSv2 with its tokens and status codes, on its own port.

import { randomBytes } from 'node:crypto'
import type { CloudAnswer, CloudRequest } from '../http-server.ts'
import type { Instance } from './instance.ts'
import { type Directory, listing, metadataTree, type Tree, type TreeSource } from './metadata-tree.ts'

const versions: readonly string[] = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
  '2011-01-01',
  '2011-05-01',
  '2012-01-12',
  '2014-02-25',
  '2014-11-05',
  '2015-10-20',
  '2016-04-19',
  '2016-06-30',
  '2016-09-02',
  '2018-03-28',
  '2018-08-17',
  '2018-09-24',
  '2019-10-01',
  '2020-10-27',
  '2021-01-03',
  '2021-03-23',
  '2021-07-15',
  '2022-09-24',
  '2024-04-11',
  'latest',
]

/** Live tokens of one instance, with the time each ends. */
export type Tokens = Map<string, number>

export interface MetadataService extends TreeSource {
  readonly tokens: Tokens
}

const maxTtlSeconds = 21_600

/** Answers one metadata request. */
export function answerMetadata(service: MetadataService, request: CloudRequest): CloudAnswer {
  if (!service.instance.metadataEndpoint) return page(403, 'Forbidden')
  if (request.method === 'PUT') return issueToken(service.tokens, request)
  if (request.method !== 'GET' && request.method !== 'HEAD') return page(405, 'Method Not Allowed')
  const token = request.headers['x-aws-ec2-metadata-token']
  if (token === undefined ? !mayOmitToken(service.instance, request) : !isLive(service.tokens, token, request.now)) {
    return page(401, 'Unauthorized')
  }
  return lookUp(service, request.path)
}

/** What the log shows of a metadata request: whether there was a token, never which. */
export function describeMetadata(request: CloudRequest): { params: Record<string, string> } {
  const ttl = request.headers['x-aws-ec2-metadata-token-ttl-seconds']
  if (request.method === 'PUT') return { params: ttl === undefined ? {} : { ttl } }
  return { params: request.headers['x-aws-ec2-metadata-token'] === undefined ? { token: 'none' } : {} }
}

function issueToken(tokens: Tokens, request: CloudRequest): CloudAnswer {
  if (request.headers['x-forwarded-for'] !== undefined) return page(403, 'Forbidden')
  if (request.path !== '/latest/api/token') {
    return request.path.endsWith('/api/token') ? page(403, 'Forbidden') : page(405, 'Method Not Allowed')
  }
  const text = request.headers['x-aws-ec2-metadata-token-ttl-seconds'] ?? ''
  const ttl = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (ttl < 1 || ttl > maxTtlSeconds) return page(400, 'Bad Request')
  const token = `${randomBytes(40).toString('base64url')}==`
  tokens.set(token, request.now + ttl * 1000)
  return plain(token, { 'X-aws-ec2-metadata-token-ttl-seconds': text })
}

function mayOmitToken(instance: Instance, request: CloudRequest): boolean {
  if (instance.metadataTokens === 'optional') return true
  const agent = request.headers['user-agent'] ?? ''
  return instance.tokenOptionalFor.some((prefix) => agent.startsWith(prefix))
}

function isLive(tokens: Tokens, token: string, now: number): boolean {
  const ends = tokens.get(token)
  return ends !== undefined && ends > now
}

function lookUp(service: MetadataService, path: string): CloudAnswer {
  const segments = decodePath(path)
  if (!segments) return page(400, 'Bad Request')
  const [version, ...rest] = segments
  if (version === undefined) return plain(versions.join('\n'))
  if (!versions.includes(version)) return page(404, 'Not Found')
  const found = descend(metadataTree(service), rest)
  // A text has no trailing slash; a directory may have one.
  if (found === undefined || (typeof found === 'string' && path.endsWith('/'))) return page(404, 'Not Found')
  if (typeof found !== 'string') return plain(listing(found, rest))
  return rest[0] === 'user-data' ? plain(found, { 'Content-Type': 'application/octet-stream' }) : plain(found)
}

function decodePath(path: string): string[] | undefined {
  try {
    return path.split('/').filter(Boolean).map(decodeURIComponent)
  } catch {
    return undefined // a percent sign that encodes nothing
  }
}

function descend(tree: Directory, segments: readonly string[]): Tree | undefined {
  let node: Tree | undefined = tree
  for (const segment of segments) {
    if (node === undefined || typeof node === 'string' || !Object.hasOwn(node, segment)) return undefined
    node = node[segment]
  }
  return node
}

function plain(body: string, headers: Readonly<Record<string, string>> = {}): CloudAnswer {
  return { status: 200, headers: { 'Content-Type': 'text/plain', Server: 'EC2ws', ...headers }, body }
}

/** An error page, as the vendor's: XHTML, with nothing in it to rely on. */
export function page(status: number, reason: string): CloudAnswer {
  const title = `${String(status)} - ${reason}`
  const body = `<?xml version="1.0" encoding="iso-8859-1"?>
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head><title>${title}</title></head>
 <body><h1>${title}</h1></body>
</html>
`
  return { status, headers: { 'Content-Type': 'text/html', Server: 'EC2ws' }, body }
}
