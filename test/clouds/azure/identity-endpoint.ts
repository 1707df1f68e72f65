// The identity endpoint of one VM: tokens of its system-assigned identity, errors as the vendor's page lists them.

import type { CloudAnswer, CloudRequest } from '../http-server.ts'
import { isResource, type TokenStore } from './identity.ts'
import type { Vm } from './vm.ts'

export const tokenPath = '/metadata/identity/oauth2/token'

const versions: readonly string[] = ['2018-02-01', '2019-08-01', '2021-02-01', '2025-05-01']

/** Answers a request that has passed the checks of the metadata service. */
export function answerToken(vm: Vm, tokens: TokenStore, request: CloudRequest): CloudAnswer {
  const query = new URLSearchParams(request.query)
  if (!versions.includes(query.get('api-version') ?? '')) {
    return refusal(400, 'invalid_request', 'Required query variable api-version is missing or has no known value')
  }
  const resource = query.get('resource') ?? ''
  if (resource === '') return refusal(400, 'invalid_request', "Required query variable 'resource' is missing")
  const named = ['client_id', 'object_id', 'msi_res_id', 'mi_res_id'].some((name) => query.get(name))
  // No user-assigned identity exists here, so that naming one finds none.
  if (!vm.identity || named) return refusal(400, 'invalid_request', 'Identity not found')
  if (!isResource(resource)) return refusal(400, 'invalid_resource', unknownResource(resource, tokens.tenantId))
  const token = tokens.issue(vm, resource)
  const left = String(Math.floor((token.expiresAt - request.now) / 1000))
  return json(200, {
    access_token: token.value,
    client_id: token.principal.clientId,
    expires_in: left,
    expires_on: String(Math.floor(token.expiresAt / 1000)),
    ext_expires_in: left,
    not_before: String(Math.floor(token.issuedAt / 1000)),
    resource,
    token_type: 'Bearer',
  })
}

function unknownResource(resource: string, tenantId: string): string {
  return (
    `AADSTS50001: The application named ${resource} was not found in the tenant named ${tenantId}. This can happen if ` +
    'the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.'
  )
}

/** An error in the form of OAuth. */
export function refusal(status: number, error: string, description: string): CloudAnswer {
  return json(status, { error, error_description: description })
}

function json(status: number, body: unknown): CloudAnswer {
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) }
}
