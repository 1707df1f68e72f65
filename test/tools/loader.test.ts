// What the loader of the executable makes of scripts that fail, are damaged, or come with another's code cache.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Script } from 'node:vm'
import { expect, test } from 'vitest'
import { packed } from '../../tools/blob.ts'

const real = createRequire(import.meta.url)

/** Runs tools/loader.cjs over these scripts; gives back what they told by `tell`. */
function run(scripts: Readonly<Record<string, string>>, caches: Readonly<Record<string, Buffer>> = {}): unknown[] {
  const told: unknown[] = []
  const pieces = Object.entries({ 'hot.js': '(function(require,module){})', ...scripts }).map(
    ([name, text]) => [name, Buffer.from(text), caches[name] ?? Buffer.alloc(0)] as const,
  )
  const { bytes, places } = packed(pieces)
  const assets = new Map([
    ['scripts', bytes],
    ['places', Buffer.from(places)],
  ])
  const ask = (name: string): unknown => {
    if (name === 'test') return { tell: (word: unknown) => told.push(word) }
    return name === 'node:sea' ? { getRawAsset: (asset: string) => assets.get(asset) } : real(name)
  }
  const loader = new Script(`(function(require){${readFileSync('tools/loader.cjs', 'utf8')}})`)
  loader.runInThisContext()(ask)
  return told
}

function script(body: string): string {
  return `(function(exports,require,module){${body}})`
}

const twice = script(`
  const { tell } = require('test')
  for (const _ of [1, 2]) { try { tell(require('./other.js').word) } catch (error) { tell(error.message) } }`)

test('a script is evaluated once, and gives the same to everybody', () => {
  const other = script("require('test').tell('evaluated'); exports.word = 'told'")
  expect(run({ 'main.js': twice, 'other.js': other })).toEqual(['evaluated', 'told', 'told'])
})

test('a script that throws throws again when it is asked for again', () => {
  expect(run({ 'main.js': twice, 'other.js': script("throw new Error('broken')") })).toEqual(['broken', 'broken'])
})

test('a script that throws once is whole the next time, and so is what asked for it', () => {
  const between = script("exports.word = require('./deep.js').word")
  const deep = script("if (require('test').tell(0) < 2) throw new Error('broken'); exports.word = 'told'")
  expect(run({ 'main.js': twice, 'other.js': between, 'deep.js': deep })).toEqual([0, 'broken', 0, 'told'])
})

test('a script in the one that every check reads that throws throws again, too', () => {
  const hot = "(function(require,module){module.exports={'./other.js':()=>{throw new Error('broken')}}})"
  expect(run({ 'main.js': twice, 'hot.js': hot })).toEqual(['broken', 'broken'])
})

test('scripts that ask for each other see what is there so far', () => {
  const a = script("exports.word = 'a'; exports.other = require('./b.js').seen")
  const b = script("exports.seen = require('./other.js').word")
  expect(run({ 'main.js': twice, 'other.js': a, 'b.js': b })).toEqual(['a', 'a'])
})

test('a script that cannot be compiled says so each time', () => {
  expect(run({ 'main.js': twice, 'other.js': '(function(' })).toEqual([
    'Unexpected end of input',
    'Unexpected end of input',
  ])
})

test('the code cache of a script is used: that of another one of its length is run, which V8 cannot tell', () => {
  const saying = (word: string) => script(`exports.word = '${word}'`)
  const cache = new Script(saying('else'), { filename: 'made' }).createCachedData()
  expect(run({ 'main.js': twice, 'other.js': saying('told') }, { 'other.js': cache })).toEqual(['else', 'else'])
})

// V8 checks what a cache says of itself, not the rest: that is as whole as the executable that holds it.
test.each([
  ['cut short', (cache: Buffer) => cache.subarray(0, cache.length / 2)],
  ['empty', () => Buffer.alloc(0)],
  ['no cache', () => Buffer.from('text')],
  ['of another version of V8', (cache: Buffer) => flipped(cache, 4)],
  ['of a script of another length', (cache: Buffer) => flipped(cache, 8)],
  ['made under other flags', (cache: Buffer) => flipped(cache, 12)],
])('a code cache that is %s is not used, and its script is', (name, spoil) => {
  // Of its own text each time: for one that V8 has compiled already it looks at no cache.
  const text = script(`exports.word = ${JSON.stringify(name)}`)
  const cache = spoil(new Script(text, { filename: 'made' }).createCachedData())
  expect(new Script(text, { filename: 'seen', cachedData: cache }).cachedDataRejected).toBe(true)
  expect(run({ 'main.js': twice, 'other.js': text }, { 'other.js': cache })).toEqual([name, name])
})

/** A cache whose header says something else in one place. */
function flipped(cache: Buffer, at: number): Buffer {
  const copy = Buffer.from(cache)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}
