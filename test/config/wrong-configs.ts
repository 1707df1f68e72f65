/** Wrong configurations, each with everything that must be said about it; `FILE` stands for the path. */
import { sensorNames } from '../../agent/config/options.ts'

/** A wrong text and the lines that must be printed for it. */
export interface WrongConfig {
  readonly name: string
  readonly text: string
  readonly problems: readonly string[]
}

const example = 'for example:\n  idle_detection:\n    idle_threshold_minutes: 5\n    hibernate_threshold_minutes: 10'

/** One setting, in line 2 of a block that is otherwise right. */
function oneLine(name: string, line: string, problem: string): WrongConfig {
  return { name, text: `idle_detection:\n  ${line}\n`, problems: [problem] }
}

const values: readonly WrongConfig[] = [
  oneLine(
    'a number in quotes',
    'idle_threshold_minutes: "5"',
    'FILE:2:27 idle_detection.idle_threshold_minutes: must be a number of minutes, got "5"; leave out the quotes',
  ),
  oneLine(
    'a number with its unit',
    'idle_threshold_minutes: 5min',
    'FILE:2:27 idle_detection.idle_threshold_minutes: must be a number of minutes, got "5min"; write only the number, in minutes',
  ),
  oneLine(
    'an infinite number',
    'check_interval_minutes: .inf',
    'FILE:2:27 idle_detection.check_interval_minutes: must be a number of minutes, got .inf',
  ),
  oneLine(
    'no number',
    'check_interval_minutes: .nan',
    'FILE:2:27 idle_detection.check_interval_minutes: must be a number of minutes, got .nan',
  ),
  oneLine(
    'a negative number',
    'boot_grace_minutes: -1',
    'FILE:2:23 idle_detection.boot_grace_minutes: must be at least 0 minutes, got -1',
  ),
  oneLine(
    'a threshold of nothing',
    'hibernate_threshold_minutes: 0',
    'FILE:2:32 idle_detection.hibernate_threshold_minutes: must be at least 0.05 minutes, got 0',
  ),
  oneLine(
    'a number above its bound',
    'unknown_ceiling_hours: 1e9',
    'FILE:2:26 idle_detection.unknown_ceiling_hours: must be at most 720 hours, got 1000000000',
  ),
  oneLine(
    'a value that is not there',
    'not_ready_minutes:',
    'FILE:2:3 idle_detection.not_ready_minutes: must be a number of minutes, got nothing',
  ),
  oneLine('null', 'protected: null', 'FILE:2:3 idle_detection.protected: must be true or false, got nothing'),
  oneLine('yes', 'protected: yes', 'FILE:2:14 idle_detection.protected: must be true or false, got "yes"; write true'),
  oneLine('off', 'enabled: Off', 'FILE:2:12 idle_detection.enabled: must be true or false, got "Off"; write false'),
  oneLine('a number for a switch', 'enabled: 1', 'FILE:2:12 idle_detection.enabled: must be true or false, got 1'),
  oneLine(
    'an action in another case',
    'action: Hibernate',
    'FILE:2:11 idle_detection.action: must be hibernate, stop or report, got "Hibernate"; did you mean hibernate?',
  ),
  oneLine(
    'an unknown action',
    'action: shutdown',
    'FILE:2:11 idle_detection.action: must be hibernate, stop or report, got "shutdown"',
  ),
  oneLine(
    'a list for a word',
    'operator_tags: [required]',
    'FILE:2:18 idle_detection.operator_tags: must be optional or required, got a list',
  ),
  oneLine('a number for a text', 'tag_prefix: 5', 'FILE:2:15 idle_detection.tag_prefix: must be text, got 5'),
  ...['team/agent', 'agent:', 'two words', '', 'aws:agent', 'AWS', 'Azure-lab', 'x'.repeat(65)].map((prefix) =>
    oneLine(
      `the tag prefix "${prefix}"`,
      `tag_prefix: "${prefix}"`,
      'FILE:2:15 idle_detection.tag_prefix: must be 1 to 64 letters, digits or + - = . , _ : @, without a colon at the ' +
        'end, and not begin with what a cloud reserves (aws:, azure, microsoft, windows), ' +
        `got "${prefix.length > 60 ? `${prefix.slice(0, 60)}…` : prefix}"`,
    ),
  ),
  oneLine('a number for a block', 'keep: 24', 'FILE:2:9 idle_detection.keep: must be a block of settings, got 24'),
  oneLine(
    'a list for a block',
    'sensors: [cpu, network]',
    'FILE:2:12 idle_detection.sensors: must be a block of settings, got a list',
  ),
  oneLine(
    'a block for a number',
    'idle_threshold_minutes: { minutes: 5 }',
    'FILE:2:27 idle_detection.idle_threshold_minutes: must be a number of minutes, got a block',
  ),
  oneLine(
    'a sensor that is only switched',
    'sensors: { cpu: false }',
    'FILE:2:19 idle_detection.sensors.cpu: must be a block of settings, got false',
  ),
  oneLine(
    'a sensor limit above its bound',
    'sensors: { cpu: { cores: 100 } }',
    'FILE:2:28 idle_detection.sensors.cpu.cores: must be at most 64 cores, got 100',
  ),
]

const names: readonly WrongConfig[] = [
  oneLine(
    'a misspelt setting',
    'idle_treshold_minutes: 5',
    'FILE:2:3 idle_detection.idle_treshold_minutes: unknown setting, did you mean idle_threshold_minutes?',
  ),
  oneLine(
    'a setting in another case',
    'Enabled: true',
    'FILE:2:3 idle_detection.Enabled: unknown setting, did you mean enabled?',
  ),
  oneLine(
    'a setting in camel case',
    'bootGraceMinutes: 5',
    'FILE:2:3 idle_detection.bootGraceMinutes: unknown setting, did you mean boot_grace_minutes?',
  ),
  oneLine(
    'a setting without its unit',
    'idle_threshold: 5',
    'FILE:2:3 idle_detection.idle_threshold: unknown setting, did you mean idle_threshold_minutes?',
  ),
  oneLine(
    'a setting in the wrong block',
    'cores: 1',
    'FILE:2:3 idle_detection.cores: unknown setting, did you mean sensors.cpu.cores?',
  ),
  oneLine(
    'a setting written with dots',
    'sensors.cpu.cores: 1',
    'FILE:2:3 idle_detection.sensors.cpu.cores: write the dots as nested blocks',
  ),
  oneLine('an unknown setting', 'colour: blue', 'FILE:2:3 idle_detection.colour: unknown setting'),
  oneLine(
    'a misspelt sensor',
    'sensors: { netwrok: {} }',
    'FILE:2:14 idle_detection.sensors.netwrok: unknown setting, did you mean network?',
  ),
  oneLine(
    'a key of the prototype',
    '__proto__: { enabled: false }',
    'FILE:2:3 idle_detection.__proto__: unknown setting',
  ),
  oneLine('a key that every object has', 'constructor: 1', 'FILE:2:3 idle_detection.constructor: unknown setting'),
  oneLine('a key that is a number', '5: 1', 'FILE:2:3 idle_detection.5: unknown setting'),
  oneLine('a key that is a list', '? [enabled]\n  : 1', 'FILE:2:5 idle_detection: holds a key that is not a name'),
  oneLine(
    'a key that would colour the terminal',
    '"\\u001b[31m\\nred": 1',
    'FILE:2:3 idle_detection.\\u001b[31m\\u000ared: unknown setting',
  ),
  ...['allow_os_shutdown: true', 'work_hours: {}', 'notify: {}', 'profile: x'].map((line) => {
    const name = line.slice(0, line.indexOf(':'))
    return oneLine(`${name} of a later version`, line, `FILE:2:3 idle_detection.${name}: not supported by this version`)
  }),
  oneLine(
    'one word for a list',
    'allow: spot',
    'FILE:2:10 idle_detection.allow: must be a list of spot, standby, instance-store-data, flexible-scale-set or scheduled-events, got "spot"; write [spot]',
  ),
  oneLine(
    'no list',
    'allow:',
    'FILE:2:3 idle_detection.allow: must be a list of spot, standby, instance-store-data, flexible-scale-set or scheduled-events, got nothing',
  ),
  oneLine(
    'a word that is not in the list',
    'allow: [spot, standbye]',
    'FILE:2:17 idle_detection.allow: must be spot, standby, instance-store-data, flexible-scale-set or scheduled-events, got "standbye"; did you mean standby?',
  ),
  oneLine(
    'an opt-in that nobody offers',
    'allow: [availability-set]',
    'FILE:2:11 idle_detection.allow: must be spot, standby, instance-store-data, flexible-scale-set or scheduled-events, got "availability-set"',
  ),
  oneLine(
    'a list in a list',
    'allow: [[spot]]',
    'FILE:2:11 idle_detection.allow: must be spot, standby, instance-store-data, flexible-scale-set or scheduled-events, got a list',
  ),
  oneLine(
    'an alias in a list',
    'allow: [*x]',
    'FILE:2:11 idle_detection.allow: an alias (*x) cannot be used here; write the value out',
  ),
  oneLine(
    'a list for a number',
    'idle_threshold_minutes: [5, 6]',
    'FILE:2:27 idle_detection.idle_threshold_minutes: must be a number of minutes, got a list',
  ),
]

const lists: readonly WrongConfig[] = [
  oneLine(
    'a block for a list',
    'processes: {}',
    'FILE:2:14 idle_detection.processes: must be a list of blocks, got a block',
  ),
  oneLine('no list of blocks', 'commands:', 'FILE:2:3 idle_detection.commands: must be a list of blocks, got nothing'),
  oneLine(
    'a list for a group',
    'ignore: [eth0]',
    'FILE:2:11 idle_detection.ignore: must be a block of settings, got a list',
  ),
  oneLine(
    'a word for a block',
    'processes: [rsync]',
    'FILE:2:15 idle_detection.processes[0]: must be a block of name, user, argument, min_cpu_cores and max_hours, got "rsync"; write { name: rsync }',
  ),
  oneLine(
    'one word for a list of texts',
    'ignore: { interfaces: eth0 }',
    'FILE:2:25 idle_detection.ignore.interfaces: must be a list of texts, got "eth0"; write [eth0]',
  ),
  oneLine(
    'a number in a list of texts',
    'ignore: { disks: [sda, 5] }',
    'FILE:2:26 idle_detection.ignore.disks[1]: must be text, got 5',
  ),
  oneLine(
    'a unit without its kind',
    'ignore: { units: [backup] }',
    'FILE:2:21 idle_detection.ignore.units[0]: must be the name of a systemd service or timer, got "backup"',
  ),
  oneLine(
    'a port that there is not',
    'services: [{ port: 70000 }]',
    'FILE:2:22 idle_detection.services[0].port: must be at most 65535, got 70000',
  ),
  oneLine(
    'half a port',
    'services: [{ port: 80.5 }]',
    'FILE:2:22 idle_detection.services[0].port: must be a whole number, got 80.5',
  ),
  oneLine(
    'a port that is a name',
    'services: [{ port: http }]',
    'FILE:2:22 idle_detection.services[0].port: must be a whole number, got "http"',
  ),
  oneLine(
    'a protocol',
    'services: [{ port: 53, protocol: udp }]',
    'FILE:2:26 idle_detection.services[0].protocol: unknown setting',
  ),
  oneLine(
    'a port that is listed twice',
    'services: [{ port: 80 }, { port: 443 }, { port: 80 }]',
    'FILE:2:51 idle_detection.services[2].port: port 80 is listed twice',
  ),
  {
    name: 'a port that is listed twice, beside another mistake',
    text: 'idle_detection:\n  services:\n    - port: 80\n    - { port: 80, nme: x }\n',
    problems: [
      'FILE:4:15 idle_detection.services[1].port: port 80 is listed twice',
      'FILE:4:19 idle_detection.services[1].nme: unknown setting, did you mean name?',
    ],
  },
  ...['10.0.0.0/33', '300.1.1.1', '1:2:3', '::1::', ':::', '10.0.0.1/', 'example.org'].map((range) =>
    oneLine(
      `the client ${range}`,
      `services: [{ port: 80, ignore_clients: [ok, "${range}"] }]`.replace('ok, ', ''),
      `FILE:2:43 idle_detection.services[0].ignore_clients[0]: must be an IP address, or a range such as 10.0.0.0/8, got "${range}"`,
    ),
  ),
  oneLine(
    'a command in one text',
    'commands: [{ argv: "true" }]',
    'FILE:2:22 idle_detection.commands[0].argv: must be a list of texts, got "true"; write [true]',
  ),
  oneLine(
    'a command without a program',
    'commands: [{ argv: [] }]',
    'FILE:2:22 idle_detection.commands[0].argv[0]: must be text, got nothing',
  ),
  ...['probe', 'curl', './probe', 'bin/probe', 'two words', '-c', '~/probe', ''].map((program) =>
    oneLine(
      `the program "${program}"`,
      `commands: [{ argv: ["${program}"] }]`,
      `FILE:2:23 idle_detection.commands[0].argv[0]: must be a program, by its whole path, got "${program}"`,
    ),
  ),
  oneLine(
    'a command that may hang for long',
    'commands: [{ argv: [/bin/sh, -c, "true"], timeout_seconds: 10 }]',
    'FILE:2:62 idle_detection.commands[0].timeout_seconds: must be at most 7 seconds, got 10',
  ),
  oneLine(
    'too many commands',
    `commands: [${'{ argv: ["/bin/true"] }, '.repeat(9)}]`,
    'FILE:2:13 idle_detection.commands: must have at most 8 entries, got 9',
  ),
  oneLine(
    'too many words',
    `commands: [{ argv: [${'/x, '.repeat(33)}] }]`,
    'FILE:2:22 idle_detection.commands[0].argv: must have at most 32 entries, got 33',
  ),
  oneLine(
    'a key of the prototype in an entry',
    'processes: [{ name: x, __proto__: 1 }]',
    'FILE:2:26 idle_detection.processes[0].__proto__: unknown setting',
  ),
  oneLine(
    'an alias in an entry',
    'processes: [{ name: *x }]',
    'FILE:2:23 idle_detection.processes[0].name: an alias (*x) cannot be used here; write the value out',
  ),
  {
    name: 'what is wrong in several entries, each with its line and path',
    text: [
      'idle_detection:',
      '  processes:',
      '    - name: train',
      '    - user: root',
      '    - { nam: rsync, min_cpu_cores: 0 }',
      '    - name: a/b',
      '      max_hours: soon',
      '      name: again',
      '  commands: []',
    ].join('\n'),
    problems: [
      'FILE:4:7 idle_detection.processes[1].name: must be text, got nothing',
      'FILE:5:7 idle_detection.processes[2].name: must be text, got nothing',
      'FILE:5:9 idle_detection.processes[2].nam: unknown setting, did you mean name?',
      'FILE:5:36 idle_detection.processes[2].min_cpu_cores: must be at least 0.01 cores, got 0',
      'FILE:7:18 idle_detection.processes[3].max_hours: must be a number of hours, got "soon"',
      'FILE:8:7 idle_detection.processes[3].name: set twice, first in line 6',
    ],
  },
]

const yaml: readonly WrongConfig[] = [
  {
    name: 'a setting that is set twice',
    text: 'idle_detection:\n  enabled: true\n  protected: false\n  enabled: false\n',
    problems: ['FILE:4:3 idle_detection.enabled: set twice, first in line 2'],
  },
  {
    name: 'a block that is set twice',
    text: 'idle_detection: {}\nname: x\nidle_detection: {}\n',
    problems: ['FILE:3:1 idle_detection: set twice, first in line 1'],
  },
  {
    name: 'a billion laughs',
    text: [
      'a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha]',
      ...[...'bcdefghi'].map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]`),
      'idle_detection: *i',
    ].join('\n'),
    problems: ['FILE:10:17 idle_detection: an alias (*i) cannot be used here; write the value out'],
  },
  {
    name: 'an alias in the block',
    text: 'x: &x 5\nidle_detection:\n  idle_threshold_minutes: *x\n',
    problems: [
      'FILE:3:27 idle_detection.idle_threshold_minutes: an alias (*x) cannot be used here; write the value out',
    ],
  },
  {
    name: 'a merge key',
    text: 'x: &x { enabled: true }\nidle_detection:\n  <<: *x\n',
    problems: ['FILE:3:3 idle_detection.<<: merge keys are not supported here; write the settings out'],
  },
  oneLine(
    'a tag that once ran code',
    'action: !!js/function "process.exit()"',
    'FILE:2:25 idle_detection.action: a tag (!!js/function) cannot be used here; leave it out',
  ),
  oneLine(
    'a tag of somebody',
    'protected: !secret yes',
    'FILE:2:22 idle_detection.protected: a tag (!secret) cannot be used here; leave it out',
  ),
  {
    name: 'a tab',
    text: 'idle_detection:\n\tenabled: true\n',
    problems: ['FILE:2:1 not valid YAML: indented with a tab; use spaces'],
  },
  {
    name: 'a second document',
    text: 'idle_detection: {}\n---\nidle_detection: {}\n',
    problems: ['FILE:2:1 not valid YAML: a second document begins here (---); keep one'],
  },
  {
    name: 'a name without a colon',
    text: 'idle_detection:\n  enabled true\n  protected: false\n',
    problems: ['FILE:2:3 not valid YAML: a name without a colon'],
  },
  {
    name: 'an open quote',
    text: 'idle_detection:\n  tag_prefix: "x\n',
    problems: ['FILE:3:1 not valid YAML: Missing closing "quote'],
  },
  {
    name: 'brackets without end',
    text: `idle_detection: ${'['.repeat(20_000)}`,
    problems: ['FILE: not valid YAML: nested too deeply'],
  },
  { name: 'not text', text: '\u007fELF\u0002\u0001\u0001\u0000\u0000', problems: ['FILE: is not UTF-8 text'] },
  {
    name: 'a byte order mark and carriage returns',
    text: '\uFEFFidle_detection:\r\n  enabled: nope\r\n',
    problems: ['FILE:2:12 idle_detection.enabled: must be true or false, got "nope"'],
  },
]

const blocks: readonly WrongConfig[] = [
  { name: 'nothing', text: '', problems: [`FILE: is empty; ${example}`] },
  { name: 'only a comment', text: '# idle_detection:\n', problems: [`FILE: is empty; ${example}`] },
  { name: 'a list', text: '- 1\n', problems: [`FILE: holds no idle_detection block, only a list; ${example}`] },
  { name: 'prose', text: 'hello\n', problems: [`FILE: holds no idle_detection block, only text; ${example}`] },
  {
    name: 'a template without the block',
    text: 'name: x\npackages: [git]\n',
    problems: [`FILE: holds no idle_detection block; ${example}`],
  },
  {
    name: 'settings without the block',
    text: 'name: x\nidle_threshold_minutes: 5\n',
    problems: [
      `FILE: holds no idle_detection block; ${example}`,
      'FILE:2:1 idle_threshold_minutes: belongs below idle_detection, indented',
    ],
  },
  ...['idle_detecton', 'Idle_Detection', 'idle-detection', 'idleDetection'].map((name) => ({
    name: `the block called ${name}`,
    text: `name: x\n${name}:\n  enabled: true\n`,
    problems: [`FILE:2:1 ${name}: did you mean idle_detection?`],
  })),
  {
    name: 'a block without settings',
    text: 'idle_detection:\n',
    problems: ['FILE:1:1 idle_detection: must be a block of settings, got nothing; write {} for the defaults'],
  },
  {
    name: 'a block that lost its indentation',
    text: 'idle_detection:\nenabled: false\n',
    problems: [
      'FILE:1:1 idle_detection: must be a block of settings, got nothing; write {} for the defaults',
      'FILE:2:1 enabled: indent it, it belongs to idle_detection',
    ],
  },
  {
    name: 'a switch for a block',
    text: 'idle_detection: true\n',
    problems: ['FILE:1:17 idle_detection: must be a block of settings, got true'],
  },
]

const together: readonly WrongConfig[] = [
  {
    name: 'thresholds in the wrong order',
    text: 'idle_detection:\n  idle_threshold_minutes: 30\n  hibernate_threshold_minutes: 20\n',
    problems: [
      'FILE:3:3 idle_detection.hibernate_threshold_minutes: must not be less than idle_threshold_minutes (30), got 20',
    ],
  },
  oneLine(
    'an idle threshold above the default of the other',
    'idle_threshold_minutes: 10.5',
    'FILE:2:3 idle_detection.idle_threshold_minutes: must not be more than hibernate_threshold_minutes (10, the default), got 10.5',
  ),
  oneLine(
    'a hibernate threshold below the default of the other',
    'hibernate_threshold_minutes: 3',
    'FILE:2:3 idle_detection.hibernate_threshold_minutes: must not be less than idle_threshold_minutes (5, the default), got 3',
  ),
  oneLine(
    'no sensor at all',
    `sensors: { ${sensorNames.map((name) => `${name}: { enabled: false }`).join(', ')} }`,
    'FILE:2:21 idle_detection.sensors.cpu.enabled: at least one sensor must stay enabled, or nothing would be seen',
  ),
  {
    name: 'many things at once, in the order of the file',
    text: [
      'name: x',
      'idle_detection:',
      '  sensors:',
      '    cpu: { cores: 100, Cores: 1 }',
      '  work_hours: {}',
      '  check_interval_minutes: soon',
      '  hibernate_threshold_minutes: 1',
      '  enabled: true',
      '  enabled: maybe',
      '  keep: { ceiling_hours: .inf }',
    ].join('\n'),
    problems: [
      'FILE:4:19 idle_detection.sensors.cpu.cores: must be at most 64 cores, got 100',
      'FILE:4:24 idle_detection.sensors.cpu.Cores: unknown setting, did you mean cores?',
      'FILE:5:3 idle_detection.work_hours: not supported by this version',
      'FILE:6:27 idle_detection.check_interval_minutes: must be a number of minutes, got "soon"',
      'FILE:7:3 idle_detection.hibernate_threshold_minutes: must not be less than idle_threshold_minutes (5, the default), got 1',
      'FILE:9:3 idle_detection.enabled: set twice, first in line 8',
      'FILE:9:12 idle_detection.enabled: must be true or false, got "maybe"',
      'FILE:10:26 idle_detection.keep.ceiling_hours: must be a number of hours, got .inf',
    ],
  },
]

/** Every wrong configuration that is told from the text alone. */
export const wrongConfigs: readonly WrongConfig[] = [...values, ...names, ...lists, ...yaml, ...blocks, ...together]
