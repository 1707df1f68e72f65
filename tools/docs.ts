// Writes what is generated from the source and committed: pages and schemas below docs/, and what provisioning makes without a
// template below iam/ and cloud-init/; with --check only compares them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type AnySetting, allSettings, notYet, sentence } from '../agent/config/lists.ts'
import { jsonSchema } from '../agent/config/schema.ts'
import { frameJsonSchema } from '../agent/host/frame.ts'
import type { Field, ListOption, Option } from '../agent/types/options.ts'
import { defaultFiles } from '../provisioning/defaults.ts'
import { templateSchema } from '../provisioning/template.ts'
import { agentsPage } from './agents-page.ts'
import { templatesPage } from './templates-page.ts'

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

`

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

type Any = Option | ListOption | Field

function typeOf({ type }: Any): string {
  const words = { number: 'number', boolean: 'true or false', choice: 'one of', choices: 'list of', text: 'text' }
  return { ...words, texts: 'list of texts', blocks: 'list of blocks' }[type]
}

function allowed(option: Any): string {
  if (option.type === 'number') return `${option.min} to ${option.max} ${option.unit}`.trimEnd()
  if (option.type === 'choice' || option.type === 'choices')
    return option.values.map((value) => `\`${value}\``).join(', ')
  if (option.type === 'blocks') return `at most ${option.most}, see below`
  if (option.type === 'texts') return `at most ${option.most}; ${option.rule}`
  return option.type === 'text' ? option.rule : ''
}

function defaultOf(option: Any): string {
  if ('required' in option) return 'required'
  if (option.type === 'choice' && option.unset !== undefined) return option.unset
  if (option.type === 'choices' || option.type === 'texts' || option.type === 'blocks') return 'none'
  if (!('default' in option) || option.default === undefined) return 'none'
  return option.type === 'number' ? `${option.default} ${option.unit}`.trimEnd() : `\`${option.default}\``
}

function row(name: string, option: Any): string {
  const cells = [`\`${name}\``, typeOf(option), defaultOf(option), allowed(option), sentence(option)]
  return `| ${cells.map(cell).join(' | ')} |`
}

const heading = '| setting | type | default | allowed | what it does |\n| --- | --- | --- | --- | --- |\n'

/** A table for each list of blocks. */
function blocksOf({ name, option }: AnySetting): readonly string[] {
  if (option.type !== 'blocks') return []
  const rows = Object.entries(option.fields).map(([key, field]) => row(key, field))
  return [`\n## An entry of \`${name}\`\n\n${heading}${rows.join('\n')}\n`]
}

/** The generated files by path. */
function generatedFiles(): Readonly<Record<string, string>> {
  const refused = notYet.map((name) => `\`${name}\``).join(', ')
  const rows = allSettings.map(({ name, option }) => row(name, option)).join('\n')
  const blocks = allSettings.flatMap(blocksOf).join('')
  const page = `${intro}${heading}${rows}\n\nPlanned, and refused by this version: ${refused}.\n${blocks}`
  const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`
  return {
    'docs/configuration.md': page,
    'docs/config.schema.json': json(jsonSchema()),
    'docs/known-agents.md': agentsPage(),
    'docs/capture.schema.json': json(frameJsonSchema()),
    'docs/templates.md': templatesPage(),
    'docs/template.schema.json': json(templateSchema()),
    ...Object.fromEntries(defaultFiles().map(({ name, text }) => [name, text.toString()])),
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { check: { type: 'boolean', default: false }, out: { type: 'string', default: '.' } },
  })
  for (const [name, text] of Object.entries(generatedFiles())) {
    const path = join(values.out, name)
    const inStep = existsSync(path) && readFileSync(path, 'utf8') === text
    if (!values.check) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    } else if (!inStep) {
      process.stderr.write(`${path} does not say what the source says: run node tools/docs.ts\n`)
      process.exitCode = 1
    }
  }
}
