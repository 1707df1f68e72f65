// Tokens of the simulated directory: issued by a VM's identity endpoint, checked by ARM, good nowhere else.

import { createHmac, randomBytes } from 'node:crypto'
import type { CloudClock } from '../clock.ts'
import { ArmError } from './errors.ts'
import { guid, resourceIdOf, type Vm } from './vm.ts'

/** Who a call is made by. */
export interface Principal {
  readonly objectId: string
  readonly clientId: string
  /** The VM whose identity it is; `undefined` is the operator, who may do everything. */
  readonly vmId: string | undefined
}

export interface Token {
  readonly value: string
  readonly resource: string
  readonly principal: Principal
  readonly issuedAt: number
  expiresAt: number
}

export interface TokenStore {
  readonly tenantId: string
  /** A token for whoever owns the subscription, good for ARM. */
  operatorToken(): string
  /** What the identity endpoint hands out now: the same one until a sixth of its life is left. */
  issue(vm: Vm, resource: string): Token
  /** The live token that a request brings; throws what ARM answers otherwise. */
  check(authorization: string | undefined): Token
  /** Ends all tokens now; the identity endpoint hands out new ones. */
  expire(): void
  /** The identity endpoint hands out new tokens; the old ones stay good until they expire. */
  rotate(): void
}

export interface TokenOptions {
  readonly clock: CloudClock
  readonly lifetimeSeconds: number
}

const tenantId = '72f988bf-0000-4000-8000-2d7cd011db47'

/** What ARM takes for itself, in the three clouds; a slash at the end makes no difference. */
const armAudiences: readonly string[] = [
  'https://management.azure.com',
  'https://management.core.windows.net',
  'https://management.usgovcloudapi.net',
  'https://management.core.usgovcloudapi.net',
  'https://management.chinacloudapi.cn',
  'https://management.core.chinacloudapi.cn',
]

/** Other resources that a token can be had for. */
const otherResources: readonly string[] = [
  'https://vault.azure.net',
  'https://storage.azure.com',
  'https://graph.microsoft.com',
]

/** Whether the directory knows the resource. */
export function isResource(resource: string): boolean {
  return [...armAudiences, ...otherResources].includes(bare(resource))
}

function bare(resource: string): string {
  return resource.replace(/\/$/, '')
}

/** Creates a tenant's tokens. */
export function createTokens({ clock, lifetimeSeconds }: TokenOptions): TokenStore {
  const secret = randomBytes(32)
  const tokens = new Map<string, Token>()
  const current = new Map<string, Token>()

  function make(principal: Principal, resource: string, claims: Readonly<Record<string, unknown>>): Token {
    const issuedAt = clock.now()
    const expiresAt = issuedAt + lifetimeSeconds * 1000
    const value = signed(secret, {
      aud: resource,
      ...times(issuedAt, expiresAt),
      ...claims,
      jti: randomBytes(8).toString('hex'),
    })
    const token: Token = { value, resource, principal, issuedAt, expiresAt }
    tokens.set(value, token)
    return token
  }

  function issue(vm: Vm, resource: string): Token {
    const key = `${vm.id} ${resource}`
    const existing = current.get(key)
    if (existing && existing.expiresAt - (lifetimeSeconds * 1000) / 6 > clock.now()) return existing
    const principal = { objectId: vm.principalId, clientId: guid(`client of ${vm.id}`), vmId: vm.id }
    const fresh = make(principal, resource, { oid: vm.principalId, sub: vm.principalId, xms_mirid: resourceIdOf(vm) })
    current.set(key, fresh)
    return fresh
  }

  function operatorToken(): string {
    const objectId = guid('operator')
    const principal = { objectId, clientId: guid('client of the operator'), vmId: undefined }
    return make(principal, 'https://management.azure.com/', { oid: objectId, sub: objectId }).value
  }

  function expire(): void {
    for (const token of tokens.values()) token.expiresAt = Math.min(token.expiresAt, clock.now())
    current.clear()
  }

  const check = (authorization: string | undefined): Token => checked(tokens, authorization, clock.now())
  return { tenantId, operatorToken, issue, check, expire, rotate: () => current.clear() }
}

function times(issuedAt: number, expiresAt: number): Readonly<Record<string, number>> {
  const issued = Math.floor(issuedAt / 1000)
  return { iat: issued, nbf: issued, exp: Math.floor(expiresAt / 1000) }
}

/** A JSON web token; nobody but this process can tell that it is a good one. */
function signed(secret: Buffer, claims: Readonly<Record<string, unknown>>): string {
  const issuer = { iss: `https://sts.windows.net/${tenantId}/`, tid: tenantId, idtyp: 'app', ver: '1.0' }
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const content = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode({ ...issuer, ...claims })}`
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}

function checked(tokens: ReadonlyMap<string, Token>, authorization: string | undefined, now: number): Token {
  const value = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1]
  if (value === undefined) {
    throw denied('AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing.")
  }
  const token = tokens.get(value)
  if (!token) throw denied('InvalidAuthenticationToken', 'The access token is invalid.', 'invalid_token')
  if (token.expiresAt <= now) {
    const ended = new Date(token.expiresAt).toISOString()
    throw denied(
      'ExpiredAuthenticationToken',
      `The access token expiry UTC time '${ended}' is earlier than current UTC time '${new Date(now).toISOString()}'.`,
      'invalid_token',
    )
  }
  if (!armAudiences.includes(bare(token.resource))) {
    throw denied(
      'InvalidAuthenticationTokenAudience',
      `The access token has been obtained for wrong audience or resource '${token.resource}'. It should exactly match ` +
        `with one of the allowed audiences ${armAudiences.map((audience) => `'${audience}/'`).join(',')}.`,
      'invalid_token',
    )
  }
  return token
}

function denied(code: string, message: string, problem?: string): ArmError {
  const where = `authorization_uri="https://login.windows.net/${tenantId}"`
  const error = problem === undefined ? '' : `, error="${problem}", error_description="${message}"`
  return new ArmError(code, message, { headers: { 'WWW-Authenticate': `Bearer ${where}${error}` } })
}
