// In place of tools/loader.cjs in the executable of `make weigh`: loads what its first argument lists, and tells on stderr
// what each module took, without what it had loaded in turn.
const { writeSync } = require('node:fs')
const { getRawAsset } = require('node:sea')
const { Script } = require('node:vm')

const scripts = Buffer.from(getRawAsset('scripts'))
const places = JSON.parse(Buffer.from(getRawAsset('places')).latin1Slice())
const loaded = new Map()
const rows = []
let current = { inner: 0 }

function timed(name, work) {
  const outer = current
  const own = { inner: 0 }
  current = own
  const began = process.hrtime.bigint()
  const result = work()
  const took = Number(process.hrtime.bigint() - began) / 1e6
  current = outer
  outer.inner += took
  rows.push({ name, ms: took - own.inner })
  return result
}

function evaluate(name, module) {
  const [begin, cache, end] = places[name]
  const cachedData = scripts.subarray(cache, end)
  new Script(scripts.latin1Slice(begin, cache), { filename: name, cachedData }).runInThisContext()(
    module.exports,
    load,
    module,
  )
}

function load(asked) {
  const name = asked.startsWith('./') || asked.startsWith('node:') ? asked : `node:${asked}`
  const known = loaded.get(name)
  if (known !== undefined) return known.exports
  const module = { exports: {} }
  loaded.set(name, module)
  if (name.startsWith('./')) timed(name, () => evaluate(name, module))
  else module.exports = timed(name, () => require(name))
  return module.exports
}

const names = JSON.parse(process.argv[2])
process.argv.splice(2, 1, 'version')
for (const name of names) load(name)
writeSync(2, JSON.stringify(rows))
