// The page about templates and `provision`, from the keys and formats in the source.
import { type Field, fields, userFields } from '../provisioning/fields.ts'
import { formats } from '../provisioning/formats.ts'

const intro = `# Templates

Generated from the source by \`tools/docs.ts\`; do not edit.

A template says in a few lines which machines are wanted, and \`idle-agent provision\` makes from it what launches them: role,
launch template and user data on EC2, VM, role and assignment on Azure. It contacts no cloud and writes below \`--out\` only.

\`\`\`yaml
name: Research workstation
cloud: aws
base: ubuntu-22.04
size: m7i.large
packages: [git, tmux]
agent_url: https://downloads.example.com/idle-agent-linux-{arch}
agent_sha256: # 64 digits, in dist/SHA256SUMS
idle_detection:
  idle_threshold_minutes: 5
  hibernate_threshold_minutes: 10
\`\`\`

    idle-agent provision --template FILE --check       # everything that is wrong at once, and what cannot work
    idle-agent provision --template FILE --out DIR     # writes, and says what to do next
    idle-agent provision --template FILE --diff DIR    # what would change in what was written before

Host your own copy of the executable where the machines reach it: \`agent_sha256\` is what is trusted, not the address. Your own
\`user_data\` is run as it would be by itself; ours comes before it, since it may reboot or never end. What is in user data every
process on the machine can read.

On Azure the configuration is in \`userData\` as well, which can be changed while the VM is there (\`az vm update --user-data\`): a
check takes what is new for the next one, and tells what is wrong with it in \`audit.jsonl\`. Custom data is of the first boot:
Azure refuses to deploy a VM again with another (Terraform leaves it alone). What the schedule and the firewall
are made from (\`check_interval_minutes\`, \`metadata_root_only\`) takes \`sudo idle-agent install\`.

## Keys

\`idle_detection\` is needed: the agent's configuration ([configuration.md](configuration.md)); \`{}\` takes the defaults, and
\`operator_tags\` is \`required\` there unless it says otherwise. For an editor: [template.schema.json](template.schema.json).

| key | must be | what it does |
| --- | --- | --- |
`

function row([name, { rule, about, required }]: readonly [string, Field]): string {
  const cells = [`\`${name}\`${required === true ? ', needed' : ''}`, rule, about]
  return `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
}

/** The page. */
export function templatesPage(): string {
  const keys = Object.entries<Field>(fields).map(row)
  const users = Object.entries<Field>(userFields).map(([name, field]) => row([`users.${name}`, field]))
  const kinds = Object.entries(formats).map(
    ([name, { about, clouds }]) => `| \`${name}\` | ${clouds.join(', ')} | ${about} |`,
  )
  const formatTable = ['| `--format` | cloud | what |', '| --- | --- | --- |', ...kinds].join('\n')
  return `${intro}${[...keys, ...users].join('\n')}\n\n## Formats\n\nThe first of a cloud is its default. What is for the AWS CLI is of the partition \`aws\`; a stack and Terraform take their own.\n\n${formatTable}\n`
}
