// What the cloud can do to an agent, or not allow it, each prepared for a running guest.
import {
  both,
  bringBack,
  cloud,
  config,
  fromRow,
  instance,
  keep,
  type PreparedFault,
  type Row,
  shell,
} from './prepared-faults.ts'

/** EC2's answer to a role that may not. */
function denied(action: string) {
  const message = `You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/idle-agent/i-1 is not authorized to perform: ec2:${action} because no identity-based policy allows it`
  return { server: 'api', action, fault: { kind: 'api-error', code: 'UnauthorizedOperation', message } } as const
}

/** On a machine that wants to hibernate. */
const rows: readonly Row[] = [
  [
    'metadata is switched off',
    instance({ metadataEndpoint: false }, { metadataEndpoint: true }),
    3,
    ['✗', 'metadata', /answered 403: it is switched off/, /HttpEndpoint/],
  ],
  [
    'metadata hangs',
    cloud({ server: 'metadata', fault: { kind: 'hang' } }),
    3,
    ['✗', 'metadata', /cannot be reached: .*1000 ms/, /firewall.*HopLimit 2/],
  ],
  [
    'there is no role',
    instance({ role: null }, { role: 'idle-agent' }),
    3,
    ['✗', 'role', /has no role/, /attach an instance profile .*ec2:StopInstances/],
  ],
  [
    'the role may not stop',
    cloud(denied('StopInstances')),
    3,
    [
      '✗',
      'permission',
      /^ec2:StopInstances \(to hibernate or stop.*UnauthorizedOperation/,
      /allow ec2:StopInstances in the role/,
    ],
  ],
  [
    'the role may not tag',
    cloud(denied('CreateTags')),
    3,
    ['✗', 'permission', /^ec2:CreateTags .*UnauthorizedOperation/, /allow ec2:CreateTags in the role/],
  ],
  [
    'the role may not read tags',
    cloud(denied('DescribeTags')),
    0,
    ['!', 'permission', /^ec2:DescribeTags .*UnauthorizedOperation/, /allow ec2:DescribeTags.*tags in metadata/],
  ],
  [
    "operator's tags are required, and nothing shows them",
    both(
      shell(`${keep(config)}; echo '  operator_tags: required' >>${config}`, bringBack(config)),
      both(instance({ metadataTags: false }, { metadataTags: true }), cloud(denied('DescribeTags'))),
    ),
    3,
    ['!', 'permission', /^ec2:DescribeTags/, /allow ec2:DescribeTags/],
    [
      '✗',
      'operator tags',
      /UnauthorizedOperation.*operator_tags: required forbids every action/,
      /InstanceMetadataTags/,
    ],
  ],
  [
    'the API cannot be reached',
    shell('ip route add unreachable 10.77.0.1/32', 'ip route del unreachable 10.77.0.1/32'),
    3,
    ['✗', 'api', /EC2 cannot be reached/, /a route/],
  ],
  [
    'the clock is an hour behind',
    cloud({ server: 'api', fault: { kind: 'wrong-date', skewMs: 3_600_000 } }),
    0,
    ['!', 'clock', /60 min behind the cloud's/, /chrony/],
  ],
  [
    'it was launched without hibernation',
    instance({ hibernation: false }, { hibernation: true }),
    0,
    ['!', 'hibernation', /launched without it/, /action: stop/],
  ],
]

export const cloudFaults: readonly PreparedFault[] = rows.map(fromRow)
