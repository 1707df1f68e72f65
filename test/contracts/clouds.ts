/** What every cloud driver promises, as one suite that each of them runs. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Cloud } from '../../agent/clouds/cloud.ts'
import { CloudError } from '../../agent/errors.ts'
import type { Method } from '../../agent/types.ts'

export interface CloudUnderTest {
  readonly cloud: Cloud
  /** The instance's tags, as the cloud itself has them. */
  stored(): Promise<ReadonlyMap<string, string>>
  /** An operator sets a tag. */
  setTag(key: string, value: string): Promise<void>
  /** From now on the cloud says no to a stop. */
  refuseStops(): void
  /** Whether a stop was accepted by the cloud itself. */
  stopping(): boolean
  /** Every request and call that arrived so far, anywhere. */
  requests(): number
  metadataRequests(): number
  /** Addresses that were asked and are not this cloud's. */
  strays(): readonly string[]
  close(): Promise<void>
}

export interface CloudFacts {
  /** What `canHibernate` says of the instance. */
  readonly hibernation: boolean
  /** Whether it can be stopped at all. */
  readonly acts: boolean
  readonly tellsStart: boolean
  readonly defaultAction: Cloud['defaultAction']
}

const PREFIX = 'CloudWorkstation'
const methods: readonly Method[] = ['hibernate', 'stop']

/** Runs the contract against a driver; `start` makes a fresh instance for each case. */
export function cloudContract(name: string, facts: CloudFacts, start: () => Promise<CloudUnderTest>): void {
  describe(`${name} keeps the contract`, () => {
    let test: CloudUnderTest
    let signal: AbortSignal

    beforeEach(async () => {
      test = await start()
      signal = new AbortController().signal
    })

    afterEach(async () => {
      const strays = test.strays()
      await test.close()
      expect(strays).toEqual([])
    })

    it('contacts nothing until it is asked', () => {
      expect(test.requests()).toBe(0)
    })

    it('says what it is', () => {
      const { defaultAction, tellsStart } = test.cloud
      expect({ defaultAction, tellsStart }).toEqual({
        defaultAction: facts.defaultAction,
        tellsStart: facts.tellsStart,
      })
    })

    it('identifies the instance, the same twice, by at most two metadata requests each time', async () => {
      const first = await test.cloud.identify(signal)
      expect(test.metadataRequests()).toBeLessThanOrEqual(2)
      const second = await test.cloud.identify(signal)
      expect(test.metadataRequests()).toBeLessThanOrEqual(4)
      expect(first.id).toMatch(/^\S{4,}$/)
      expect(second).toEqual(first)
      expect(first.startedAt !== undefined).toBe(facts.tellsStart)
    })

    it('tells whether the instance can hibernate', async () => {
      expect(await test.cloud.canHibernate(signal)).toBe(facts.hibernation)
    })

    it('writes tags, and overwrites them without touching others', async () => {
      await test.setTag('Name', 'ours')
      await test.cloud.writeTags(
        { [`${PREFIX}:IdleStatus`]: 'idle', [`${PREFIX}:IdleReason`]: 'held: ü & <b>' },
        signal,
      )
      await test.cloud.writeTags({ [`${PREFIX}:IdleStatus`]: 'active' }, signal)
      const stored = await test.stored()
      expect(stored.get(`${PREFIX}:IdleStatus`)).toBe('active')
      expect(stored.get(`${PREFIX}:IdleReason`)).toBe('held: ü & <b>')
      expect(stored.get('Name')).toBe('ours')
    })

    it('writes empty values', async () => {
      await test.cloud.writeTags({ [`${PREFIX}:IdleSince`]: '2026-11-22T17:54:00.000Z' }, signal)
      await test.cloud.writeTags({ [`${PREFIX}:IdleSince`]: '', [`${PREFIX}:IdleAction`]: '' }, signal)
      const stored = await test.stored()
      expect([stored.get(`${PREFIX}:IdleSince`), stored.get(`${PREFIX}:IdleAction`)]).toEqual(['', ''])
    })

    it('finds no operator tags where there are none, nor under another prefix', async () => {
      await test.setTag('Other:Protected', 'true')
      await test.setTag('Protected', 'true')
      expect(await test.cloud.operatorTags(PREFIX, signal)).toEqual({})
    })

    it("reads an operator's tags as they are now, raw", async () => {
      await test.setTag(`${PREFIX}:Protected`, ' Yes ')
      expect((await test.cloud.operatorTags(PREFIX, signal)).Protected?.trim()).toBe('Yes')
      await test.setTag(`${PREFIX}:KeepAwakeUntil`, '2026-11-22T18:00:00+01:00')
      expect((await test.cloud.operatorTags(PREFIX, signal)).KeepAwakeUntil).toBe('2026-11-22T18:00:00+01:00')
    })

    it('knows of nobody else who owns a fresh instance, and asks no API for it', async () => {
      const asked = { allow: [], owners: [], hibernate: facts.hibernation }
      const before = test.requests() - test.metadataRequests()
      expect((await test.cloud.ownership?.(asked, signal))?.refusal).toBeUndefined()
      expect(test.requests() - test.metadataRequests()).toBe(before)
    })

    it.each(methods)('%s: accepted, or refused with a sentence', async (method) => {
      const outcome = await test.cloud.act(method, signal)
      expect(outcome.result).toBe(facts.acts ? 'accepted' : 'refused')
      expect(test.stopping()).toBe(facts.acts)
      expect(outcome.result === 'accepted' ? outcome.detail : outcome.message).toMatch(/\w+ \w+/)
    })

    it.each(methods)('%s: a refusal is an outcome, and nothing stops', async (method) => {
      test.refuseStops()
      expect(await test.cloud.act(method, signal)).toMatchObject({ result: 'refused', code: expect.any(String) })
      expect(test.stopping()).toBe(false)
    })

    it('sends nothing when it was stopped before, and says so', async () => {
      const aborted = AbortSignal.abort()
      const calls = [
        test.cloud.identify(aborted),
        test.cloud.operatorTags(PREFIX, aborted),
        test.cloud.canHibernate(aborted),
        test.cloud.writeTags({ [`${PREFIX}:IdleStatus`]: 'idle' }, aborted),
      ]
      const owned = test.cloud.ownership?.({ allow: [], hibernate: true }, aborted)
      const results = await Promise.allSettled(owned === undefined ? calls : [...calls, owned])
      for (const result of results) {
        expect(result.status === 'rejected' && result.reason).toBeInstanceOf(CloudError)
      }
      expect((await test.cloud.act('stop', aborted)).result).toBe('refused')
      expect(test.requests()).toBe(0)
      expect((await test.stored()).size).toBe(0)
    })
  })
}
