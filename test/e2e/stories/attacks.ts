// Attacks on the leases by nobody, without a guest: the same scripts as there (`test/guest/attacks.test.ts` has all of them).
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { prelude } from '../../guest/attackers.ts'
import { othersLeaseAttacks, quietLeaseAttacks } from '../../guest/lease-attacks.ts'
import { rawIn } from '../../guest/shown.ts'
import { fastest, startMachine } from '../machine.ts'
import { canMount, inNamespace } from '../namespace.ts'

/** Those that need nothing of a guest. */
const chosen = /^(forges|a lease until|renews|a lease of 1 GB|links, pipes|2,000 files|takes all)/
const attacks = [...quietLeaseAttacks, ...othersLeaseAttacks].filter(({ what }) => chosen.test(what))

test
  .skipIf(!canMount)
  .concurrent(
    `${String(attacks.length)} attacks on the leases at once hold no longer than the ceiling, and write to no terminal`,
    { timeout: 150_000 },
    async ({ onTestFinished }) => {
      const machine = await startMachine({ settings: { ...fastest, keep: '{ceiling_hours: 0.01}' } })
      onTestFinished(() => machine.close())
      chmodSync(machine.folder, 0o755)
      const started = attacks.map(({ script }, index) => {
        const path = join(machine.folder, `attack-${String(index)}`)
        writeFileSync(`${path}.py`, prelude + script)
        return `nobody timeout 120 python3 -B ${path}.py >${path}.out 2>&1 & pids="$pids $!"`
      })
      const outs = attacks.map((_, index) => join(machine.folder, `attack-${String(index)}.out`))
      const check = 'agent check --act --json $observed'
      const [, , , got, ended, ...shown] = await inNamespace(machine, [
        check,
        `pids=; ${started.join('; ')}`.replaceAll('&;', '&'),
        `until [ "$(grep -lx ready ${outs.join(' ')} | wc -l)" = ${String(outs.length)} ]; do sleep 0.1; done; sleep 1.5`,
        `for out in ${outs.join(' ')}; do grep -vx ready $out; echo ===; done`,
        `began=$(date +%s); for n in $(seq 40); do ${check} >/run/last 2>>/run/errors; ` +
          'grep -q \'"hibernate","result":"done"\' /run/last && break; sleep 1.7; done; ' +
          'echo "held for $(($(date +%s) - began)) s"; cat /run/last /run/errors; ls /run/idle-agent/leases | wc -l',
        'agent status; nobody /run/agent status; nobody /run/agent keep --list',
        'agent check $observed; agent check --json $observed',
        'cat /var/log/idle-agent/audit.jsonl /run/idle-agent/status.json; kill $pids',
      ])
      const each = (got?.out ?? '').split('===\n')
      for (const [index, { what, got: expected }] of attacks.entries()) expect(each[index], what).toMatch(expected)
      expect(machine.stops(), ended?.out).toEqual(['hibernate accepted'])
      const [, held = '', left = ''] = /held for (\d+) s(?:.|\n)*\n(\d+)\n*$/.exec(ended?.out ?? '') ?? []
      // The ceiling is 36 s, some of which were over when the last attacker was ready; what is left are places.
      expect([Number(held) > 20, Number(held) < 60, Number(left) < 60], ended?.out).toEqual([true, true, true])
      expect(ended?.out).toContain('lease of uid 65534 ended: its ceiling of 0.01 h without input')
      for (const { code, out } of shown) expect([code, rawIn(out, false)], out).toEqual([0, []])
    },
  )
