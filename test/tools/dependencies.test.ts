// docs/dependencies.md and package.json must name the same packages, each pinned to one version.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }

const rows = readFileSync('docs/dependencies.md', 'utf8').matchAll(/^\| `([^`]+)` \| (.+) \| (.+) \|$/gm)
const documented = [...rows].map(([, name]) => name)

test('every dependency has a row, and every row is a dependency', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest
  const names = [dependencies, devDependencies, optionalDependencies].flatMap((group) => Object.keys(group))
  expect(documented).toEqual(names)
})

test('every version is exact', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest
  const versions = Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies })
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
})

const lockfile = readFileSync('package-lock.json', 'utf8')

test('the lockfile names no registry and no folder of a machine', () => {
  expect(lockfile).not.toContain('"resolved"')
  expect(lockfile).not.toContain('file:')
})

test('the lockfile holds every optional dependency, or `npm ci` refuses it', () => {
  const { packages } = JSON.parse(lockfile) as { packages: Record<string, { optionalDependencies?: object }> }
  const optional = Object.values(packages).flatMap((one) => Object.keys(one.optionalDependencies ?? {}))
  expect(optional.filter((name) => packages[`node_modules/${name}`] === undefined)).toEqual([])
})
