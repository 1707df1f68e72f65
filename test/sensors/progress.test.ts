/** What jobs in the foreground do in two minutes, and for how long that counts without anybody at their terminal. */
import { describe, expect, it } from 'vitest'
import type { Job } from '../../agent/sensors/jobs.ts'
import { judgeJobs, withProgress } from '../../agent/sensors/progress.ts'
import { keyOf, type Terminal } from '../../agent/sensors/terminals.ts'

const hourMs = 3_600_000
const now = { wallMs: 1e12, bootMs: 200 * hourMs, monoMs: 190 * hourMs }
const asked = { span: { now, ms: 120_000 }, limitMs: 24 * hourMs }
const pts = { name: 'pts/1', id: '24:34817:4', ctimeMs: 1, atimeMs: 1, mtimeMs: 1, since: now.monoMs - hourMs }
const job: Job = {
  ...{ tty: 'pts/1', on: keyOf(pts), comm: 'x', pid: 5, start: 6, session: 4 },
  ...{ ticks: 10, switches: 200, bytes: 40, newest: 30 },
}

function judge(
  jobs: readonly Job[],
  before: readonly Job[],
  terminals: readonly Terminal[] = [pts],
  lastInput = -1e12,
) {
  return judgeJobs({ jobs, terminals, lastInput }, { jobs: before, terminals: [pts] }, asked)
}

describe('in two minutes', () => {
  // Wakes and ticks as measured over two minutes on Linux 6.18, with Python 3.11 and Node 24; those of Docker's client as reported.
  it.each<[string, Partial<Job>, boolean]>([
    ['a silent docker exec wakes twice a minute', { switches: 204 }, false],
    ["an idle server of Node's does as well", { switches: 204 }, false],
    ['a sleep does nothing', {}, false],
    ['a script asks over the network every 30 s', { switches: 209, ticks: 11 }, true],
    ['a script asks over the network every minute: no progress most of the time', { switches: 206 }, false],
    ['… and progress when that was a tick', { switches: 206, ticks: 11 }, true],
    ['a shell loop sleeps 30 s again and again', { switches: 204, bytes: 27_944, newest: 31 }, true],
    ['python -m http.server polls', { switches: 455, ticks: 12 }, true],
    ['a program waits with a time-out of 10 s', { switches: 212 }, true],
    ['… of a bit more', { switches: 211 }, false],
    ['a program writes a line into its log', { switches: 202, bytes: 120 }, true],
    ['a member ended', { switches: 190 }, true],
    ['a member with CPU time ended', { ticks: 9 }, true],
    ['a member began', { newest: 31 }, true],
    ['another job has its pid', { start: 7 }, true],
  ])('%s', (_, change, works) => {
    const later = { ...job, ...change }
    expect(judge([later], [job])).toEqual(works ? { working: later } : { stuck: later })
  })

  it('a job that was not there is progress', () => {
    expect(judge([job], [])).toEqual({ working: job })
  })

  it.each<[string, Partial<Terminal>, boolean]>([
    ['on a new terminal is progress', {}, true],
    ['on a new terminal of a container, which begins again and again, is none', { apart: true }, false],
    ['on one that somebody has typed on is progress', { apart: true, atimeMs: 900_000 }, true],
  ])('a job that was not there, %s', (_, change, works) => {
    const made: Terminal = { ...pts, id: '99:34816:3', ctimeMs: 800_000, atimeMs: 800_000, mtimeMs: 800_000, ...change }
    const begun = { ...job, on: keyOf(made) }
    expect(judge([begun], [], [pts, made])).toEqual(works ? { working: begun } : { stuck: begun })
  })

  it('a job over ssh that was not there proves no more than its connection, and is progress like any later', () => {
    const { tty: _tty, on: _on, ...over } = { ...job, session: now.bootMs / 10 - 9000 }
    expect(judge([over], [])).toEqual({ stuck: over })
    const later = { ...over, ticks: 11 }
    expect(judge([later], [over])).toEqual({ working: later })
    expect(judge([over], [over])).toEqual({ stuck: over })
  })

  it('a job that is gone is nothing', () => {
    expect(judge([], [job])).toEqual({})
  })

  it.each<[string, Partial<Job>, readonly Job[], boolean]>([
    ['sleeps', {}, [job], false],
    ['is new', {}, [], false],
    ['wakes twice', { switches: 202 }, [job], false],
    ['wakes three times, as in a loop', { switches: 203 }, [job], true],
  ])('an interpreter at its prompt that %s', (_, change, before, works) => {
    const prompt: Job = { ...job, prompt: true, ...change }
    expect(judge([prompt], before)).toEqual(works ? { working: prompt } : {})
  })

  it('several jobs are told from each other', () => {
    const [stuck, old] = [
      { ...job, pid: 6 },
      { ...job, pid: 7, on: 'x', session: 0 },
    ]
    const [moved, working] = [
      { ...old, ticks: 11 },
      { ...job, ticks: 11 },
    ]
    expect(judge([stuck, moved], [stuck, old])).toEqual({ stuck, unattended: { job: moved, ms: 200 * hourMs } })
    expect(judge([stuck, moved, working], [stuck, old, job]).working).toEqual(working)
  })
})

describe('progress counts', () => {
  const busy: Job = { ...job, ticks: 1000 }
  const typed = (ago: number) => [{ ...pts, since: now.monoMs - ago }]
  it.each<[string, Job, number, boolean]>([
    ['for a day after the last input', busy, 24 * hourMs, true],
    ['no longer', busy, 24 * hourMs + 1, false],
    ['at a prompt as well', { ...busy, prompt: true, switches: 900 }, 24 * hourMs, true],
    ['no longer at a prompt, either', { ...busy, prompt: true, switches: 900 }, 24 * hourMs + 1, false],
  ])('%s', (_, later, ago, counts) => {
    expect(judge([later], [job], typed(ago))).toEqual(
      counts ? { working: later } : { unattended: { job: later, ms: ago } },
    )
  })

  it('for a day after somebody typed on another terminal, as one does who attaches to tmux and looks', () => {
    const seen = now.monoMs - 24 * hourMs
    expect(judge([busy], [job], typed(90 * hourMs), seen)).toEqual({ working: busy })
    const unattended = { job: busy, ms: 24 * hourMs + 1 }
    expect(judge([busy], [job], typed(90 * hourMs), seen - 1)).toEqual({ unattended })
  })

  const session = (ago: number) => (now.bootMs - ago) / 10
  it.each<[string, number, boolean]>([
    ['for a day from the beginning of its session', 24 * hourMs, true],
    ['no longer', 25 * hourMs, false],
  ])('where its terminal cannot be looked at, %s', (_, ago, counts) => {
    const { on: _on, ...hidden } = { ...busy, session: session(ago) }
    expect(judge([hidden], [job])).toEqual(counts ? { working: hidden } : { unattended: { job: hidden, ms: ago } })
  })
})

describe('a job that has ended', () => {
  const at = now.monoMs
  it.each<[string, Job, Job[], number, boolean]>([
    ['got on until then, if it did up to the check before', { ...job, moved: true }, [], 1, true],
    ['may have hung for long, if it did not', job, [], 1, false],
    ['has not ended while it is there', { ...job, moved: true }, [{ ...job, moved: true }], 1, false],
    ['counts for nobody who was last there too long ago', { ...job, moved: true }, [], 24 * hourMs + 1, false],
  ])('%s', (_, before, left, ago, counts) => {
    const terminals = [{ ...pts, since: at - ago }]
    expect(judge(left, [before], terminals).working !== undefined).toBe(counts)
  })

  it('is remembered to have got on by what it did since the sample before', () => {
    const then = { at: at - 120_000, jobs: [job] }
    const [idle, busy] = [job, { ...job, bytes: 41 }]
    expect(withProgress({ at, jobs: [idle] }, then)).toEqual([idle])
    expect(withProgress({ at, jobs: [busy] }, then)).toEqual([{ ...busy, moved: true }])
    expect(withProgress({ at, jobs: [busy] }, { ...then, jobs: [{ ...busy, moved: true }] })).toEqual([busy])
    expect(withProgress({ at, jobs: [busy] }, undefined)).toEqual([busy])
  })
})
