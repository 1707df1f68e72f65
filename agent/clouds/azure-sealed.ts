/** Loads the vendor's SDK sealed off from the environment of this process, which it would read by itself. */
import { unsetVariables } from '../host/unset.ts'

/**
 * What leads the SDK astray: to another identity (App Service, Arc, Cloud Shell, a federated token), another authority, a
 * proxy, or to printing. The two that the agent itself reads (contract.md) stay; the SDK is not asked to follow them.
 */
const steering =
  /^(?!AZURE_POD_IDENTITY_AUTHORITY_HOST$|AZURE_RESOURCE_MANAGER_ENDPOINT$)(AZURE|MSAL_|MSI_|IDENTITY_|IMDS_ENDPOINT$|DEFAULT_IDENTITY_|REGION_NAME$|(HTTPS?|ALL|NO)_PROXY$|(NODE_)?DEBUG$)/i

export async function loadSdk(): Promise<typeof import('./azure-sdk.ts')> {
  unsetVariables(steering)
  return import('./azure-sdk.ts')
}
