// Lets esbuild leave out the shapes of EC2 that nothing uses: 4200 of them, 97 % of what the SDK's client weighs.
import { readFile } from 'node:fs/promises'
import type { Plugin } from 'esbuild'
import { type Expression, parseSync, type Statement } from 'oxc-parser'

/** Whether evaluating the expression does nothing but make a value; each computed key has to be one of the constants. */
function isData(node: Expression, constants: ReadonlySet<string>): boolean {
  switch (node.type) {
    case 'Literal':
    case 'Identifier':
    case 'ArrowFunctionExpression': // not called here
      return true
    case 'TemplateLiteral':
      return node.expressions.length === 0
    case 'UnaryExpression':
      return node.argument.type === 'Literal'
    case 'BinaryExpression': // 64 | 0
      return node.left.type === 'Literal' && node.right.type === 'Literal'
    case 'ArrayExpression':
      return node.elements.every((one) => one !== null && one.type !== 'SpreadElement' && isData(one, constants))
    case 'ObjectExpression':
      return node.properties.every((one) => {
        if (one.type === 'SpreadElement' || !isData(one.value, constants)) return false
        return !one.computed || (one.key.type === 'Identifier' && constants.has(one.key.name))
      })
    default:
      return false
  }
}

function declaratorsOf(statement: Statement) {
  const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
  return declaration?.type === 'VariableDeclaration' ? declaration.declarations : []
}

/**
 * Marks each array of a module's top level as free of side effects. esbuild cannot tell by itself: there are objects
 * with computed keys in them, and a key might have a `toString` that does something. In the SDK's schemas a key is a
 * string constant of the same file; an array for which that, or anything else, is otherwise stays as it is.
 */
export function shakeable(path: string, text: string): string {
  const constants = new Set<string>()
  const parts: string[] = []
  let copied = 0
  for (const { id, init } of parseSync(path, text).program.body.flatMap(declaratorsOf)) {
    if (init?.type === 'Literal' && typeof init.value === 'string' && id.type === 'Identifier') constants.add(id.name)
    if (init?.type !== 'ArrayExpression' || !isData(init, constants)) continue
    parts.push(text.slice(copied, init.start), '/* @__PURE__ */ (() => ', text.slice(init.start, init.end), ')()')
    copied = init.end
  }
  return [...parts, text.slice(copied)].join('')
}

/** For the schemas of the EC2 client; those of the other clients in the executable are small. */
export const shakeSchemas: Plugin = {
  name: 'shake-schemas',
  setup(build) {
    build.onLoad({ filter: /\/@aws-sdk\/client-ec2\/dist-es\/schemas\/schemas_0\.js$/ }, async ({ path }) => ({
      contents: shakeable(path, await readFile(path, 'utf8')),
    }))
  },
}
