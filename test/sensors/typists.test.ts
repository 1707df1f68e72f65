/** Whose input it is: the terminal's owner, who is in front of it after su, and who opened an ssh session. */
import { describe, expect, it } from 'vitest'
import { type SessionsSample, sessions } from '../../agent/sensors/sessions.ts'
import { createMachine, type Machine } from '../host/fixture.ts'
import { interval, sample } from './machine.ts'

const start = Date.parse('2026-01-01T02:00:00Z')
const OLD = start - 3_600_000

/** Four terminals of tmux, quiet for an hour. */
function tmux(): Machine {
  const machine = createMachine('tmux-detached')
  for (const [index, name] of ['1', '2', '3', '4'].entries()) {
    machine.terminal(`/dev/pts/${name}`, {
      dev: 24,
      rdev: 34_817 + index,
      uid: 1001,
      ctimeMs: OLD,
      atimeMs: OLD,
      mtimeMs: OLD,
    })
  }
  return machine
}

function type(machine: Machine, name: string, more: { readonly uid?: number } = {}): void {
  machine.terminal(`/dev/pts/${name}`, { atimeMs: machine.clocks().wallMs - 10_000, ...more })
}

/** A shell of another user in front of the terminal, as `su - bob` leaves it. */
function su(machine: Machine, ttyNr: number, uid: number): void {
  machine.write('/proc/9000/stat', `9000 (bash) S 1 9000 9000 ${ttyNr} 9000 0 0 0 0 0 1 1 0 0 20 0 1 0 16000\n`)
  machine.write('/proc/9000/status', `Name:\tbash\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
  machine.write('/proc/9000/cmdline', 'bash\0')
}

describe('input', () => {
  it('is that of the terminal’s owner', async () => {
    const machine = tmux()
    const reading = await interval(sessions, machine, { then: () => type(machine, '2') })
    expect(reading).toMatchObject({ kind: 'active', person: true, uids: expect.arrayContaining([1001]) })
  })

  it('is also that of whoever is in front of it', async () => {
    const machine = tmux()
    su(machine, 34_818, 1002)
    const reading = await interval(sessions, machine, { then: () => type(machine, '2') })
    expect(reading).toMatchObject({ uids: expect.arrayContaining([1001, 1002]) })
  })

  it('on several terminals is that of all', async () => {
    const machine = tmux()
    const then = () => {
      type(machine, '2')
      type(machine, '3', { uid: 1003 })
    }
    expect(await interval(sessions, machine, { then })).toMatchObject({ uids: expect.arrayContaining([1001, 1003]) })
  })

  it('on no terminal is nobody’s', async () => {
    expect(await interval(sessions, tmux())).not.toHaveProperty('uids')
  })

  it('of a terminal whose foreground job has just ended is its owner’s', async () => {
    const machine = tmux()
    const then = () => {
      su(machine, 34_818, 1002)
      machine.remove('/proc/9000/status')
      type(machine, '2')
    }
    expect(await interval(sessions, machine, { then })).toMatchObject({ uids: expect.arrayContaining([1001]) })
  })
})

it('a terminal that nobody touched costs nothing to know more of', async () => {
  const machine = tmux()
  const first = await sample(sessions, machine)
  su(machine, 34_818, 1002)
  const { signal } = new AbortController()
  const second = await sessions.read(machine.host(), signal, first)
  expect(second.terminals.find(({ name }) => name === 'pts/2')?.uids).toEqual([1001])
})

it('a new ssh session is its user’s, beside input of others', async () => {
  const machine = createMachine('ssh-tunnel')
  const first = (one: SessionsSample): SessionsSample => ({ ...one, connections: [] })
  expect(await interval(sessions, machine, { first })).toMatchObject({ kind: 'active', uids: [1000] })
})
