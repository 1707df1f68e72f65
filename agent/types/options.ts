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

/** What one entry of a list of blocks may say. */
export type Field = { readonly about: string; readonly required?: true } & (
  | {
      readonly type: 'number'
      readonly default?: number
      readonly min: number
      readonly max: number
      readonly unit: string
      readonly whole?: true
    }
  | { readonly type: 'boolean'; readonly default: boolean }
  | { readonly type: 'text'; readonly pattern: string; readonly rule: string }
  | TextList
)

/** Texts of one kind; the first may be of another. */
interface TextList {
  readonly type: 'texts'
  readonly pattern: string /** The pattern in words, to follow "must be". */
  readonly rule: string
  readonly most: number
  readonly first?: { readonly pattern: string; readonly rule: string }
}

/** A setting that holds a list: of texts, or of blocks. Empty unless it is given. */
export type ListOption =
  | (TextList & { readonly about: string })
  | {
      readonly type: 'blocks'
      readonly fields: Readonly<Record<string, Field>>
      readonly most: number
      readonly about: string
    }

/** One block of a list. */
export type Block = Readonly<Record<string, number | boolean | string | readonly string[]>>

export type Options = Readonly<Record<string, Option>>

/** The values that a table of number options yields. */
export type Limits<O extends Options> = { readonly [K in keyof O]: number }
