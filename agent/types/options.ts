/** How a setting is declared: plain data beside the code that uses it; types only, no code. */

/** A setting, declared once, beside the code that uses it. */
export type Option =
  | {
      readonly type: 'number'
      readonly default: number
      readonly min: number
      readonly max: number
      readonly unit: string
      readonly about: string
    }
  | { readonly type: 'boolean'; readonly default: boolean; readonly about: string }
  | {
      readonly type: 'choice'
      readonly values: readonly string[]
      readonly default?: string /** What applies where there is no default. */
      readonly unset?: string
      readonly about: string
    }
  | {
      /** A list of any of the values. */
      readonly type: 'choices'
      readonly values: readonly string[]
      readonly default: readonly string[]
      readonly about: string
    }
  | {
      readonly type: 'text'
      readonly default: string
      readonly pattern: string /** The pattern in words, to follow "must be". */
      readonly rule: string
      readonly about: string
    }

export type Options = Readonly<Record<string, Option>>

/** The values that a table of number options yields. */
export type Limits<O extends Options> = { readonly [K in keyof O]: number }
