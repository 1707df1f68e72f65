// How the tests run: every test/**/*.test.ts, in Node, with the constants of the build filled in.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  define: {
    __VERSION__: '"0.0.0-test"',
    __COMMIT__: '"000000000000"',
    __COMMIT_DATE__: '"2026-01-01T00:00:00Z"',
  },
  test: {
    include: ['test/**/*.test.ts'],
    passWithNoTests: false,
    allowOnly: false,
    restoreMocks: true,
    testTimeout: 30_000,
    // What is waited for comes at once on a machine with nothing else to do.
    expect: { poll: { timeout: 20_000 } },
  },
})
