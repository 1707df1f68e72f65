// The built executable, cut off at one of each kind of change that a check makes; `make e2e` does it at every change.
import { vi } from 'vitest'
import { testCrashes } from './suite.ts'

vi.setConfig({ maxConcurrency: 3 })
testCrashes('one of each kind', { timeout: 240_000 })
