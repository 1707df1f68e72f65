// Run by the Node under the executable: leaves V8's code cache beside each script named, or checks the ones that lie there.
// `write-whole` compiles every function ahead, `write` leaves those to be compiled that run later.
import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'

const [mode, ...paths] = process.argv.slice(2)
for (const path of paths) {
  const source = readFileSync(path, 'latin1')
  const filename = `./${basename(path)}`
  if (mode === 'write' || mode === 'write-whole') {
    if (mode === 'write-whole') setFlagsFromString('--no-lazy')
    const script = new Script(source, { filename })
    setFlagsFromString('--lazy') // the cache names the flags that it was made under, and is rejected under others
    writeFileSync(`${path}.cache`, script.createCachedData())
  } else {
    const script = new Script(source, { filename, cachedData: readFileSync(`${path}.cache`) })
    if (script.cachedDataRejected !== false) throw new Error(`${path}: this Node rejects the code cache`)
  }
}
