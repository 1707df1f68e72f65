// A certificate authority made at start, and the certificates it gives to a simulated cloud's servers (RFC 5280, P-256).

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

/** A key and its certificate, as PEM texts. */
export interface Identity {
  readonly key: string
  readonly cert: string
}

export interface Authority {
  /** The authority's own certificate, as a PEM text, for a client's list of those it trusts. */
  readonly cert: string
  /** A certificate for a server of these names and IP addresses. */
  issue(names: readonly string[]): Identity
}

export interface AuthorityOptions {
  readonly commonName: string
  /** Epoch milliseconds. */
  readonly now: number
}

const dayMs = 24 * 3_600_000

/** Creates an authority whose key never leaves this process. */
export function createAuthority({ commonName, now }: AuthorityOptions): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { name: commonName, key: privateKey, publicKey }
  // Some days around now, since a simulated clock may run ahead of the machine's.
  const validity = sequence(time(now - 2 * dayMs), time(now + 300 * dayMs))
  const cert = certificate(issuer, {
    name: commonName,
    publicKey,
    validity,
    extensions: authorityExtensions(publicKey),
  })

  function issue(names: readonly string[]): Identity {
    const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const extensions = serverExtensions(names, leaf.publicKey, publicKey)
    const subject = { name: names[0] ?? commonName, publicKey: leaf.publicKey, validity, extensions }
    const key = leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { key, cert: certificate(issuer, subject) }
  }

  return { cert, issue }
}

interface Issuer {
  readonly name: string
  readonly key: KeyObject
  readonly publicKey: KeyObject
}

interface Subject {
  readonly name: string
  readonly publicKey: KeyObject
  readonly validity: Buffer
  readonly extensions: readonly Buffer[]
}

function certificate(issuer: Issuer, subject: Subject): string {
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')) // ecdsa-with-SHA256
  const serial = Buffer.concat([Buffer.of(1), randomBytes(15)]) // positive, and never the same
  const body = sequence(
    tagged(0xa0, integer(2)), // version 3
    tagged(0x02, serial),
    algorithm,
    commonName(issuer.name),
    subject.validity,
    commonName(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...subject.extensions)),
  )
  const whole = sequence(body, algorithm, bits(sign('sha256', body, issuer.key)))
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

function authorityExtensions(publicKey: KeyObject): Buffer[] {
  return [
    extension('2.5.29.19', sequence(tagged(0x01, Buffer.of(0xff))), true), // an authority
    extension('2.5.29.15', tagged(0x03, Buffer.of(1, 0x06)), true), // that signs certificates and lists
    extension('2.5.29.14', tagged(0x04, keyId(publicKey))),
  ]
}

function serverExtensions(names: readonly string[], own: KeyObject, authority: KeyObject): Buffer[] {
  return [
    extension('2.5.29.19', sequence(), true), // no authority
    extension('2.5.29.15', tagged(0x03, Buffer.of(7, 0x80)), true), // digital signatures
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'))), // of a server
    extension('2.5.29.17', sequence(...names.map(alternativeName))),
    extension('2.5.29.14', tagged(0x04, keyId(own))),
    extension('2.5.29.35', sequence(tagged(0x80, keyId(authority)))),
  ]
}

function alternativeName(name: string): Buffer {
  return isIP(name) === 0 ? tagged(0x82, Buffer.from(name)) : tagged(0x87, addressBytes(name))
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  // Node writes an address out only inside a URL or a list; `::` stands for as many zeros as are missing.
  const [head = '', tail] = address.split('::')
  const words = (text: string | undefined): string[] => (text ? text.split(':') : [])
  const missing = 8 - words(head).length - words(tail).length
  const all = [...words(head), ...Array.from({ length: missing }, () => '0'), ...words(tail)]
  return Buffer.from(all.map((word) => word.padStart(4, '0')).join(''), 'hex')
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [tagged(0x01, Buffer.of(0xff))] : []), tagged(0x04, value))
}

function commonName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(oid('2.5.4.3'), tagged(0x0c, Buffer.from(name)))))
}

/** UTCTime, which is good until 2049. */
function time(epochMs: number): Buffer {
  const text = new Date(epochMs).toISOString().replace(/[-:T]/g, '').slice(2, 14)
  return tagged(0x17, Buffer.from(`${text}Z`))
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const groups = [part & 0x7f]
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return tagged(0x06, Buffer.from(bytes))
}

function integer(value: number): Buffer {
  return tagged(0x02, Buffer.of(value))
}

function bits(content: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.of(0), content]))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

/** One DER element. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}
