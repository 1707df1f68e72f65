// A process that contends for a lock, told by its arguments how; prints one word a line.
import { appendFileSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { LockedError } from '../agent/errors.ts'
import { createHost } from '../agent/host/real.ts'
import { acquireLock } from '../agent/lock.ts'

const [, , mode = '', dir = '', probe = ''] = process.argv
const host = createHost({ root: '/', env: {} })

/** Takes the lock again and again; under it, nobody else's probe file may exist. */
async function race(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    try {
      const lock = await acquireLock(host, dir)
      try {
        writeFileSync(probe, String(process.pid), { flag: 'wx' })
        await host.sleep(2)
        if (readFileSync(probe, 'utf8') !== String(process.pid)) appendFileSync(`${probe}.broken`, 'changed\n')
        unlinkSync(probe)
        appendFileSync(`${probe}.count`, '.')
      } finally {
        await lock.release()
      }
    } catch (error) {
      if (error instanceof LockedError) continue
      appendFileSync(`${probe}.broken`, `${String(error)}\n`)
    }
  }
}

async function hold(waitingUntil: string): Promise<void> {
  const lock = await acquireLock(host, dir)
  if (waitingUntil !== '') await lock.markWaiting(Number(waitingUntil))
  process.stdout.write('held\n')
  await host.sleep(60_000)
}

if (mode === 'race') await race(15)
else if (mode === 'hold') await hold(probe)
else {
  const outcome = await acquireLock(host, dir).then(
    () => 'held',
    (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : 'strange'),
  )
  process.stdout.write(`${outcome}\n`)
}
