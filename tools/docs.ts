// Writes docs/configuration.md and docs/config.schema.json from the options; with --check only compares them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { notYet, type Setting, sentence, settings } from '../agent/config/options.ts'
import { jsonSchema } from '../agent/config/schema.ts'
import type { Option } from '../agent/types/options.ts'

const intro = `# Configuration

Generated from the options in the source by \`tools/docs.ts\`; do not edit.

One YAML file, \`/etc/idle-agent/config.yaml\` unless \`--config\` or \`IDLE_AGENT_CONFIG\` names another: an \`idle_detection:\` block,
or a whole template that contains one; everything beside the block belongs to the template and is left alone.
Without a file every setting has its default. Minutes and hours may be fractions.

\`\`\`yaml
idle_detection:
  idle_threshold_minutes: 5
  hibernate_threshold_minutes: 10
  sensors:
    cpu:
      cores: 0.2
\`\`\`

\`idle-agent config check\` names everything that is wrong with a file at once, with its line; \`idle-agent config show\` prints
the values in effect and where each came from; \`idle-agent config schema\` prints the JSON Schema for an editor
([config.schema.json](config.schema.json)). A name that is not listed here is an error, never ignored.

| setting | type | default | allowed | what it does |
| --- | --- | --- | --- | --- |
`

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function typeOf(option: Option): string {
  return { number: 'number', boolean: 'true or false', choice: 'one of', choices: 'list of', text: 'text' }[option.type]
}

function allowed(option: Option): string {
  if (option.type === 'number') return `${option.min} to ${option.max} ${option.unit}`
  if (option.type === 'choice' || option.type === 'choices')
    return option.values.map((value) => `\`${value}\``).join(', ')
  return option.type === 'text' ? option.rule : ''
}

function defaultOf(option: Option): string {
  if (option.type === 'choice' && option.unset !== undefined) return option.unset
  if (option.type === 'choices') return 'none'
  return option.type === 'number' ? `${option.default} ${option.unit}` : `\`${option.default}\``
}

function row({ name, option }: Setting): string {
  const cells = [`\`${name}\``, typeOf(option), defaultOf(option), allowed(option), sentence(option)]
  return `| ${cells.map(cell).join(' | ')} |`
}

/** The generated files by name. */
export function generatedDocs(): Readonly<Record<string, string>> {
  const refused = notYet.map((name) => `\`${name}\``).join(', ')
  const page = `${intro}${settings.map(row).join('\n')}\n\nPlanned, and refused by this version: ${refused}.\n`
  return { 'configuration.md': page, 'config.schema.json': `${JSON.stringify(jsonSchema(), undefined, 2)}\n` }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { check: { type: 'boolean', default: false }, out: { type: 'string', default: 'docs' } },
  })
  for (const [name, text] of Object.entries(generatedDocs())) {
    const path = join(values.out, name)
    const inStep = existsSync(path) && readFileSync(path, 'utf8') === text
    if (!values.check) writeFileSync(path, text)
    else if (!inStep) {
      process.stderr.write(`${path} does not say what the options say: run node tools/docs.ts\n`)
      process.exitCode = 1
    }
  }
}
