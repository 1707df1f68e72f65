// Leases of users who want more than their share.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseCheck } from '../check-object.ts'
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
      expect(status?.out).toMatch(/lease +of uid 65534 ended/)
    },
  )

/** Makes a lease for each of so many users. */
const crowd = `
import json, os, time
for uid in range(1000, 11000):
    path = f'/run/idle-agent/leases/{uid}-0'
    until = {'kind': 'until', 'wallMs': int(time.time() * 1000) + 3600000}
    with open(path, 'w') as file:
        file.write(json.dumps({'schema': 1, 'id': f'{uid}-0', 'reason': 'x' * 200, 'until': until}))
    os.chown(path, uid, uid)
`

test
  .skipIf(!canMount)
  .concurrent(
    'ten thousand leases of ten thousand users: a check within seconds, and a small state',
    { timeout: 90_000 },
    async ({ onTestFinished }) => {
      const machine = await startMachine({ settings: fastest })
      onTestFinished(() => machine.close())
      chmodSync(machine.folder, 0o755)
      writeFileSync(join(machine.folder, 'crowd.py'), crowd)
      const [, , held, sizes] = await inNamespace(machine, [
        'agent check --act $observed',
        `python3 ${machine.folder}/crowd.py; sleep 1.8`,
        'began=$(date +%s%N); agent check --act --json $observed; echo "ms $((($(date +%s%N) - began) / 1000000))"',
        'stat -c %s /var/lib/idle-agent/state.json /run/idle-agent/status.json',
      ])
      const [json = '', time = ''] = (held?.out ?? '').split('\n')
      expect(Number(time.replace('ms ', ''))).toBeLessThan(10_000)
      const { vetoes } = parseCheck({ stdout: `${json}\n`, stderr: '', code: held?.code ?? -1 })
      expect(vetoes).toHaveLength(17)
      expect(vetoes.at(-1)?.reason).toBe('9984 more leases')
      const [state = 0, status = 0] = (sizes?.out ?? '').trim().split('\n').map(Number)
      expect([state < 200_000, status < 20_000]).toEqual([true, true])
      process.stdout.write(`10,000 leases: check ${time}, state ${state} bytes, status ${status} bytes\n`)
    },
  )
