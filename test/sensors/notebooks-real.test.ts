// The notebooks sensor beside real servers and kernels. Skipped, and shown as skipped, where Jupyter is not installed: CI has none.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Host } from '../../agent/host/host.ts'
import { createHost } from '../../agent/host/real.ts'
import { notebooks } from '../../agent/sensors/notebooks.ts'
import type { Sensor } from '../../agent/sensors/sensor.ts'
import { sessions } from '../../agent/sensors/sessions.ts'
import type { Options } from '../../agent/types/options.ts'
import type { Reading } from '../../agent/types.ts'
import { hasModules, type Jupyter, startJupyter } from './jupyter.ts'
import { defaults } from './machine.ts'

const machine = createHost({ root: '/', env: {} })

/** One look after the other. */
function watching<S, O extends Options>(sensor: Sensor<S, O>): () => Promise<Reading> {
  let before: { readonly sample: S; readonly now: ReturnType<Host['clocks']> } | undefined
  return async () => {
    const host = { ...machine }
    const now = host.clocks()
    const sample: S = JSON.parse(JSON.stringify(await sensor.read(host, new AbortController().signal, before?.sample)))
    const span = { now, ms: before === undefined ? 1 : now.monoMs - before.now.monoMs }
    const reading = sensor.judge(sample, before?.sample ?? sample, { span, limits: defaults(sensor.options) })
    before = { sample, now }
    return reading
  }
}

async function started(module: string): Promise<Jupyter> {
  const jupyter = await startJupyter(module)
  onTestFinished(jupyter.stop)
  return jupyter
}

const cell = (code: string) => ({ channel: 'shell', type: 'execute_request', code })
const sleeping = (seconds: number) => cell(`import time; time.sleep(${seconds})`)
const quick = cell('1 + 1')
const changeTab = { channel: 'control', type: 'kernel_info_request' }

const idle = { kind: 'idle', reason: '1 notebook kernel, none used since the last check' }
const weak = (reason: string) => ({ kind: 'hold', reason: expect.stringContaining(reason) })

describe.each(['notebook', 'jupyter_server'])('%s', (module) => {
  describe.skipIf(!hasModules(module, 'ipykernel'))('installed', { timeout: 90_000 }, () => {
    it('shows kernels idle, used, open and busy, whether it tells or not, and is not used by being asked', async () => {
      const jupyter = await started(module)
      const { uid } = jupyter
      const look = watching(notebooks)
      /** Looks until the machine has come to rest so far. */
      const becomes = (reading: object) => expect.poll(look, { timeout: 20_000, interval: 500 }).toMatchObject(reading)
      const busy = { kind: 'active', reason: expect.stringMatching(`^uid ${uid}: notebook kernel busy for \\d+ s`) }
      const used = { kind: 'active', reason: expect.stringMatching(`^uid ${uid}: notebook kernel used \\d+ s ago`) }

      const id = await jupyter.kernel()
      await becomes(idle)
      const status = await jupyter.status()
      await look()
      expect(await jupyter.status()).toBe(status)

      await jupyter.send(id, quick)
      await becomes(used)
      await becomes(idle)
      const client = await jupyter.connect(id)
      await becomes(weak('open in a browser'))
      client.close()
      await becomes(idle)

      await jupyter.send(id, sleeping(5))
      expect(await look()).toMatchObject(busy)
      // From here on the server itself tells idle.
      await jupyter.send(id, changeTab)
      await look()
      expect(await look()).toMatchObject(busy)
      await becomes(idle)

      jupyter.hideToken()
      await becomes(weak('does not tell'))
      await jupyter.send(id, quick)
      await becomes(used)
      await becomes(weak('does not tell'))
      await jupyter.send(id, sleeping(60))
      expect(await look()).toMatchObject(busy)
      expect(await look()).toMatchObject(busy)
    })

    it.skipIf(!hasModules('terminado'))('shows what is typed in its terminals to the sessions sensor', async () => {
      const jupyter = await started(module)
      await jupyter.kernel()
      const terminal = await jupyter.terminal()
      const look = watching(sessions)
      await look()
      const typed = async () => {
        await jupyter.type(terminal, 'true\r')
        return await look()
      }
      // The kernel shows one read in 8 s.
      await expect
        .poll(typed, { timeout: 12_000, interval: 200 })
        .toMatchObject({ kind: 'active', person: true, uids: [jupyter.uid] })
    })
  })
})
