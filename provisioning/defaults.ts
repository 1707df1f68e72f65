/** What is generated without a template: the role for machines that exist, and user data to fill in by hand. */

import { posix } from 'node:path'
import { permissions as azurePermissions } from '../agent/clouds/azure-send.ts'
import { general } from '../agent/config/options.ts'
import { installedFiles, servicePath, timerPath } from '../agent/install/files.ts'
import { roleDescription, roleTitle } from './azure-vm.ts'
import { bootstrapScript } from './bootstrap.ts'
import { awsPolicy, awsTrust, instancesIn } from './iam.ts'
import { jsonFile, type OutputFile } from './output.ts'
import { writtenKeys } from './tags.ts'

const prefix = general.tag_prefix.default

const about = [
  'Installs idle-agent at the first boot: give this as user data to an EC2 instance, as custom data or user data to an Azure',
  "VM. cloud-init runs it as root; what it says is in /var/log/cloud-init-output.log. What the machine's role or identity",
  'has to be allowed is in iam/; "sudo idle-agent doctor" tells what is missing. Set the address of the executable and its sum',
  '(dist/SHA256SUMS), for each architecture that you launch; keep the rest. metadata_root_only: true lets only root reach the',
  'role, and needs nftables (docs/security.md). "idle-agent provision" makes this, and the rest, from a template.',
]

/** By path in the repository. */
export function defaultFiles(): readonly OutputFile[] {
  const tagKeys = writtenKeys(prefix)
  const instances = instancesIn('aws')
  const sha256 = '0'.repeat(64)
  const architectures = ['x64', 'arm64'] as const
  const script = bootstrapScript({
    about,
    downloads: architectures.map((architecture) => {
      return { url: `https://example.com/idle-agent-linux-${architecture}`, sha256, architecture }
    }),
    config: {
      idle_detection: {
        idle_threshold_minutes: 5,
        hibernate_threshold_minutes: 10,
        check_interval_minutes: 2,
        metadata_root_only: false,
      },
    },
    proxy: undefined,
  })
  return [
    jsonFile('iam/aws-role-policy.json', awsPolicy({ tagKeys, describeTags: false, instances })),
    jsonFile('iam/aws-role-policy-without-metadata-tags.json', awsPolicy({ tagKeys, describeTags: true, instances })),
    jsonFile('iam/aws-role-trust.json', awsTrust()),
    jsonFile('iam/azure-role.json', {
      Name: roleTitle,
      IsCustom: true,
      Description: roleDescription(),
      Actions: azurePermissions.map(({ action }) => action),
      NotActions: [],
      AssignableScopes: ['/subscriptions/SUBSCRIPTION/resourceGroups/GROUP'],
    }),
    { name: 'cloud-init/user-data.sh', text: script },
    ...units(),
  ]
}

/** What `install --schedule timer` writes, for whoever installs by other means. */
function units(): readonly OutputFile[] {
  return installedFiles({
    schedule: 'timer',
    intervalMs: general.check_interval_minutes.default * 60_000,
    environment: {},
  })
    .filter(({ path }) => path === servicePath || path === timerPath)
    .map(({ path, text }) => ({ name: `cloud-init/${posix.basename(path)}`, text }))
}
