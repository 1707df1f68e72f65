/** The in-memory cloud of the simulations behaves as the real drivers do. */
import { cloudContract } from '../contracts/clouds.ts'
import { createMemoryCloud } from '../host/memory-cloud.ts'

const facts = { hibernation: true, acts: true, tellsStart: true, defaultAction: 'hibernate' } as const

cloudContract('memory', facts, async () => {
  let refusing = false
  let stopped = false
  const cloud = createMemoryCloud({
    startedAt: () => '2026-11-22T08:00:00Z',
    onAct() {
      if (refusing) return { result: 'refused', why: 'protected', code: 'OperationNotPermitted', message: 'may not be' }
      stopped = true
      return { result: 'accepted', detail: 'request 1' }
    },
  })
  return {
    cloud,
    stored: async () => cloud.tags,
    setTag: async (key, value) => void cloud.tags.set(key, value),
    refuseStops: () => {
      refusing = true
    },
    stopping: () => stopped,
    requests: () => cloud.calls.length,
    metadataRequests: () => cloud.calls.length,
    strays: () => [],
    close: async () => {},
  }
})
