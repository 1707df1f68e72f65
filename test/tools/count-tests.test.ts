// The summary line must count every way a test run can fail.
import { expect, test } from 'vitest'
import { countTests } from '../../tools/count-tests.ts'

function report(numPassedTests: number, numFailedTests: number, files: readonly string[] = []): string {
  const testResults = files.map((status) => ({ status, assertionResults: [] }))
  return JSON.stringify({ numPassedTests, numFailedTests, testResults })
}

test.each([
  ['all held', report(7, 0), 0, { passed: 7, failed: 0 }],
  ['two failed', report(7, 2), 1, { passed: 7, failed: 2 }],
  ['a file that could not be loaded', report(7, 0, ['failed', 'passed']), 1, { passed: 7, failed: 1 }],
  ['an error outside every test', report(7, 0), 1, { passed: 7, failed: 1 }],
  ['a run ended by a signal', report(7, 0), null, { passed: 7, failed: 1 }],
  ['no test found', report(0, 0), 0, { passed: 0, failed: 1 }],
  ['no report written', '', 0, { passed: 0, failed: 1 }],
  ['something else written', '{}', 0, { passed: 0, failed: 1 }],
])('counts %s', (_what, json, exitCode, expected) => {
  expect(countTests(json, exitCode)).toEqual(expected)
})
