// Leases of users who want more than their share.
import { chmodSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fastest, startMachine } from '../machine.ts'
import { canMount, inNamespace } from '../namespace.ts'

test
  .skipIf(!canMount)
  .concurrent(
    'a user who keeps it up again and again holds it no longer than the ceiling, and that is told',
    { timeout: 150_000 },
    async ({ onTestFinished }) => {
      const machine = await startMachine({ settings: { ...fastest, keep: '{ceiling_hours: 0.01}' } })
      onTestFinished(() => machine.close())
      chmodSync(machine.folder, 0o755)
      const loop = [
        'began=$(date +%s); for n in $(seq 40); do nobody /run/agent release --all; nobody /run/agent keep --for 1h',
        `agent check --act --json $observed | tee /run/last | grep -q '"hibernate","result":"done"' && break`,
        'sleep 1.7; done; echo "held for $(($(date +%s) - began)) s"; cat /run/last',
      ].join('; ')
      const [, ended, status] = await inNamespace(machine, [
        'agent check --act $observed',
        loop,
        'nobody /run/agent status',
      ])
      expect(machine.stops()).toEqual(['hibernate accepted'])
      expect(Number(/held for (\d+) s/.exec(ended?.out ?? '')?.[1])).toBeGreaterThanOrEqual(35)
      expect(ended?.out).toContain('lease of uid 65534 ended: its ceiling of 0.01 h without input')
      expect(status?.out).toMatch(/lease +lease of uid 65534 ended/)
    },
  )
