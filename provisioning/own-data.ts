/** The user data that an operator brings: which kind of part it is to cloud-init. */

/** First lines as cloud-init knows them, and what such a part is. */
const kinds: readonly (readonly [RegExp, string])[] = [
  [/^#!/, 'text/x-shellscript'],
  [/^#cloud-config-archive\b/, 'text/cloud-config-archive'],
  [/^#cloud-config-jsonp\b/, 'text/cloud-config-jsonp'],
  [/^#cloud-config\b/, 'text/cloud-config'],
  [/^#cloud-boothook\b/, 'text/cloud-boothook'],
  [/^#include-once\b/, 'text/x-include-once-url'],
  [/^#include\b/, 'text/x-include-url'],
  [/^## template: ?jinja\b/i, 'text/jinja2'],
]

/** The type of the part. `undefined` where cloud-init would not know it, and so would do nothing with it. */
export function partType(text: string): string | undefined {
  return kinds.find(([first]) => first.test(text))?.[1]
}

/** Why it cannot be taken; `undefined` where it can, or there is none. */
export function partsProblem(text: string | undefined): string | undefined {
  if (text === undefined || partType(text) !== undefined) return undefined
  if (/^(?:MIME-Version|Content-Type):/i.test(text)) return 'is a multipart archive; give one part of it, as it is'
  return 'must begin with #! (a script), #cloud-config, or another first line that cloud-init knows'
}
