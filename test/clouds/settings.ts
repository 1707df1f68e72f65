// Settings of a simulated machine that come from outside: each is checked against the default it has.

export interface SettingRules<Settings> {
  readonly defaults: Settings
  /** Settings that are one of some words. */
  readonly choices: Readonly<Partial<Record<keyof Settings, readonly string[]>>>
  /** Settings that are a text or absent, whatever the default is. */
  readonly nullable: ReadonlySet<keyof Settings>
}

/** Changes settings; throws a TypeError that says what is wrong, then nothing is changed. */
export function applySettings<Settings extends object>(
  machine: Settings,
  changes: Readonly<Record<string, unknown>>,
  rules: SettingRules<Settings>,
): void {
  for (const [key, value] of Object.entries(changes)) {
    const problem = settingProblem(rules, key, value)
    if (problem) throw new TypeError(`${key}: ${problem}`)
  }
  Object.assign(machine, changes)
}

function settingProblem<Settings extends object>(
  { defaults, choices, nullable }: SettingRules<Settings>,
  key: string,
  value: unknown,
): string | undefined {
  if (!Object.hasOwn(defaults, key)) return 'no such setting'
  const name = key as keyof Settings // an own key of the defaults
  const mayBeNull = nullable.has(name)
  if (mayBeNull && value === null) return undefined
  const allowed = choices[name]
  if (allowed) {
    if (typeof value === 'string' && allowed.includes(value)) return undefined
    return `one of ${allowed.join(', ')}${mayBeNull ? ', or null' : ''}`
  }
  const example = defaults[name]
  if (Array.isArray(example)) {
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? undefined : 'a list of texts'
  }
  if (mayBeNull) return typeof value === 'string' ? undefined : 'a text or null'
  return typeof value === typeof example ? undefined : `a ${typeof example}`
}
