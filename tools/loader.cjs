// The script of the executable: `load` gives built-in modules and, from the assets, the agent's own, each with its code cache.
const loaded = new Map()

function load(name) {
  if (!name.startsWith('./')) return require(name)
  const known = loaded.get(name)
  if (known !== undefined) return known.exports
  const module = { exports: {} }
  loaded.set(name, module)
  const { getRawAsset } = require('node:sea')
  const { Script } = require('node:vm')
  const source = Buffer.from(getRawAsset(name)).latin1Slice()
  const cachedData = Buffer.from(getRawAsset(`${name}.cache`))
  new Script(source, { filename: name, cachedData }).runInThisContext()(module.exports, load, module)
  return module.exports
}

load('./main.js')
