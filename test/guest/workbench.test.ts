// Notebooks, editors, desktops, servers and programs that were left, on a real Debian with the real programs where it has them.
import { afterAll, beforeAll, describe, test } from 'vitest'
import { holdMs, openStage, type Stage } from './played.ts'
import { guestsSkipped } from './story.ts'
import { packages, workbench } from './workbench.ts'

describe.skipIf(guestsSkipped('work benches in a guest'))('what people work with', { timeout: 150_000 }, () => {
  let stage: Stage

  beforeAll(async () => {
    const hold = { connection_hold_minutes: holdMs / 60_000 }
    const sensors = { notebooks: hold, editors: hold, desktops: hold }
    const settings = { services: [{ port: 8000, name: 'files' }] }
    stage = await openStage({ name: 'nspawn-workbench', packages, settings, sensors })
  }, 600_000)
  afterAll(() => stage?.close(), 60_000)

  test.each(Object.entries(workbench))('%s', (name, activity) => stage.play(name, activity))
})
