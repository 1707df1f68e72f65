/** Run as a process of its own: loads one configuration and prints which packages that took, and what there is to keep. */
import { registerHooks } from 'node:module'
import { createHost } from '../../agent/host/real.ts'

const packages = new Set<string>()
registerHooks({
  load(url, context, next) {
    const name = /\/node_modules\/([^/]+)\//.exec(url)?.[1]
    if (name !== undefined) packages.add(name)
    return next(url, context)
  },
})

const [path = '', cachePath = ''] = process.argv.slice(2)
const { loadConfig } = await import('../../agent/config.ts')
const { cache } = await loadConfig(createHost({ root: '/', env: {} }), { path, explicit: false, cachePath })
process.stdout.write(JSON.stringify({ packages: [...packages].sort(), cache }))
