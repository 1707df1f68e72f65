/** What becomes of a machine that is shut down from inside, by the cloud's name, where that does not end its costs. */
export const shutdownNotes: ReadonlyMap<string, string> = new Map([
  ['azure', 'a shutdown from inside leaves this VM allocated, and paid for; this agent only ever deallocates it'],
])
