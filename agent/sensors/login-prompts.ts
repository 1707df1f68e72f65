/** Programs that wait for a login: their terminal has no person on it yet. Names as the kernel cuts them, at 15 bytes. */
export const loginPrompts: ReadonlySet<string> = new Set(['agetty', 'getty', 'mingetty', 'fgetty', 'mgetty'])
