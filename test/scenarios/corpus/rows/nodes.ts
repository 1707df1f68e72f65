/** Machines that others give work to: containers by their labels, jobs of batch systems and CI services. */
import { container, service } from '../base.ts'
import type { Scenario } from '../scenario.ts'

const own = { row: 'own', made: 'written' } as const
const daemon = { kind: 'program', leads: true } as const
const label = 'idle-agent.activity'

export const nodes: readonly Scenario[] = [
  {
    ...{ ...own, id: 'container-to-be-ignored', needs: 'containers', up: 300 },
    // A monitor of the operator's that always computes, and says that it is nobody's work.
    happens: [container({ id: 'mon', from: -200, labels: { [label]: 'ignore' } }, { comm: 'collector', cpu: 0.6 })],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
    without: {
      'cgroup-v1': 'nobody counts what the container uses',
      'no-cgroup': 'nobody counts what the container uses',
    },
  },
  {
    ...{ ...own, id: 'container-that-forces', needs: 'containers', up: 300 },
    happens: [container({ id: 'demo', from: -200, until: 41, labels: { [label]: 'force' } }, { comm: 'httpd' })],
    needed: [[-200, 41]],
    acts: { last: 41, told: 'counter' },
    says: [{ from: 0, until: 40, verdict: 'active', by: ['containers'] }],
    without: {
      'cgroup-v1': 'no group tells which container it is',
      'no-cgroup': 'no group tells which container it is',
    },
  },
  {
    ...{ ...own, id: 'container-that-serves-nobody', needs: 'containers', up: 300 },
    happens: [container({ id: 'web', from: -200 }, { comm: 'nginx', cpu: 0.01 })],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'ci-job-that-waits', needs: 'schedulers' },
    // A job of GitHub Actions that waits for a deployment elsewhere: a worker, and nothing else.
    happens: [
      { ...daemon, id: 'listener', comm: 'Runner.Listener', uid: 1001, group: service('actions.runner'), cpu: 0.002 },
      {
        ...daemon,
        id: 'worker',
        comm: 'Runner.Worker',
        uid: 1001,
        parent: 'listener',
        from: -3,
        until: 45,
        cpu: 0.004,
      },
    ],
    needed: [[-3, 45]],
    acts: { last: 45, told: 'counter' },
    says: [{ from: 0, until: 44, verdict: 'active', by: ['schedulers'] }],
  },
  {
    ...{ ...own, id: 'ci-runner-without-a-job', needs: 'schedulers' },
    happens: [
      { ...daemon, id: 'listener', comm: 'Runner.Listener', uid: 1001, group: service('actions.runner'), cpu: 0.002 },
    ],
    needed: [],
    acts: { last: 0 },
    says: [{ from: 0, until: 10, verdict: 'idle' }],
  },
  {
    ...{ ...own, id: 'slurm-job-that-waits', needs: 'schedulers' },
    happens: [
      {
        ...daemon,
        id: 'slurmd',
        comm: 'slurmd',
        argv: ['/usr/sbin/slurmd', '-D'],
        group: service('slurmd'),
        cpu: 0.001,
      },
      {
        ...{ ...daemon, id: 'scope', comm: 'slurmstepd', argv: ['/usr/sbin/slurmstepd', 'infinity'] },
        group: 'system.slice/slurmstepd.scope',
      },
      {
        ...{ ...daemon, id: 'step', comm: 'slurmstepd', argv: ['slurmstepd: [1234.batch]'], from: -9, until: 51 },
        group: 'system.slice/slurmstepd.scope',
      },
      {
        ...daemon,
        id: 'batch',
        comm: 'sleep',
        argv: ['sleep', '3600'],
        uid: 1000,
        parent: 'step',
        from: -9,
        until: 51,
      },
    ],
    needed: [[-9, 51]],
    acts: { last: 51, told: 'counter' },
    says: [{ from: 0, until: 50, verdict: 'active', by: ['schedulers'] }],
  },
  {
    ...{ ...own, id: 'kubelet-without-pods', needs: 'schedulers' },
    happens: [
      { ...daemon, id: 'kubelet', comm: 'kubelet', group: service('kubelet'), cpu: 0.03 },
      { kind: 'folder', path: '/sys/fs/cgroup/kubepods.slice' },
      { kind: 'folder', path: '/var/log/pods' },
    ],
    needed: [],
    acts: { last: 0 },
    without: {
      'cgroup-v1': 'the folder of its pods is elsewhere',
      'cgroup-hybrid': 'the folder of its pods is elsewhere',
      'no-cgroup': 'there is no kubelet without control groups',
    },
  },
]
