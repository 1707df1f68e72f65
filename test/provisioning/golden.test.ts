// Twelve templates through every format, compared whole; `make golden` rewrites them, and the diff is reviewed.
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readable } from '../../provisioning/diff.ts'
import { formatsOf, provision } from '../../provisioning/main.ts'

const folder = 'test/provisioning/templates'
const golden = '../golden/provisioning'
const templates = readdirSync(folder)

/** What goes into other formats is compared by itself. */
const beside = ['user-data', 'custom-data', 'idle-agent.yaml']
const alone = ['user-data', 'config']

/** What every script of a kind has after its settings is compared once: where from, what for, and from its first line on. */
const bodies: readonly (readonly [name: string, begin: string, end: string])[] = [
  ['fetch-and-install.sh', '\nTRIES=', "  fail 'see the lines above'\nfi\n"],
  ['fetch-into-image.sh', '\nTRIES=', "  fail 'cannot write /usr/local/bin/idle-agent'\nfi\n"],
  ['install-from-image.sh', '\nsay() {', "  fail 'see the lines above'\nfi\n"],
]

async function withoutBody(text: string): Promise<string> {
  for (const [name, begin, end] of bodies) {
    const from = text.indexOf(begin)
    const to = text.indexOf(end, from)
    if (from < 0 || to < 0) continue
    await expect(text.slice(from + 1, to + end.length)).toMatchFileSnapshot(`${golden}/${name}`)
    return `${text.slice(0, from + 1)}(${name})\n${text.slice(to + end.length)}`
  }
  return text
}

describe.each(templates)('%s', (name) => {
  const template = `${folder}/${name}`
  const cloud = name.startsWith('aws') ? 'aws' : 'azure'
  const own = `${golden}/${name.replace('.yaml', '')}`

  test.each(formatsOf(cloud))('as %s', async (format) => {
    const made = provision({ template, cloud: undefined, format })
    for (const { name: file, text } of made.files) {
      if (beside.includes(file) && !alone.includes(format)) continue
      await expect(await withoutBody(readable(text.toString()))).toMatchFileSnapshot(`${own}/${format}/${file}`)
    }
  })

  test('and what is said of it', async () => {
    const { warnings } = provision({ template, cloud: undefined, format: undefined })
    await expect(warnings.map((line) => `${line}\n`).join('')).toMatchFileSnapshot(`${own}/warnings.txt`)
  })
})
