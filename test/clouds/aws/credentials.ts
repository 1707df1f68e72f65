// Credentials of the simulated account: an operator's long-lived key, and role sessions that expire and rotate.

import { randomBytes } from 'node:crypto'
import type { CloudClock } from '../clock.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Who signed a call. */
export interface Principal extends Credentials {
  readonly arn: string
  /** The role; `undefined` is the operator, who may do everything. */
  readonly role: string | undefined
  /** The instance the role was delivered to. */
  readonly instanceId: string | undefined
}

export interface RoleSession extends Principal {
  readonly token: string
  readonly issuedAt: number
  expiresAt: number
}

export interface CredentialStore {
  /** Not from metadata: for whoever starts the instance again. */
  readonly operator: Principal
  /** What the metadata service hands out now; a new session once less than the rotation margin remains. */
  session(instanceId: string, role: string): RoleSession
  find(accessKeyId: string): Principal | RoleSession | undefined
  /** Ends all sessions now; the metadata service hands out new ones. */
  expire(): void
  /** Metadata hands out new credentials at the next request; the old ones stay good until they expire. */
  rotate(): void
}

export interface CredentialOptions {
  readonly clock: CloudClock
  readonly accountId: string
  readonly lifetimeSeconds: number
  readonly rotateBeforeSeconds: number
}

/** Creates an account's credentials; nothing in it is good anywhere else. */
export function createCredentials(options: CredentialOptions): CredentialStore {
  const { clock, accountId } = options
  const sessions: RoleSession[] = []
  const current = new Map<string, RoleSession>()
  const operator: Principal = {
    accessKeyId: keyId('AKIA'),
    secretAccessKey: secret(),
    arn: `arn:aws:iam::${accountId}:user/operator`,
    role: undefined,
    instanceId: undefined,
  }

  function session(instanceId: string, role: string): RoleSession {
    const key = `${instanceId} ${role}`
    const existing = current.get(key)
    const margin = options.rotateBeforeSeconds * 1000
    if (existing && existing.expiresAt - margin > clock.now()) return existing
    const fresh = newSession(options, instanceId, role)
    sessions.push(fresh)
    current.set(key, fresh)
    return fresh
  }

  function find(accessKeyId: string): Principal | RoleSession | undefined {
    if (accessKeyId === operator.accessKeyId) return operator
    return sessions.find((entry) => entry.accessKeyId === accessKeyId)
  }

  function expire(): void {
    for (const entry of sessions) entry.expiresAt = Math.min(entry.expiresAt, clock.now())
    current.clear()
  }

  return { operator, session, find, expire, rotate: () => current.clear() }
}

function newSession(
  { clock, accountId, lifetimeSeconds }: CredentialOptions,
  instanceId: string,
  role: string,
): RoleSession {
  return {
    accessKeyId: keyId('ASIA'),
    secretAccessKey: secret(),
    token: randomBytes(600).toString('base64'),
    arn: `arn:aws:sts::${accountId}:assumed-role/${role}/${instanceId}`,
    role,
    instanceId,
    issuedAt: clock.now(),
    expiresAt: clock.now() + lifetimeSeconds * 1000,
  }
}

/** Whether a principal is a role session, which a call must name by its token. */
export function isSession(principal: Principal): principal is RoleSession {
  return principal.role !== undefined
}

const keyAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function keyId(prefix: string): string {
  return prefix + [...randomBytes(16)].map((byte) => keyAlphabet[byte % 32]).join('')
}

function secret(): string {
  return randomBytes(30).toString('base64')
}
