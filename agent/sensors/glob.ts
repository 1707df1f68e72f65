/** Patterns with `*` for any characters. Linear in the text for each star; no regular expression is made of an operator's words. */

/** Does the whole text match? `*` stands for any characters, none included; everything else for itself. */
export function matches(pattern: string, text: string): boolean {
  let [at, from, star, mark] = [0, 0, -1, 0]
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at++
      mark = from
    } else if (pattern[at] === text[from]) {
      at += 1
      from += 1
    } else if (star >= 0) {
      at = star + 1
      from = ++mark
    } else return false
  }
  while (pattern[at] === '*') at += 1
  return at === pattern.length
}

/** Can a text that begins like this match, whatever follows? */
export function mayBegin(pattern: string, start: string): boolean {
  const [head = '', ...more] = pattern.split('*')
  return head.length >= start.length ? head.startsWith(start) : more.length > 0 && start.startsWith(head)
}
