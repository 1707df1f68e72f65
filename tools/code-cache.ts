// Run by the Node under the executable: leaves V8's code cache beside each script named, or checks the ones that lie there.
import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Script } from 'node:vm'

const [mode, ...paths] = process.argv.slice(2)
for (const path of paths) {
  const source = readFileSync(path, 'latin1')
  const filename = `./${basename(path)}`
  if (mode === 'write') {
    writeFileSync(`${path}.cache`, new Script(source, { filename }).createCachedData())
  } else {
    const script = new Script(source, { filename, cachedData: readFileSync(`${path}.cache`) })
    if (script.cachedDataRejected !== false) throw new Error(`${path}: this Node rejects the code cache`)
  }
}
