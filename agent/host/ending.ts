/** Lets a command end in its own time when somebody ends the process. */

/** A signal that aborts at SIGINT, SIGTERM or SIGHUP, which do nothing else until `clear`; a second one ends the process at once. */
export function untilEnded(): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const clear = () => {
    for (const name of names) process.off(name, end)
  }
  function end(): void {
    clear()
    controller.abort(new Error('ended'))
  }
  for (const name of names) process.on(name, end)
  return { signal: controller.signal, clear }
}
