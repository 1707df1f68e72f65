// Templates that cannot be used: everything that is wrong at once, each with its place and the way out.
import { expect, test } from 'vitest'
import { type Changes, inImage, onAzure, problems, template } from './make.ts'

const cases: readonly (readonly [name: string, changes: Changes, lines: readonly string[]])[] = [
  [
    'nothing that is needed',
    { name: undefined, base: undefined, size: undefined },
    [
      'T: name: is missing: a line of at most 100 characters with a letter or digit in it',
      'T: base: is missing: ubuntu-22.04, ubuntu-24.04, debian-12, amazon-linux-2023, rhel-9, or the id of an image: ami-…, publisher:offer:sku:version, /subscriptions/…',
      'T: size: is missing: an instance type of EC2 (m7g.large) or a size of Azure (Standard_D2s_v5)',
    ],
  ],
  ['no cloud', { cloud: undefined }, ['T: cloud: is missing: aws or azure; or give --cloud']],
  ['another cloud', { cloud: 'gcp' }, ['T:2:8 cloud: must be aws or azure, got "gcp"']],
  [
    'no agent',
    { agent_url: undefined, agent_sha256: undefined },
    [
      'T: agent_url: is missing: the address of the executable, which machines can reach (with agent_sha256); or have it in the image, with agent_in_image: true',
    ],
  ],
  [
    'no sum',
    { agent_sha256: undefined },
    ['T: agent_sha256: is missing: the sum of idle-agent-linux-arm64 in dist/SHA256SUMS'],
  ],
  [
    'a password in the address',
    { agent_url: 'https://me:secret@example.com/agent' },
    [
      'T:5:12 agent_url: must be an address that begins with http:// or https://, without a user or password, got "https://me:secret@example.com/agent"',
    ],
  ],
  [
    'an address of another kind',
    { agent_url: 'file:///etc/passwd' },
    [
      'T:5:12 agent_url: must be an address that begins with http:// or https://, without a user or password, got "file:///etc/passwd"',
    ],
  ],
  [
    'a size of the other cloud',
    { size: 'Standard_D2s_v5' },
    ['T:4:7 size: must be an instance type of EC2, such as m7g.large, got "Standard_D2s_v5"'],
  ],
  [
    'a size of EC2 on Azure',
    { cloud: 'azure' },
    ['T:4:7 size: must be a size of Azure, such as Standard_D2s_v5, got "m7g.large"'],
  ],
  [
    'a system that EC2 has no name for',
    { base: 'rhel-9' },
    [
      'T:3:7 base: must be ubuntu-22.04, ubuntu-24.04, debian-12, amazon-linux-2023 or the id of an image (ami-…) on arm64 machines of aws',
    ],
  ],
  [
    'a system that Azure does not have',
    { ...onAzure, base: 'amazon-linux-2023' },
    [
      'T:3:7 base: must be ubuntu-22.04, ubuntu-24.04, debian-12, rhel-9 or publisher:offer:sku:version, or the id of an image (/subscriptions/…) on x64 machines of azure',
    ],
  ],
  [
    'an image without its root device',
    { base: 'ami-0123456789abcdef0' },
    [
      'T: root_device: is missing: the root device of the image, as it names it (aws ec2 describe-images --image-ids ami-0123456789abcdef0 --query Images[0].RootDeviceName)',
    ],
  ],
  [
    'a disk too small for memory',
    { disk_gib: 12 },
    ['T:8:11 disk_gib: must be at least 16 for hibernation: 8 GiB of memory and 8 for the system'],
  ],
  [
    'memory that is not known',
    { size: 'x8aedz.large', hibernation: true },
    ['T: memory_gib: is missing: the memory of x8aedz.large in GiB, which hibernation needs on the disk'],
  ],
  [
    'text in place of a number',
    { disk_gib: '20 GB' },
    ['T:8:11 disk_gib: must be a whole number of GiB from 8 to 16384, got "20 GB"'],
  ],
  [
    'a number in place of text',
    { name: 42 },
    ['T:1:7 name: must be a line of at most 100 characters with a letter or digit in it, got 42; put it in quotes'],
  ],
  [
    'a name with a second line',
    { name: 'a\nrm -rf /' },
    ['T:1:7 name: must be a line of at most 100 characters with a letter or digit in it, got "a\\u000arm -rf /"'],
  ],
  [
    'a name that acts on a terminal',
    { name: 'a\u001b[2J' },
    ['T:1:7 name: must be a line of at most 100 characters with a letter or digit in it, got "a\\u001b[2J"'],
  ],
  [
    'shell in a package',
    { packages: ['git; reboot', '$(id)', '-y'] },
    [
      'T:9:5 packages.0: must be the name of a package, got "git; reboot"',
      'T:10:5 packages.1: must be the name of a package, got "$(id)"',
      'T:11:5 packages.2: must be the name of a package, got "-y"',
    ],
  ],
  [
    'users of all kinds',
    { users: ['alice', { name: 'root user' }, { name: 'bob', sudo: 'yes', password: 'x' }, { name: 'bob' }] },
    [
      'T:9:5 users.0: must be a block with a name, got "alice"; write - name: …',
      'T:10:11 users.1.name: must be a login name: lower-case letters, digits, - and _, at most 32, got "root user"',
      'T:12:11 users.2.sudo: must be true or false, got "yes"',
      'T:13:5 users.2.password: unknown key',
    ],
  ],
  ['a user twice', { users: [{ name: 'bob' }, { name: 'bob' }] }, ['T:9:3 users: bob is there twice']],
  [
    'a private key',
    { users: [{ name: 'bob', ssh_keys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] }] },
    ['T:11:9 users.0.ssh_keys.0: must be a public key, as in a .pub file, got "-----BEGIN OPENSSH PRIVATE KEY-----"'],
  ],
  [
    'tags that EC2 does not take',
    { tags: { 'aws:x': 'a', y: 'b'.repeat(300), 'CloudWorkstation:IdleSince': 'c', z: 4 } },
    ['T:12:6 tags.z: must be text, got 4; put it in quotes'],
  ],
  [
    'tags that EC2 does not take, as texts',
    { tags: { 'aws:x': 'a', y: 'b'.repeat(300), 'cloudworkstation:IdleSince': 'c' } },
    [
      'T:9:3 tags: "aws:x": EC2 keeps aws: for itself',
      'T:9:3 tags: "y": the value must be at most 256 characters of one line',
      'T:9:3 tags: "cloudworkstation:IdleSince": the agent\'s own; use protected for Protected',
    ],
  ],
  [
    'tags that Azure does not take',
    { ...onAzure, tags: { 'a/b': 'x', azureThing: 'y' } },
    [
      'T:9:3 tags: "a/b": Azure takes none of < > % & \\ ? / in a name',
      'T:9:3 tags: "azureThing": Azure keeps that beginning for itself',
    ],
  ],
  [
    'a time zone of nowhere',
    { time_zone: '../../etc/passwd' },
    ['T:8:12 time_zone: must be a time zone of the IANA database, such as Europe/Berlin, got "../../etc/passwd"'],
  ],
  [
    'user data that nothing would run',
    { user_data: 'apt-get install git\n' },
    ['T:8:12 user_data: must begin with #! (a script), #cloud-config, or another first line that cloud-init knows'],
  ],
  [
    'user data that is an archive',
    { user_data: 'Content-Type: multipart/mixed\n' },
    ['T:8:12 user_data: is a multipart archive; give one part of it, as it is'],
  ],
  [
    'a key of the configuration beside it',
    { idle_threshold_minutes: 5 },
    ['T:8:1 idle_threshold_minutes: unknown key'],
  ],
  ['a misspelt key', { pakages: ['git'] }, ['T:8:1 pakages: unknown key, did you mean packages?']],
  [
    'the configuration, too',
    { size: 'x', idle_detection: { idle_threshold_minutes: 'soon', colour: 'blue' } },
    [
      'T:4:7 size: must be an instance type of EC2 (m7g.large) or a size of Azure (Standard_D2s_v5), got "x"',
      'T:8:27 idle_detection.idle_threshold_minutes: must be a number of minutes, got "soon"',
      'T:9:3 idle_detection.colour: unknown setting',
    ],
  ],
  [
    'an OS disk of Azure on EC2',
    { ephemeral_os_disk: true },
    ['T:8:20 ephemeral_os_disk: is of Azure; leave it out on EC2'],
  ],
]

const more: typeof cases = [
  [
    'an image by its name that is said to hold the agent',
    { agent_in_image: true },
    ['T:3:7 base: must be the id of your own image: ubuntu-22.04 by its name does not hold the agent'],
  ],
  [
    'the executable of the other architecture',
    { agent_url: 'https://example.com/idle-agent-linux-x64' },
    ['T:5:12 agent_url: names the executable for x64, and m7g.large is arm64; {arch} in it stands for either'],
  ],
  [
    'a line break of Unicode in a key',
    { users: [{ name: 'bob', ssh_keys: ['ssh-ed25519 AAAA joe\u2028runcmd:\u2028- [touch, /pwned]'] }] },
    [expect.stringMatching(/^T:11:9 users\.0\.ssh_keys\.0: must be a public key/)],
  ],
  [
    'time zones that the files of the database do not have',
    { time_zone: 'europe/berlin' },
    [expect.stringMatching(/^T:8:12 time_zone: must be a time zone/)],
  ],
  [
    'braces that are not {arch}',
    { agent_url: 'https://example.com/{Arch}' },
    [expect.stringMatching(/^T:5:12 agent_url: must be an address/)],
  ],
  [
    'a name of JavaScript as a tag',
    { tags: JSON.parse('{"__proto__": "x"}') },
    ['T:9:3 tags.__proto__: cannot be the name of a tag'],
  ],
  [
    'tags that differ in case on Azure',
    { ...onAzure, tags: { Owner: 'a', owner: 'b' } },
    ['T:9:3 tags: "owner": is there twice; Azure compares names without case'],
  ],
  [
    'a disk that is smaller than the image',
    { ...onAzure, base: 'rhel-9', hibernation: false, disk_gib: 32 },
    ['T:9:11 disk_gib: must be 64 to 4095 on Azure: no smaller than the image, and no larger than an OS disk can be'],
  ],
  [
    'Spot on a disk that goes with it',
    { ...onAzure, spot: true, ephemeral_os_disk: true },
    ['T:8:7 spot: cannot be together with ephemeral_os_disk: such a VM is deleted when it is taken back'],
  ],
  [
    'Spot asked for by machine and group',
    { spot: true, auto_scaling: true },
    [
      'T:8:7 spot: cannot be together with auto_scaling: there the group asks for Spot, in its own mixed instances policy',
    ],
  ],
]

test.each([...cases, ...more])('%s', (_, changes, lines) => {
  expect(problems(template(changes))).toEqual(lines)
})

const texts: readonly (readonly [name: string, text: string, line: RegExp])[] = [
  ['nothing', '', /^T: is empty; for example:/],
  ['a list', '- a\n', /^T: holds no idle_detection block, only a list/],
  ['no configuration', template({ idle_detection: undefined }), /^T: holds no idle_detection block/],
  ['half a quote', 'name: "x\n', /^T:2:1 not valid YAML: /],
  [
    'a tag that would run something',
    `${template()}description: !!js/function 'x'\n`,
    /^T:8:28 description: a tag \(!!js\/function\) cannot be used here/,
  ],
  [
    'an alias',
    `${template()}description: &a x\ntime_zone: *a\n`,
    /^T:9:12 time_zone: an alias \(\*a\) cannot be used here/,
  ],
  ['a merge key', `${template()}<<: {spot: true}\n`, /^T:8:1 <<: unknown key/],
  ['a prototype', `${template()}__proto__: {cloud: azure}\n`, /^T:8:1 __proto__: unknown key/],
  ['a key twice', `${template()}cloud: azure\n`, /^T:8:1 cloud: set twice, first in line 2/],
  ['two documents', `${template()}---\n${template()}`, /^T:8:1 not valid YAML: a second document begins here/],
  ['a NUL', 'name: a\0b\n', /^T: is not UTF-8 text/],
]

test.each(texts)('%s', (_, text, line) => {
  expect(problems(text)[0]).toMatch(line)
})

test('an alias bomb ends at once', () => {
  const levels = Array.from({ length: 30 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}, *a${index}]`)
  const began = performance.now()
  const lines = problems(`a0: &a0 x\n${levels.join('\n')}\n${template()}`)
  expect(performance.now() - began).toBeLessThan(2_000)
  expect(lines[0]).toMatch(/^T:1:1 a0: unknown key/)
})

test('a format of the other cloud', () => {
  expect(problems(template(), { format: 'bicep' })).toEqual([
    '--format must be launch-template, cloudformation, terraform, user-data, image, config for aws, got "bicep"',
  ])
})

test('an image of nothing', () => {
  const text = template({ ...inImage, agent_url: undefined, agent_sha256: undefined })
  expect(problems(text, { format: 'image' })).toEqual([
    'agent_url: is missing, with agent_sha256: what is put into the image is fetched from there',
  ])
})

test('what CloudFormation would replace is refused there, and taken as it is elsewhere', () => {
  const text = template({ tags: { note: '{{resolve:ssm:/x}}' } })
  expect(problems(text, { format: 'cloudformation' })).toEqual([
    'CloudFormation would replace what begins with {{resolve: in name, description or tags; leave it out',
  ])
  expect(problems(text, { format: 'terraform' })).toEqual([])
})
