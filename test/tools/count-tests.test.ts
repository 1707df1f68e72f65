// The summary line must count every way a test run can fail.
import { expect, test } from 'vitest'
import { countTests, tellFailures } from '../../tools/count-tests.ts'

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

test('tells what failed, and where', () => {
  const held = { status: 'passed', fullName: 'holds', failureMessages: [] }
  const wrong = { status: 'failed', fullName: 'breaks', failureMessages: ['Error: one', 'Error: two'] }
  const testResults = [
    { name: 'a.test.ts', status: 'failed', message: '', assertionResults: [held, wrong] },
    { name: 'b.test.ts', status: 'failed', message: 'cannot be loaded', assertionResults: [] },
    { name: 'c.test.ts', status: 'passed', message: '', assertionResults: [held] },
  ]
  const json = JSON.stringify({ numPassedTests: 2, numFailedTests: 1, testResults })
  expect(tellFailures(json, 100)).toEqual(['a.test.ts: breaks\nError: one\nError: two', 'b.test.ts: cannot be loaded'])
  expect(tellFailures(json, 9)).toEqual(['a.test.ts', 'b.test.ts'])
  expect(tellFailures('', 9)).toEqual([])
})
