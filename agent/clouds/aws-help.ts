/** What `doctor` tells the operator of an EC2 instance. */
import type { Help } from './cloud.ts'

export const help: Help = {
  metadata: 'HttpEndpoint must be enabled, no firewall in the way, and HttpPutResponseHopLimit 2 in a container',
  identity: 'attach an instance profile whose role allows ec2:StopInstances and ec2:CreateTags on this instance',
  identityCodes: ['no-role', 'credentials'],
  api: 'let this machine reach the API: a route (NAT or a VPC endpoint for ec2), its security group, DNS',
  operatorTags: 'switch on InstanceMetadataTags, or allow ec2:DescribeTags',
  grantTo: 'in the role of this instance',
  spare: { 'ec2:DescribeTags': ', or switch on tags in metadata' },
  hibernation: {
    unit: 'hibinit-agent',
    swapFile: '/swap',
    prepare:
      'install ec2-hibinit-agent and start the unit hibinit-agent, which sets up /swap; where the distribution has none, set action: stop',
    notEnabled: 'the instance was launched without it: it will be stopped instead',
    enable: 'launch it with hibernation, or set action: stop',
    failed: 'EC2 will stop the machine instead, and its memory is lost',
    provider: 'EC2',
  },
}
