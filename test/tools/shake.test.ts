// Which arrays tools/shake.ts declares free of side effects, and that the EC2 client is small for it.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { shakeable } from '../../tools/shake.ts'

const pure = (array: string) => `/* @__PURE__ */ (() => ${array})()`

test.each([
  ['plain data', "const a = [1, 'x', -3, `t`, 64 | 0, b];", true],
  ['a constant key', "const k = 'key';\nexport var S = [3, { [k]: [0, { plain: 1 }] }];", true],
  ['functions that are not called', 'export var S = [() => broken()];', true],
  ['a call', 'const a = [call()];', false],
  ['a call deep inside', 'const a = [1, [{ x: call() }]];', false],
  ['a key from elsewhere', "import { k } from 'x';\nconst a = [{ [k]: 1 }];", false],
  ['a key that is no string', 'const k = {};\nconst a = [{ [k]: 1 }];', false],
  ['a key that is made', "const a = [{ ['a' + b()]: 1 }];", false],
  ['a spread', 'const a = [...b];', false],
  ['a spread object', 'const a = [{ ...b }];', false],
  ['a template with a hole', `const a = [\`\${b}\`];`, false],
  ['a getter read', 'const a = [b.c];', false],
  ['a sum of names', 'const a = [b | 0];', false],
  ['a negated name', 'const a = [-b];', false],
])('%s', (_, text, marked) => {
  const found = /(?<== )\[.*\](?=;)/s.exec(text)?.[0] ?? ''
  expect(shakeable('x.js', text)).toBe(marked ? text.replace(found, () => pure(found)) : text)
})

test('statements that do something stay as they are', () => {
  const text = "const r = new Registry('x');\nr.register([1]);\nlet n = 3, a = [n];"
  expect(shakeable('x.js', text)).toBe(text.replace('[n]', pure('[n]')))
})

test('all shapes of the pinned SDK are of that form', () => {
  const path = 'node_modules/@aws-sdk/client-ec2/dist-es/schemas/schemas_0.js'
  const text = shakeable(path, readFileSync(path, 'utf8'))
  const left = text.match(/^(export )?var [\w$]+ = \[.*/gm)
  expect(left).toBeNull()
  expect(text.split('/* @__PURE__ */').length).toBeGreaterThan(4000)
})
