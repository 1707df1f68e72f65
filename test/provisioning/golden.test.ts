// Twelve templates through every format, compared whole; `make golden` rewrites them, and the diff is reviewed.
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readable } from '../../provisioning/diff.ts'
import { formatsOf, provision } from '../../provisioning/main.ts'

const folder = 'test/provisioning/templates'
const templates = readdirSync(folder)

describe.each(templates)('%s', (name) => {
  const template = `${folder}/${name}`
  const cloud = name.startsWith('aws') ? 'aws' : 'azure'

  test.each(formatsOf(cloud))('as %s', async (format) => {
    const made = provision({ template, cloud: undefined, format })
    for (const { name: file, text } of made.files) {
      // What goes into other formats is compared by itself.
      if (['user-data', 'custom-data', 'idle-agent.yaml'].includes(file) && !['user-data', 'config'].includes(format))
        continue
      const path = `../golden/provisioning/${name.replace('.yaml', '')}/${format}/${file}`
      await expect(readable(text.toString())).toMatchFileSnapshot(path)
    }
  })

  test('and what is said of it', async () => {
    const { warnings } = provision({ template, cloud: undefined, format: undefined })
    const path = `../golden/provisioning/${name.replace('.yaml', '')}/warnings.txt`
    await expect(warnings.map((line) => `${line}\n`).join('')).toMatchFileSnapshot(path)
  })
})
