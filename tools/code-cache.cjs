// Run by the Node under the executable: `write` leaves V8's code cache of each script named in a folder, `check` tries those.
// Of the scripts named in WHOLE (with commas between) every function is compiled ahead, of others as V8 thinks fit.
// usage: node code-cache.cjs write|check FOLDER WHOLE SCRIPT...      (not TypeScript: emulated, that takes a second more)
const { readFileSync, writeFileSync } = require('node:fs')
const { basename, join } = require('node:path')
const { setFlagsFromString } = require('node:v8')
const { Script } = require('node:vm')

const [mode, folder, names, ...paths] = process.argv.slice(2)
const whole = new Set(names.split(','))
for (const path of paths) {
  const name = basename(path)
  const options = { filename: `./${name}` }
  const source = readFileSync(path, 'latin1')
  const cache = join(folder, `${name}.cache`)
  if (mode === 'write') {
    if (whole.has(name)) setFlagsFromString('--no-lazy')
    const script = new Script(source, options)
    setFlagsFromString('--lazy') // the cache names the flags that it was made under, and is rejected under others
    writeFileSync(cache, script.createCachedData())
  } else {
    const script = new Script(source, { ...options, cachedData: readFileSync(cache) })
    if (script.cachedDataRejected !== false) throw new Error(`${path}: this Node rejects the code cache`)
  }
}
