// docs/dependencies.md and package.json must name the same packages, each pinned to one version.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }

const rows = readFileSync('docs/dependencies.md', 'utf8').matchAll(/^\| `([^`]+)` \| (.+) \| (.+) \|$/gm)
const documented = [...rows].map(([, name]) => name)

test('every dependency has a row, and every row is a dependency', () => {
  const { dependencies, devDependencies } = manifest
  expect(documented).toEqual([...Object.keys(dependencies), ...Object.keys(devDependencies)])
})

test('every version is exact', () => {
  const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies })
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
})

test('the lockfile names no registry and no folder of a machine', () => {
  const lock = readFileSync('package-lock.json', 'utf8')
  expect(lock).not.toContain('"resolved"')
  expect(lock).not.toContain('file:')
})
