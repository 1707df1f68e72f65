/** The few things that are used of the vendor's SDK; named here, so that the executable leaves the others out. */
export { CreateTagsCommand, DescribeTagsCommand, EC2Client, StopInstancesCommand } from '@aws-sdk/client-ec2'
