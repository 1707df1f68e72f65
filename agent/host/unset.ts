/** Takes variables out of this process's environment, for a library that reads it by itself. */

/** Removes for good every variable whose name fits; programs that are started later do not see them either. */
export function unsetVariables(unwanted: RegExp): void {
  for (const name of Object.keys(process.env)) {
    if (unwanted.test(name)) delete process.env[name]
  }
}
