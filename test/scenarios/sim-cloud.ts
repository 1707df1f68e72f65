/** The cloud of the simulated world, as one process sees it; it can be cut off before and after each call took effect. */
import type { Cloud } from '../../agent/clouds/cloud.ts'
import { CloudError } from '../../agent/errors.ts'
import type { Outcome, Refusal } from '../../agent/types/outcome.ts'
import type { Method } from '../../agent/types.ts'
import type { Answer } from './histories.ts'
import type { Process, World } from './world.ts'

const SECOND = 1_000

function unavailable(what: string): CloudError {
  return new CloudError(`scripted: no ${what}`, { code: 'scripted', retryable: true })
}

/** A machine that is stopping already is asked nothing more by EC2: the call is accepted, whatever would forbid it. */
function answerNow(world: World, how: Answer): Answer {
  const early: readonly Answer[] = ['forbidden', 'credentials', 'throttled', 'unreachable', 'other']
  const kept: readonly Answer[] = [...early, 'wrong-state', 'lost', 'lost-executed', 'ignore']
  return world.stopping === undefined || kept.includes(how) ? how : 'accept'
}

/** What the cloud answers; `undefined` where the answer never comes. */
function answer(world: World, how: Answer, method: Method): Outcome | undefined {
  const accepted: Outcome = { result: 'accepted', detail: 'scripted' }
  switch (how) {
    case 'accept':
      world.takeDown(method, world.random.whole(1, world.random.chance(0.1) ? 500 : 150) * SECOND)
      return accepted
    case 'ignore':
      return accepted
    case 'lost':
      return undefined
    case 'lost-executed':
      world.takeDown(method, world.random.whole(1, 200) * SECOND)
      return undefined
    case 'freeze-lost':
      world.takeDown(method, 0)
      return undefined
    case 'freeze-accept':
      world.takeDown(method, 0)
      return accepted
    default:
      return refuse(how)
  }
}

function refuse(why: Refusal): Outcome {
  return { result: 'refused', why, code: `Scripted.${why}`, message: 'scripted refusal' }
}

export function createSimCloud(world: World, process: Process): Cloud {
  /** A call begins or ends: the process may die here. */
  const point = () => {
    if (process.dead) throw unavailable('process')
    world.point(process)
  }

  async function act(method: Method): Promise<Outcome> {
    point()
    world.judge?.called(process, method)
    process.acts += 1
    const how = answerNow(world, world.answer())
    const possible = how === 'accept' && method === 'hibernate' && !world.setup.canHibernate ? 'unsupported' : how
    world.say(`pid ${process.pid} calls ${method}: ${possible}`)
    const outcome = answer(world, possible, method)
    point()
    world.judge?.answered(process, outcome?.result ?? 'unknown')
    if (outcome === undefined) throw new Error('scripted: no answer within 15 s')
    return outcome
  }

  return {
    name: 'simulated',
    defaultAction: 'hibernate',
    tellsStart: world.setup.tellsStart,
    async identify() {
      point()
      const gap = world.opened('no-metadata')
      if (gap !== undefined && gap.at % 2 === 0) throw unavailable('metadata')
      const told = world.setup.tellsStart && gap === undefined ? { startedAt: world.startedAt } : {}
      return { id: 'i-1', ...told }
    },
    async operatorTags() {
      point()
      if (world.is('no-operator-tags')) {
        process.operator = 'unread'
        throw unavailable('tags')
      }
      const tag = world.opened('tag')
      process.operator = tag === undefined ? 'free' : 'forbids'
      return tag === undefined ? {} : { [tag.name]: tag.name === 'Protected' ? 'true' : '2099-01-01' }
    },
    async canHibernate() {
      point()
      if (world.is('no-metadata')) throw unavailable('metadata')
      return world.setup.canHibernate
    },
    async writeTags(tags) {
      point()
      process.tagWrites += 1
      // The world goes on while the tags are being written.
      if (world.random.chance(0.3)) world.advanceTo(world.tau + world.random.whole(1, 4) * SECOND)
      if (process.dead) throw unavailable('process')
      const gap = world.opened('no-tags')
      if (gap === undefined || gap.at % 2 === 0) {
        const was = new Map(world.tags)
        for (const [key, value] of Object.entries(tags)) world.tags.set(key, value)
        world.judge?.tagsWritten(process, was)
      }
      world.say(
        `pid ${process.pid} writes tags ${Object.values(tags).join(' | ')}${gap === undefined ? '' : ' (fails)'}`,
      )
      point()
      if (gap === undefined) return
      process.tagFailed = true
      throw unavailable('answer to CreateTags')
    },
    act,
  }
}
