/** The contract of the Azure driver against a loopback Azure. */
import { cloudContract } from '../contracts/clouds.ts'
import { watchConnections } from '../host/connections.ts'
import { startDriver } from './start-azure.ts'

const facts = { hibernation: true, acts: true, tellsStart: false, defaultAction: 'hibernate' } as const

cloudContract('azure', facts, async () => {
  const connections = watchConnections()
  const { azure, cloud } = await startDriver()
  const ours = [azure.metadataUrl, azure.apiUrl].map((url) => url.replace(/^https?:\/\//, ''))
  return {
    cloud,
    stored: async () => azure.instance().tags,
    setTag: async (key, value) => void azure.instance().tags.set(key, value),
    refuseStops: () => {
      azure.instance().lock = 'ReadOnly'
    },
    stopping: () => azure.instance().state !== 'running',
    requests: () => azure.requests.counts().total,
    metadataRequests: () => azure.requests.counts().metadata,
    strays: () => connections.begun.filter((to) => !ours.includes(to)),
    async close() {
      connections.stop()
      await azure.close()
    },
  }
})
