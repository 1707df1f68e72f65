// The script of the executable: `load` gives built-in modules and, from the assets (tools/blob.ts), the agent's own, each with its code cache.
const { getRawAsset } = require('node:sea')
const { Script } = require('node:vm')

const scripts = Buffer.from(getRawAsset('scripts'))
const places = JSON.parse(Buffer.from(getRawAsset('places')).latin1Slice())
const loaded = new Map()

function compile(name) {
  const [begin, cache, end] = places[name]
  const cachedData = scripts.subarray(cache, end)
  return new Script(scripts.latin1Slice(begin, cache), { filename: name, cachedData }).runInThisContext()
}

// What every check reads; a function by name for each chunk in it that is asked for here.
const hot = { exports: {} }
compile('./hot.js')(load, hot)

function load(name) {
  if (!name.startsWith('./')) return require(name)
  const known = loaded.get(name)
  if (known !== undefined) return known.exports
  const module = { exports: {} }
  loaded.set(name, module)
  try {
    const ask = hot.exports[name]
    if (ask === undefined) compile(name)(module.exports, load, module)
    else module.exports = ask()
  } catch (error) {
    // What came of it so far is no module: whoever asks again is told again.
    loaded.delete(name)
    throw error
  }
  return module.exports
}

load('./main.js')
