// The line that a person sees at the next login.
import { describe, expect, it } from 'vitest'
import { leaveNote, type Return, returnLine, takeNote } from '../agent/note.ts'
import { createMemoryHost } from './host/memory.ts'

describe('returnLine', () => {
  it.each<[string, Return, string]>([
    [
      'back from hibernation',
      { what: 'hibernated', off: '14 h 02', since: '2026-11-22T18:10:00Z' },
      'idle-agent hibernated it for 14 h 02, because nothing had needed it since 2026-11-22 18:10 UTC; "idle-agent keep" prevents it',
    ],
    [
      'before it is known how long',
      { what: 'stopped', since: '2026-11-22T18:10:00Z' },
      'idle-agent stopped this machine, because nothing had needed it since 2026-11-22 18:10 UTC; "idle-agent keep" prevents it',
    ],
    [
      'after the state was lost',
      { what: 'stopped', off: '3 min', since: '' },
      'idle-agent stopped it for 3 min; "idle-agent keep" prevents it',
    ],
  ])('%s', (_what, told, line) => {
    expect(returnLine(told)).toBe(line)
  })
})

describe('the note', () => {
  const path = '/etc/motd.d/idle-agent'

  it('is left where the folder is, taken once, and never missed', async () => {
    const host = createMemoryHost()
    await leaveNote(host, path, 'a line')
    expect(host.files.read(path)).toBeUndefined()
    host.files.makeDir('/etc/motd.d')
    await leaveNote(host, path, 'a line')
    expect(host.files.read(path)).toBe('a line\n')
    await takeNote(host, path)
    await takeNote(host, path)
    expect(host.files.read(path)).toBeUndefined()
  })
})
