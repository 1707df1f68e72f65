// Adds up what vitest reports, so that no way of failing is counted as a pass.

/** How many tests held and how many did not. */
export interface Count {
  readonly passed: number
  readonly failed: number
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { status: string }[] }[]
}

function isReport(value: unknown): value is Report {
  return typeof value === 'object' && value !== null && 'numPassedTests' in value && 'testResults' in value
}

/**
 * `json` is what vitest's JSON reporter wrote, empty when it wrote nothing. A file that could not be loaded has no
 * failed test but did fail; so did a run that ended with an error outside every test, and one that found no test.
 */
export function countTests(json: string, exitCode: number | null): Count {
  const report: unknown = json === '' ? undefined : JSON.parse(json)
  if (!isReport(report)) return { passed: 0, failed: 1 }
  const unloaded = report.testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && !assertionResults.some((one) => one.status === 'failed')
  })
  const failed = report.numFailedTests + unloaded.length
  const isSilent = failed === 0 && (exitCode !== 0 || report.numPassedTests === 0)
  return { passed: report.numPassedTests, failed: isSilent ? 1 : failed }
}
