// The built executable, cut off at every change that a check makes outside itself; minutes, so a part of `make e2e`.
import { vi } from 'vitest'
import { testCrashes } from './suite.ts'

// One way after the other: the cases of each run side by side.
vi.setConfig({ maxConcurrency: 1 })
testCrashes('every change', { timeout: 900_000, wider: 2 })
