/** The few things that are used of the vendor's SDK; named here, so that the executable leaves the others out. */
// biome-ignore lint/performance/noBarrelFile: whole, with its operations, the client is 480 kB larger (docs/decisions.md)
export { createComputeManagement } from '@azure/arm-compute/api'
export { ManagedIdentityCredential } from '@azure/identity'
