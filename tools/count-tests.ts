// Adds up what vitest reports, so that no way of failing is counted as a pass.

/** How many tests held and how many did not. */
export interface Count {
  readonly passed: number
  readonly failed: number
}

interface TestReport {
  readonly status: string
  readonly fullName: string
  readonly failureMessages: readonly string[]
}

interface FileReport {
  readonly name: string
  readonly status: string
  /** Why it could not be loaded. */
  readonly message: string
  readonly assertionResults: readonly TestReport[]
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly FileReport[]
}

function isReport(value: unknown): value is Report {
  return typeof value === 'object' && value !== null && 'numPassedTests' in value && 'testResults' in value
}

function reportIn(json: string): Report | undefined {
  const report: unknown = json === '' ? undefined : JSON.parse(json)
  return isReport(report) ? report : undefined
}

function isUnloaded({ status, assertionResults }: FileReport): boolean {
  return status === 'failed' && !assertionResults.some((one) => one.status === 'failed')
}

/** Every test that failed and every file that could not be loaded, with the beginning of what was said of it. */
export function tellFailures(json: string, mostChars: number): readonly string[] {
  return (reportIn(json)?.testResults ?? []).flatMap((file) => {
    const tests = file.assertionResults.filter(({ status }) => status === 'failed')
    const told = tests.map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join('\n')}`)
    return [...told, ...(isUnloaded(file) ? [file.message] : [])].map((text) => {
      return `${file.name}: ${text}`.slice(0, mostChars)
    })
  })
}

/**
 * `json` is what vitest's JSON reporter wrote, empty when it wrote nothing. A file that could not be loaded has no
 * failed test but did fail; so did a run that ended with an error outside every test, and one that found no test.
 */
export function countTests(json: string, exitCode: number | null): Count {
  const report = reportIn(json)
  if (report === undefined) return { passed: 0, failed: 1 }
  const failed = report.numFailedTests + report.testResults.filter(isUnloaded).length
  const isSilent = failed === 0 && (exitCode !== 0 || report.numPassedTests === 0)
  return { passed: report.numPassedTests, failed: isSilent ? 1 : failed }
}
