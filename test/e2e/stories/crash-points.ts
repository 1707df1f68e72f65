// Checks that are cut off at one of each kind of change they make; `make e2e` does it at every change.
import { testCrashes } from '../crash/suite.ts'

testCrashes('one of each kind', { timeout: 240_000 })
