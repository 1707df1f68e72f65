// Data to the XML that the EC2 API answers: objects become elements, lists become `<item>`s.

export type Xml = string | number | boolean | readonly Xml[] | { readonly [name: string]: Xml | undefined }

/** Renders one document; elements whose value is `undefined` are left out. */
export function renderXml(name: string, value: Xml, namespace?: string): string {
  const attribute = namespace === undefined ? '' : ` xmlns="${escapeXml(namespace)}"`
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, value, attribute)}`
}

function element(name: string, value: Xml, attribute = ''): string {
  const inner = content(value)
  return inner === '' ? `<${name}${attribute}/>` : `<${name}${attribute}>${inner}</${name}>`
}

function content(value: Xml): string {
  if (typeof value === 'string') return escapeXml(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (isList(value)) return value.map((item) => element('item', item)).join('')
  let text = ''
  for (const [name, child] of Object.entries(value)) if (child !== undefined) text += element(name, child)
  return text
}

function isList(value: Xml): value is readonly Xml[] {
  return Array.isArray(value)
}

function escapeXml(text: string): string {
  const named = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
  return named.replace(/[\t\n\r]/g, (character) => `&#${String(character.charCodeAt(0))};`)
}
