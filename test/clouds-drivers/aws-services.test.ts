/** Which tags mark an owner, and which do not: the agent must not stay out of what a stack or a launch template started. */
import { describe, expect, it } from 'vitest'
import { isFleetTag, ownerTags, serviceOfTag } from '../../agent/clouds/aws-services.ts'
import { servicesAboard } from '../../agent/clouds/services-aboard.ts'
import { createMemoryHost } from '../host/memory.ts'

describe('tags of owners', () => {
  it.each([
    ['eks:cluster-name', 'EKS'],
    ['aws:eks:cluster-name', 'EKS'],
    ['alpha.eksctl.io/nodegroup-name', 'EKS'],
    ['kubernetes.io/cluster/c', 'Kubernetes'],
    ['k8s.io/cluster-autoscaler/enabled', 'Kubernetes'],
    ['karpenter.sh/nodepool', 'Kubernetes'],
    ['AmazonECSManaged', 'ECS'],
    ['aws:ecs:clusterName', 'ECS'],
    ['AWSBatchServiceTag', 'AWS Batch'],
    ['aws:elasticmapreduce:instance-group-role', 'EMR'],
    ['elasticbeanstalk:environment-name', 'Elastic Beanstalk'],
    ['parallelcluster:node-type', 'ParallelCluster'],
    ['AWSElasticDisasterRecoveryManaged', 'an AWS service'],
  ])('%s: %s', (key, service) => {
    expect(serviceOfTag(key)).toBe(service)
    expect(ownerTags([key, 'Name'])).toEqual([key])
  })

  it.each([
    'aws:cloudformation:stack-name',
    'aws:ec2launchtemplate:id',
    'aws:servicecatalog:productArn',
    'aws:autoscaling',
    'Name',
    'Managed',
    'managed-by',
    'eks',
    'my-eks:cluster',
    'team:kubernetes.io/cluster/c',
    'CloudWorkstation:Protected',
    'AWSManagedX',
    'constructor',
    '',
  ])('%s marks nobody', (key) => {
    expect([ownerTags([key]), serviceOfTag(key)]).toEqual([[], undefined])
  })

  it.each(['aws:ec2:fleet-id', 'aws:ec2spot:fleet-request-id'])('%s is a fleet', (key) => {
    expect([ownerTags([key]), isFleetTag(key), serviceOfTag(key)]).toEqual([[key], true, undefined])
  })

  it('a group is an owner without being a service', () => {
    const key = 'aws:autoscaling:groupName'
    expect([ownerTags([key]), isFleetTag(key), serviceOfTag(key)]).toEqual([[key], false, undefined])
  })
})

describe('agents of services on the machine', () => {
  it.each([
    ['system.slice/kubelet.service/cpu.stat', ['Kubernetes']],
    ['unified/system.slice/rke2-agent.service/cpu.stat', ['Kubernetes']],
    ['systemd/system.slice/snap.kubelet.daemon.service/tasks', ['Kubernetes']],
    ['system.slice/ecs.service/cpu.stat', ['ECS']],
    ['system.slice/amazon-ssm-agent.service/cpu.stat', []],
    ['system.slice/docker-0a.scope/system.slice/kubelet.service/cpu.stat', []],
    ['system.slice/k3s.service/cpu.stat', []],
    ['user.slice/kubelet.service/cpu.stat', []],
    ['system.slice/my-kubelet.service/cpu.stat', []],
  ])('%s: %j', async (path, services) => {
    expect(await servicesAboard(createMemoryHost({ files: { [`/sys/fs/cgroup/${path}`]: '' } }))).toEqual(services)
  })

  it('a node of EMR', async () => {
    expect(await servicesAboard(createMemoryHost({ files: { '/mnt/var/lib/info/job-flow.json': '{}' } }))).toEqual([
      'EMR',
    ])
  })
})
