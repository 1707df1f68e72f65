/** The few things that are used of the vendor's SDK; named here, so that the executable leaves the others out. */
// biome-ignore lint/performance/noBarrelFile: imported whole the SDK costs 40 MiB more (docs/decisions.md)
export { CreateTagsCommand, DescribeTagsCommand, EC2Client, StopInstancesCommand } from '@aws-sdk/client-ec2'
